//! Loading a dump: into psql, by way of `pg_restore` where it is an archive.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use backlot_postgres::{Access, Connection, Installation, quote_identifier};
use backlot_process::{Child, Program, SpawnOptions, Stream};

use crate::error::DumpError;
use crate::form::{Dump, Form};
use crate::text::Text;

/// How long the server may take to answer a question.
const ANSWER: Duration = Duration::from_secs(30);
/// How long it may take to look at all tables.
const ANALYZING: Duration = Duration::from_hours(1);
/// How long a program may take to end that has nothing to read any more: indexes may be made of what it has read.
const WORKING: Duration = Duration::from_hours(24);
/// How many lines of an error are shown.
const SAID: usize = 8;
/// How psql begins what it says of a line.
const PLACE: &str = "psql:<stdin>:";

/// Where dumps are loaded.
#[derive(Debug)]
pub struct Loader<'a> {
    /// The programs.
    pub installation: &'a Installation,
    /// Other folders in which they may be.
    pub path: Vec<PathBuf>,
    /// The database, as its superuser.
    pub access: &'a Access,
    /// A folder for what the programs say.
    pub scratch: &'a Path,
    /// Set when the caller asks to stop.
    pub interrupted: &'a AtomicBool,
}

/// What has come of a dump.
#[derive(Debug)]
pub struct Loaded {
    /// The roles that were made for it, which cannot log in.
    pub roles: Vec<String>,
}

/// What the programs have to say.
struct Ended {
    is_well: bool,
    said: Vec<String>,
}

impl Ended {
    fn check(self, dump: &Dump) -> Result<(), DumpError> {
        match self {
            Self { is_well: true, .. } => Ok(()),
            Self { is_well: false, said } => Err(DumpError::Archive { file: dump.file.clone(), said }),
        }
    }
}

