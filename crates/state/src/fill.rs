//! Filling a scenario's database with what its file says.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::sync::{Mutex, PoisonError};

use backlot_postgres::{Installation, quote_identifier, quote_literal};
use backlot_process::{Program, Stdout, exit_code};
use backlot_project::ScenarioSource;

use crate::error::EngineError;
use crate::how_far::Loading;
use crate::tools;

/// Imports the module as `import scenarios.users` in the project's directory would, and calls its `run()`. An `async` one
/// does nothing until it is awaited.
const PYTHON: &str = "\
import importlib, sys
module = importlib.import_module(sys.argv[1])
if not callable(getattr(module, 'run', None)):
    sys.exit(f'{module.__file__} has no function run()')
result = module.run()
if hasattr(result, '__await__'):
    import asyncio
    asyncio.run(result)
";

/// Something that runs psql.
pub trait RunsPsql {
    /// What psql is to know `file` by.
    fn name_of<'f>(&self, file: &'f Path) -> &'f Path;

    /// The program that runs psql with these arguments in the folder of `file`.
    ///
    /// # Errors
    /// When there is no psql.
    fn program(
        &self,
        file: &Path,
        arguments: &[OsString],
        variables: &BTreeMap<String, String>,
    ) -> Result<Program, EngineError>;
}

/// The psql of this machine.
#[derive(Debug)]
pub struct PsqlHere<'a>(pub Option<&'a Installation>);

impl RunsPsql for PsqlHere<'_> {
    fn name_of<'f>(&self, file: &'f Path) -> &'f Path {
        file
    }

    fn program(
        &self,
        file: &Path,
        arguments: &[OsString],
        variables: &BTreeMap<String, String>,
    ) -> Result<Program, EngineError> {
        let psql = tools::psql(self.0, variables)
            .ok_or_else(|| EngineError::NoProgram { program: "psql", needed_by: file.to_owned() })?;
        let folder = file.parent().unwrap_or(Path::new("/"));
        Ok(Program::new(psql).args(arguments.iter().cloned()).current_dir(folder))
    }
}

/// What a scenario's program runs with.
pub struct Filler<'a> {
    /// The project's directory.
    pub root: &'a Path,
    /// The whole environment of the program.
    pub variables: BTreeMap<String, String>,
    /// How psql is run in a folder with arguments.
    pub psql: &'a dyn RunsPsql,
    /// Where what the scenario prints goes.
    pub stdout: Stdout,
    /// Is told which of several files runs.
    pub loading: &'a Loading,
    /// Set when the caller asks to stop.
    pub interrupted: &'a AtomicBool,
    /// What it has printed there, where that is to be known.
    pub printed: Option<&'a Mutex<Vec<u8>>>,
}

