//! `backlot scenario new`

use std::fs::{self, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use backlot_engine::tools;
use backlot_process::{Program, Stdout};
use backlot_project::{Project, ScenarioName, ScenarioSource};
use serde_json::json;

use crate::context::Context;
use crate::error::CommandError;
use crate::exit::Exit;
use crate::render;

/// Write the file of a new scenario, to be filled in; or make it of a dump or of CSV files
///
/// It is in Python where the project's other scenarios are, or the project is; else it is SQL. What `pg_dump` has written (plain, or its custom
/// format) becomes `scenarios/NAME.sql`; CSV files become the folder `scenarios/NAME/`, each loaded into the table that it is named after.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The scenario's name
    name: String,
    /// A dump, SQL files or CSV files that it is made of, in this order (repeatable)
    #[arg(long, value_name = "FILE", num_args = 1..)]
    from: Vec<PathBuf>,
}

/// A file that is to be written.
struct Planned {
    path: PathBuf,
    what: What,
}

enum What {
    Text(String),
    Copy(PathBuf),
    /// What `pg_restore` writes of it.
    Restored(PathBuf),
}

pub fn run(args: &Args, context: &Context) -> Result<Exit, CommandError> {
    let project = context.project()?;
    let name = ScenarioName::parse(&args.name)?;
    if project.scenario_source(&name)? != ScenarioSource::Empty {
        let error = format!("scenarios/ has a file for {name} already");
        return Err(CommandError::failed("exists", error).hint("choose another name"));
    }
    let planned = if args.from.is_empty() {
        vec![scaffold(&project, &name)]
    } else {
        of_files(&args.from, &project, &name, context)?
    };
    if context.global.dry_run {
        let steps: Vec<String> =
            planned.iter().map(|file| format!("write {}", file.path.display())).collect();
        return context.show_steps(&steps);
    }
    for file in &planned {
        write(file, context)?;
    }
    if context.global.json {
        let paths: Vec<_> = planned.iter().map(|file| &file.path).collect();
        render::json(&json!({ "files": paths }));
    } else if !context.global.quiet {
        for file in &planned {
            let path = file.path.strip_prefix(project.root()).unwrap_or(&file.path);
            render::line(&format!("{}: written, and yours to change", path.display()));
        }
        render::line(&format!("  {}", context.line(&format!("scenario up {name}"))));
    }
    Ok(Exit::Done)
}

/// An example in the language of the project.
fn scaffold(project: &Project, name: &ScenarioName) -> Planned {
    let folder = project.root().join("scenarios");
    let others = fs::read_dir(&folder).into_iter().flatten().flatten();
    let endings: Vec<_> =
        others.filter_map(|entry| entry.path().extension().map(ToOwned::to_owned)).collect();
    let has = |ending: &str| endings.iter().any(|other| other == ending);
    let is_python = ["requirements.txt", "requirements", "pyproject.toml", "manage.py"]
        .iter()
        .any(|file| project.root().join(file).exists());
    if has("py") || (is_python && !has("sql")) {
        let text = format!(
            "\"\"\"The scenario {name}: `backlot scenario up {name}` calls run(), with the application's own variables set.\"\"\"\n\n\ndef run():\n    \
             # For example:\n    #     from application.app import create_app\n    #     with create_app(\"development\").app_context():\n    #         ...\n    \
             pass\n"
        );
        return Planned { path: folder.join(format!("{name}.py")), what: What::Text(text) };
    }
    let text = format!(
        "-- The scenario {name}: `backlot scenario up {name}` runs this with psql, in a new database that is migrated already.\n-- For example:\n\
         --     INSERT INTO users (email) VALUES ('ada@example.com');\n"
    );
    Planned { path: folder.join(format!("{name}.sql")), what: What::Text(text) }
}