impl Loader<'_> {
    /// Loads it, whole or with an error.
    ///
    /// # Errors
    /// When something of it does not load. What has been loaded before is of no use any more.
    pub fn load(&self, dump: &Dump) -> Result<Loaded, DumpError> {
        let seen = self.look_through(dump)?;
        let roles = self.make_roles(dump, &seen.roles)?;
        let psql = self.program("psql", dump)?;
        let psql = psql
            .args(["--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", "--file=-"])
            .envs(self.access.libpq_env());
        let (log, file) = self.log("psql", dump)?;
        let options =
            SpawnOptions { stdin: Stream::Pipe, stderr: Stream::File(file), ..SpawnOptions::default() };
        let mut psql = psql.spawn(options).map_err(|source| failed(dump, source))?;
        let mut stdin = psql.take_stdin();
        let mut text = Text::default();
        let archive = self.pass(dump, &[], &mut |bytes| {
            text.read(bytes);
            match stdin.as_mut().map(|stdin| stdin.write_all(bytes)) {
                // It has said why.
                Some(Err(error)) if error.kind() == ErrorKind::BrokenPipe => Ok(false),
                Some(Err(source)) => Err(DumpError::Read { file: dump.file.clone(), source }),
                Some(Ok(())) | None => Ok(true),
            }
        });
        if !matches!(&archive, Ok(archive) if archive.is_well) {
            // Half of it is not to be taken for the whole.
            let _ = psql.kill();
        }
        archive?.check(dump)?;
        drop(stdin);
        let psql = self.end(psql, &log, dump)?;
        if !psql.is_well {
            return Err(self.statement(dump, &psql.said, &text, seen.major));
        }
        let mut connection = self.connect(ANALYZING, dump)?;
        connection.run("ANALYZE").map_err(|source| DumpError::Server { file: dump.file.clone(), source })?;
        Ok(Loaded { roles })
    }

    /// Reads it once: which roles it needs, whether it is whole. The rows of an archive are left for later.
    fn look_through(&self, dump: &Dump) -> Result<Text, DumpError> {
        let mut text = Text::default();
        let archive = self.pass(dump, &["--schema-only"], &mut |bytes| {
            text.read(bytes);
            Ok(!text.is_cluster && text.elsewhere.is_none())
        })?;
        text.finish();
        let file = dump.file.clone();
        if text.is_cluster {
            return Err(DumpError::Cluster { file });
        }
        if let Some((line, statement)) = text.elsewhere {
            return Err(DumpError::Elsewhere { file, line, statement });
        }
        archive.check(dump)?;
        if text.is_cut() {
            return Err(DumpError::Cut { file, line: text.line, object: text.object_at(text.line) });
        }
        Ok(text)
    }

    /// Hands the SQL of a dump on for as long as somebody wants more of it.
    fn pass(
        &self,
        dump: &Dump,
        arguments: &[&str],
        take: &mut dyn FnMut(&[u8]) -> Result<bool, DumpError>,
    ) -> Result<Ended, DumpError> {
        let well = || Ended { is_well: true, said: Vec::new() };
        if dump.form == Form::Plain {
            let mut reader = dump.reader().map_err(|error| unreadable(dump, error))?;
            self.hand_on(&mut reader, dump, take)?;
            return Ok(well());
        }
        let mut restore =
            self.program("pg_restore", dump)?.args(["--file=-"]).args(arguments.iter().copied());
        let mut stdin = Stream::Null;
        if dump.is_as_it_lies() {
            restore = restore.arg(&dump.file);
        } else {
            stdin = Stream::Pipe;
        }
        let (log, file) = self.log("pg_restore", dump)?;
        let options = SpawnOptions {
            stdin,
            stdout: Stream::Pipe,
            stderr: Stream::File(file),
            ..SpawnOptions::default()
        };
        let mut restore = restore.spawn(options).map_err(|source| failed(dump, source))?;
        let (input, output) = (restore.take_stdin(), restore.take_stdout());
        let (is_over, fed) = std::thread::scope(|scope| {
            let feeding = scope.spawn(move || match input {
                Some(mut input) => {
                    dump.reader().and_then(|mut reader| io::copy(&mut reader, &mut input)).map(drop)
                }
                None => Ok(()),
            });
            let handed = output.map_or(Ok(true), |mut output| self.hand_on(&mut output, dump, take));
            if !matches!(handed, Ok(true)) {
                // Whoever still feeds it ends with it.
                let _ = restore.kill();
            }
            (handed, feeding.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
        });
        if !is_over? {
            return Ok(well());
        }
        match fed {
            // It has said why.
            Err(error) if error.kind() != ErrorKind::BrokenPipe => return Err(unreadable(dump, error)),
            Ok(()) | Err(_) => {}
        }
        self.end(restore, &log, dump)
    }

    /// Whether all of it was wanted.
    fn hand_on(
        &self,
        from: &mut dyn Read,
        dump: &Dump,
        take: &mut dyn FnMut(&[u8]) -> Result<bool, DumpError>,
    ) -> Result<bool, DumpError> {
        let mut buffer = vec![0; 1 << 16];
        loop {
            if self.interrupted.load(Ordering::Relaxed) {
                return Err(DumpError::Interrupted);
            }
            match from.read(&mut buffer) {
                Ok(0) => return Ok(true),
                Ok(count) => {
                    if !take(&buffer[..count])? {
                        return Ok(false);
                    }
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(unreadable(dump, error)),
            }
        }
    }

    /// Makes the roles that are not there, without a login.
    fn make_roles(&self, dump: &Dump, named: &BTreeSet<String>) -> Result<Vec<String>, DumpError> {
        if named.is_empty() {
            return Ok(Vec::new());
        }
        let server = |source| DumpError::Server { file: dump.file.clone(), source };
        let mut connection = self.connect(ANSWER, dump)?;
        let there =
            connection.query_one_text("SELECT string_agg(rolname, chr(10)) FROM pg_roles").map_err(server)?;
        let there = there.unwrap_or_default();
        let there: BTreeSet<&str> = there.lines().collect();
        let missing: Vec<String> =
            named.iter().filter(|role| !there.contains(role.as_str())).cloned().collect();
        for role in &missing {
            connection.run(&format!("CREATE ROLE {}", quote_identifier(role))).map_err(server)?;
        }
        Ok(missing)
    }

    /// The statement that fails, and what it belongs to.
    fn statement(&self, dump: &Dump, said: &[String], text: &Text, made: Option<u32>) -> DumpError {
        let line = said.iter().find_map(|line| {
            line.strip_prefix(PLACE)?.split_once(':').and_then(|(number, _)| number.parse().ok())
        });
        let object = line.and_then(|line| text.object_at(line));
        let prefix = line.map(|line| format!("{PLACE}{line}: ")).unwrap_or_default();
        let said = said.iter().map(|line| line.strip_prefix(&prefix).unwrap_or(line).to_owned()).collect();
        // Lines of an archive are nobody's but ours.
        let line = line.filter(|_| dump.form == Form::Plain);
        let versions = made.map(|made| (made, self.installation.version.major));
        DumpError::Statement { file: dump.file.clone(), line, object, said, versions }
    }

    fn connect(&self, limit: Duration, dump: &Dump) -> Result<Connection, DumpError> {
        Connection::open(self.access, limit)
            .map_err(|source| DumpError::Server { file: dump.file.clone(), source })
    }

    fn program(&self, name: &'static str, dump: &Dump) -> Result<Program, DumpError> {
        let elsewhere = || self.path.iter().map(|folder| folder.join(name)).find(|program| program.is_file());
        let program = self.installation.client(name).or_else(elsewhere);
        let program =
            program.ok_or_else(|| DumpError::NoProgram { program: name, file: dump.file.clone() })?;
        let path = std::env::join_paths(&self.path).unwrap_or_default();
        Ok(Program::new(program).env("LC_ALL", "C").env("PATH", path).current_dir(self.scratch))
    }

    fn log(&self, name: &str, dump: &Dump) -> Result<(PathBuf, File), DumpError> {
        let path = self.scratch.join(format!("{name}.log"));
        let file = File::create(&path).map_err(|source| unreadable(dump, source))?;
        Ok((path, file))
    }

    fn end(&self, mut program: Child, log: &Path, dump: &Dump) -> Result<Ended, DumpError> {
        let start = std::time::Instant::now();
        let status = loop {
            if let Some(status) =
                program.wait(Duration::from_millis(200)).map_err(|source| failed(dump, source))?
            {
                break Some(status);
            }
            if self.interrupted.load(Ordering::Relaxed) {
                let _ = program.kill();
                return Err(DumpError::Interrupted);
            }
            if start.elapsed() > WORKING {
                let _ = program.kill();
                break None;
            }
        };
        let said = backlot_files::bytes(log, 1 << 20).unwrap_or_default();
        let said = String::from_utf8_lossy(&said).lines().take(SAID).map(str::to_owned).collect();
        Ok(Ended { is_well: status.is_some_and(|status| status.success()), said })
    }
}

fn unreadable(dump: &Dump, source: io::Error) -> DumpError {
    DumpError::Read { file: dump.file.clone(), source }
}

fn failed(dump: &Dump, source: backlot_process::ProcessError) -> DumpError {
    DumpError::Process { file: dump.file.clone(), source }
}
