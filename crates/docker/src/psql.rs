//! psql on a machine that has none: the one in the database's container.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use backlot_process::Program;
use backlot_state::fill::{PsqlHere, RunsPsql};
use backlot_state::{Beside, EngineError, LiveDatabase, tools};

use crate::client::Client;

/// Where a scenario's folder is copied to in the container.
const FOLDER: &str = "/tmp/backlot-scenario";

impl Client {
    /// The program that runs psql in the container of `database`, as its superuser.
    pub fn psql(&self, database: &LiveDatabase, terminal: bool, arguments: &[OsString]) -> Option<Program> {
        self.psql_in(database, None, terminal, arguments)
    }

    fn psql_in(
        &self,
        database: &LiveDatabase,
        folder: Option<&str>,
        terminal: bool,
        arguments: &[OsString],
    ) -> Option<Program> {
        let program = self.exec(database.container.as_ref()?, terminal, folder.map(OsStr::new));
        // Its socket asks for no password.
        let program = program.args(["psql", "-U", &database.access.user, "-d", database.database()]);
        Some(program.args(arguments.iter().cloned()))
    }

    /// A command in a container. The values of its variables are the client's, and none of its arguments, which everybody sees.
    pub(super) fn beside(&self, container: &str, beside: &Beside) -> Program {
        let names: Vec<&str> = beside.variables.keys().map(String::as_str).collect();
        let directory = beside.directory.as_deref().map(AsRef::as_ref);
        let program = self.exec_with(container, beside.terminal, directory, &names);
        program.args(beside.command.iter().cloned()).envs(&beside.variables)
    }

    /// What runs the command in a container that is then added.
    pub(super) fn exec(&self, container: &str, terminal: bool, directory: Option<&OsStr>) -> Program {
        self.exec_with(container, terminal, directory, &[])
    }

    fn exec_with(
        &self,
        container: &str,
        terminal: bool,
        directory: Option<&OsStr>,
        variables: &[&str],
    ) -> Program {
        let mut program = self.docker(["exec", "--interactive"]);
        if terminal {
            program = program.arg("--tty");
        }
        if let Some(directory) = directory {
            program = program.arg("--workdir").arg(directory);
        }
        for name in variables {
            program = program.arg("--env").arg(name);
        }
        program.arg(container)
    }
}

/// The psql of this machine, else that of the container.
#[derive(Debug)]
pub(super) struct Psql<'a> {
    client: &'a Client,
    live: &'a LiveDatabase,
    here: Option<PathBuf>,
}

impl<'a> Psql<'a> {
    pub(super) fn new(
        client: &'a Client,
        live: &'a LiveDatabase,
        variables: &BTreeMap<String, String>,
    ) -> Self {
        Self { client, live, here: tools::psql(live.programs.as_ref(), variables) }
    }
}

impl Psql<'_> {
    /// The container whose psql is taken; none when this machine has one.
    fn container(&self) -> Option<&String> {
        let is_here = self.here.is_some();
        self.live.container.as_ref().filter(|_| !is_here)
    }
}

impl RunsPsql for Psql<'_> {
    fn name_of<'f>(&self, file: &'f Path) -> &'f Path {
        match self.container() {
            Some(_) => file.file_name().map_or(file, Path::new),
            None => file,
        }
    }

    fn program(
        &self,
        file: &Path,
        arguments: &[OsString],
        variables: &BTreeMap<String, String>,
    ) -> Result<Program, EngineError> {
        let here = PsqlHere(self.live.programs.as_ref());
        let Some(container) = self.container() else { return here.program(file, arguments, variables) };
        // The whole folder goes in, so that `\i` and `\copy` find their neighbours; `/.` copies what is in it.
        let folder = file.parent().unwrap_or(Path::new("/"));
        self.client.ask(["exec", container, "mkdir", "-p", FOLDER])?;
        let source = folder.join(".");
        let copy = ["cp".into(), source.into_os_string(), format!("{container}:{FOLDER}").into()];
        self.client.ask::<OsString>(copy)?;
        let program = self.client.psql_in(self.live, Some(FOLDER), false, arguments);
        program.map_or_else(|| here.program(file, arguments, variables), Ok)
    }
}