/// What is made of the files that are named.
fn of_files(
    files: &[PathBuf],
    project: &Project,
    name: &ScenarioName,
    context: &Context,
) -> Result<Vec<Planned>, CommandError> {
    let here = context.caller.directory.as_ref().ok();
    let folder = project.root().join("scenarios");
    let mut planned = Vec::new();
    for (number, file) in files.iter().enumerate() {
        let file = here.map_or_else(|| file.clone(), |here| here.join(file));
        let beginning = beginning(&file)?;
        let ending =
            file.extension().and_then(|ending| ending.to_str()).unwrap_or_default().to_ascii_lowercase();
        let (ending, what) = match ending.as_str() {
            _ if beginning.starts_with(b"PGDMP") => ("sql", What::Restored(file.clone())),
            "csv" => ("csv", What::Copy(file.clone())),
            _ if beginning.starts_with(b"\x1f\x8b") || beginning.contains(&0) => {
                let error =
                    format!("{} is neither SQL, CSV nor a dump in pg_dump's custom format", file.display());
                return Err(
                    CommandError::usage("unknown-format", error).hint("unpack it first, if it is compressed")
                );
            }
            _ => ("sql", What::Copy(file.clone())),
        };
        let path = if files.len() == 1 && ending == "sql" {
            folder.join(format!("{name}.sql"))
        } else {
            let stem = file.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
            let stem = stem.trim_start_matches(|c: char| c.is_ascii_digit()).trim_start_matches(['-', '_']);
            folder.join(name.as_str()).join(format!("{:02}-{stem}.{ending}", number + 1))
        };
        planned.push(Planned { path, what });
    }
    Ok(planned)
}

/// The first bytes of a file.
fn beginning(file: &Path) -> Result<Vec<u8>, CommandError> {
    let mut bytes = Vec::new();
    let read = backlot_files::open(file).and_then(|opened| opened.take(512).read_to_end(&mut bytes));
    read.map_err(|error| failed("read", file, &error))?;
    Ok(bytes)
}

fn write(file: &Planned, context: &Context) -> Result<(), CommandError> {
    let unwritable = |error: io::Error| failed("write", &file.path, &error);
    fs::create_dir_all(file.path.parent().unwrap_or(&file.path)).map_err(unwritable)?;
    // What is there is never written over; a dump may hold what is not for everybody.
    let mode = if matches!(file.what, What::Text(_)) { 0o666 } else { 0o600 };
    let mut target =
        OpenOptions::new().write(true).create_new(true).mode(mode).open(&file.path).map_err(unwritable)?;
    match &file.what {
        What::Text(text) => target.write_all(text.as_bytes()).map_err(unwritable),
        What::Copy(from) => {
            let mut source = backlot_files::open(from).map_err(|error| failed("read", from, &error))?;
            io::copy(&mut source, &mut target).map(drop).map_err(unwritable)
        }
        What::Restored(from) => restore(from, &file.path, context),
    }
}

/// Has `pg_restore` write a dump as SQL.
fn restore(dump: &Path, path: &Path, context: &Context) -> Result<(), CommandError> {
    let Some(program) = tools::on_path("pg_restore", &context.caller.variables) else {
        let _ = fs::remove_file(path);
        let error = format!(
            "{} is in pg_dump's custom format, and no pg_restore is on PATH to read it",
            dump.display()
        );
        return Err(CommandError::failed("no-program", error).hint("dump it as SQL: pg_dump --format=plain"));
    };
    let program = Program::new(program).args(["--no-owner", "--no-privileges", "--file"]).arg(path).arg(dump);
    let ended = program.envs(&context.caller.variables).run(Stdout::OurStderr, &context.interrupted)?;
    if ended.status.success() {
        return Ok(());
    }
    let _ = fs::remove_file(path);
    Err(CommandError::failed("restore", format!("pg_restore cannot read {}", dump.display())))
}

fn failed(what: &str, path: &Path, error: &io::Error) -> CommandError {
    CommandError::failed(
        "io",
        io::Error::new(error.kind(), format!("cannot {what} {}: {error}", path.display())),
    )
}