impl Filler<'_> {
    /// Runs the scenario. `Ok(0)` is a filled database, any other code is the scenario's own failure.
    pub fn fill(&self, source: &ScenarioSource) -> Result<u8, EngineError> {
        match source {
            ScenarioSource::Empty => Ok(0),
            ScenarioSource::Python { file, module } => {
                let python = tools::python(&self.variables)
                    .ok_or_else(|| EngineError::NoProgram { program: "python3", needed_by: file.clone() })?;
                self.run(&Program::new(python).args(["-c", PYTHON, module]).current_dir(self.root))
            }
            ScenarioSource::Sql { file } => self.sql(file),
            ScenarioSource::CargoExample { file, name } => {
                let cargo = tools::on_path("cargo", &self.variables)
                    .ok_or_else(|| EngineError::NoProgram { program: "cargo", needed_by: file.clone() })?;
                let cargo = Program::new(cargo).args(["run", "--quiet", "--example", name]);
                self.run(&cargo.current_dir(self.root))
            }
            ScenarioSource::Executable { file } => self.run(&Program::new(file).current_dir(self.root)),
            ScenarioSource::Folder { files, .. } => self.folder(files),
        }
    }

    fn folder(&self, files: &[PathBuf]) -> Result<u8, EngineError> {
        for file in files {
            self.loading.begin(file);
            let code = match file.extension().and_then(|extension| extension.to_str()) {
                Some("csv") => self.csv(file)?,
                Some(_) | None => self.sql(file)?,
            };
            if code != 0 {
                return Ok(code);
            }
        }
        Ok(0)
    }

    /// Runs a file with psql in the file's own folder, so that `\i` and `\copy` find their neighbours.
    fn sql(&self, file: &Path) -> Result<u8, EngineError> {
        self.psql(file, &["--file".into(), self.psql.name_of(file).into()])
    }

    /// Loads a file into the table that it is named after; its first line names the columns.
    fn csv(&self, file: &Path) -> Result<u8, EngineError> {
        let failed = |source| EngineError::Io { what: "read", path: file.to_owned(), source };
        let columns = header(&mut backlot_files::open(file).map_err(failed)?.take(MOST_HEADER), file)?;
        let columns: Vec<String> = columns.iter().map(|column| quote_identifier(column)).collect();
        let copy = format!(
            "\\copy {} ({}) FROM {} WITH (FORMAT csv, HEADER true)",
            quote_identifier(&table_of(file)),
            columns.join(", "),
            quote_literal(&self.psql.name_of(file).display().to_string()),
        );
        self.psql(file, &["--command".into(), copy.into()])
    }

    /// Runs psql in the file's own folder, stopping at the first error.
    fn psql(&self, file: &Path, arguments: &[OsString]) -> Result<u8, EngineError> {
        let quiet = ["--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1"].map(OsString::from);
        let arguments: Vec<OsString> = quiet.into_iter().chain(arguments.iter().cloned()).collect();
        self.run(&self.psql.program(file, &arguments, &self.variables)?)
    }

    /// Runs a program of the scenario on the terminal.
    fn run(&self, program: &Program) -> Result<u8, EngineError> {
        let program = program.clone().envs(&self.variables);
        let ended = match self.printed {
            None => program.run(self.stdout, self.interrupted)?,
            Some(printed) => {
                // What goes through a pipe would come at the end only.
                let program = program.env("PYTHONUNBUFFERED", "1");
                let mut printed = printed.lock().unwrap_or_else(PoisonError::into_inner);
                program.run_kept(self.stdout, self.interrupted, &mut printed)?
            }
        };
        if ended.interrupted {
            return Err(EngineError::Interrupted);
        }
        Ok(exit_code(ended.status))
    }
}

/// The longest first line of a CSV file, in bytes.
const MOST_HEADER: u64 = 1 << 20;

/// The table of a CSV file: its name without the extension and without a leading number (`01-users.csv` → `users`).
fn table_of(file: &Path) -> String {
    let stem = file.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
    let rest = stem.trim_start_matches(|c: char| c.is_ascii_digit());
    match rest.strip_prefix(['-', '_']) {
        Some(table) if rest.len() < stem.len() && !table.is_empty() => table.to_owned(),
        Some(_) | None => stem,
    }
}

/// The column names in a CSV file's first line.
fn header(text: &mut impl Read, file: &Path) -> Result<Vec<String>, EngineError> {
    let mut reader = csv::ReaderBuilder::new().has_headers(true).from_reader(text);
    let header = reader
        .headers()
        .map_err(|source| EngineError::CsvHeader { file: file.to_owned(), source: Some(source) })?;
    let columns: Vec<String> =
        header.iter().map(|column| column.trim_start_matches('\u{feff}').to_owned()).collect();
    if columns.iter().all(String::is_empty) {
        return Err(EngineError::CsvHeader { file: file.to_owned(), source: None });
    }
    Ok(columns)
}

#[cfg(test)]
mod tests {
    use super::{header, table_of};
    use std::path::Path;

    #[test]
    fn a_csv_file_is_named_after_its_table() {
        for (file, table) in [
            ("users.csv", "users"),
            ("01-users.csv", "users"),
            ("002_user_roles.csv", "user_roles"),
            ("2024.csv", "2024"),
            ("7-.csv", "7-"),
            ("-x.csv", "-x"),
        ] {
            assert_eq!(table_of(&Path::new("scenarios/some").join(file)), table);
        }
    }

    #[test]
    fn the_first_line_names_the_columns() {
        let columns = |text: &str| header(&mut text.as_bytes(), Path::new("x.csv"));
        assert_eq!(columns("id,\"e,mail\"\n1,x\n").unwrap(), ["id", "e,mail"]);
        assert_eq!(columns("\u{feff}id\n").unwrap(), ["id"]);
        assert!(columns("").is_err());
        assert!(columns("\n\n").is_err());
    }
}
