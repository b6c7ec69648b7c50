//! The program of a service: its file, directory and variables.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use backlot_facts::address::{Address, HERE};
use backlot_facts::container::Container;
use backlot_facts::references::replaced;
use backlot_facts::variables::{ABOVE_HOST, RunningDatabase, variables};
use backlot_postgres::Access;
use backlot_process::{Flaw, OF_THE_TERMINAL, caller_allow_list};
use backlot_project::stack::HealthTest;
use backlot_state::tools::{
    is_executable, keep_tree_clean, on_path, virtual_environment, with_virtual_environment,
};

use crate::{error::StackError, ports::Ports, translation::Translation};

/// The port that Postgres usually listens on.
const POSTGRES: u16 = 5432;
/// Variables by which programs are told their port.
pub(crate) const PORT_VARIABLES: [&str; 3] = ["PORT", "FLASK_RUN_PORT", "UVICORN_PORT"];
/// Ends of names of variables that hold a host.
const HOST_ENDS: [&str; 6] = ["HOST", "HOSTNAME", "SERVER", "ADDR", "ADDRESS", "BROKER"];
/// Variables of a Dockerfile that are about the container's own files.
const OF_THE_CONTAINER: [&str; 6] = ["PATH", "HOME", "LD_LIBRARY_PATH", "PYTHONPATH", "VIRTUAL_ENV", "PWD"];
/// Variables that tell where the database is, host and port.
const DATABASE_PLACES: [(&str, &str); 3] =
    [("POSTGRES_HOSTNAME", "POSTGRES_PORT"), ("POSTGRES_HOST", "POSTGRES_PORT"), ("PGHOST", "PGPORT")];
/// Files that list what a Python project needs.
const REQUIREMENTS: [&str; 3] = ["requirements.txt", "requirements/development.txt", "requirements/dev.txt"];

/// The words of a service's command.
pub(crate) fn words(container: &Container<'_>) -> Result<Vec<String>, StackError> {
    let (service, at) = (container.service.name.clone(), container.service.location.clone());
    let image = container.image().map(|image| image.repository.clone());
    if let Some(words) = container.command() {
        return match words.first().filter(|word| word.starts_with('-')) {
            Some(option) => Err(StackError::Options { service, option: option.clone(), image, at }),
            None => Ok(interpreted(container, words)),
        };
    }
    if let Some((path, error)) = &container.unread {
        let (path, reason) = (path.clone(), error.to_string());
        return Err(StackError::Dockerfile { service, path, reason, at });
    }
    Err(StackError::NoCommand { service, image, is_built: container.service.build.is_some(), at })
}

/// The command with the interpreter of its script before it, where only the Dockerfile makes that executable.
fn interpreted(container: &Container<'_>, words: Vec<String>) -> Vec<String> {
    let Some((first, rest)) = words.split_first() else { return words };
    let made = || container.own_program(first).filter(|file| !is_executable(file));
    let Some(file) = Some(()).filter(|()| container.dockerfile.makes_executable).and_then(|()| made()) else {
        return words;
    };
    let text = backlot_files::bytes(&file, backlot_files::MOST).unwrap_or_default();
    let line = text.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let Some(line) = String::from_utf8_lossy(line).strip_prefix("#!").map(|line| line.trim().to_owned())
    else {
        return words;
    };
    let interpreter = line.split_whitespace().map(str::to_owned);
    interpreter.chain([file.display().to_string()]).chain(rest.iter().cloned()).collect()
}

impl Translation<'_> {
    /// The caller's variables that all services may see, with the project's virtual environment first on PATH.
    pub(crate) fn surroundings(&self) -> BTreeMap<String, String> {
        let mut caller = caller_allow_list(self.caller);
        // No service runs on the caller's terminal.
        caller.retain(|name, _| !OF_THE_TERMINAL.contains(&name.as_str()));
        if let Some(active) = self.caller.get("VIRTUAL_ENV") {
            caller.insert("VIRTUAL_ENV".into(), active.clone());
        }
        with_virtual_environment(self.root, caller)
    }

    /// The file of a command's program: on PATH, in the service's directory, or in what is mounted into its container.
    pub(crate) fn program(
        &self,
        container: &Container<'_>,
        words: &[String],
        variables: &BTreeMap<String, String>,
    ) -> Result<PathBuf, StackError> {
        let word = words.first().map(String::as_str).unwrap_or_default();
        // Only a path says which file is meant: on PATH, one that cannot be run is passed over.
        let here = || Some(PathBuf::from(word)).filter(|_| word.starts_with('/'));
        let file = container.own_program(word).or_else(here).filter(|_| word.contains('/'));
        if let Some((program, flaw)) = file.and_then(|file| Flaw::of(&file).map(|flaw| (file, flaw))) {
            let service = container.service.name.clone();
            return Err(StackError::Unrunnable { service, program, flaw });
        }
        let own = container.own_program(word).filter(|file| is_executable(file));
        let found = own.or_else(|| match word.rsplit_once('/') {
            None => on_path(word, variables),
            Some(_) if word.starts_with('/') => {
                let here = Some(PathBuf::from(word)).filter(|file| is_executable(file));
                // `/usr/local/bin/python` of an image is wherever this machine has it.
                here.or_else(|| on_path(Path::new(word).file_name()?.to_str()?, variables))
            }
            Some(_) => None,
        });
        found.ok_or_else(|| StackError::NoProgram {
            service: container.service.name.clone(),
            program: word.to_owned(),
            requirements: match virtual_environment(self.root, self.caller) {
                Some(_) => None,
                None => REQUIREMENTS.iter().map(PathBuf::from).find(|file| self.root.join(file).exists()),
            },
            at: container.service.location.clone(),
        })
    }

    /// What the project's files give a service's program.
    pub(crate) fn variables(&self, container: &Container<'_>, ports: &Ports) -> BTreeMap<String, String> {
        let is_addressed = self.is_addressed(container.service);
        let access = self.database().map(|database| {
            let here = database.access();
            // As its container has it.
            let (host, port) = (database.service.clone(), database.inside_port);
            if is_addressed { Access { host, port, ..here } } else { here }
        });
        let running = self.database().zip(access.as_ref()).map(|(database, access)| RunningDatabase {
            service: &database.service,
            access,
            throwaway: database.volume.is_none(),
        });
        let others = if is_addressed { Vec::new() } else { self.other_addresses() };
        let own = variables(self.environment, self.scenario, running, &others);
        let is_for_all =
            |name: &str| self.environment.for_all && self.environment.variables.get(name).is_some();
        if is_addressed {
            // Its names and ports mean what they say.
            let said = self.said(container);
            let mut all = own;
            all.retain(|name, _| is_for_all(name) || is_of_a_host(name, &said));
            all.extend(said);
            return all;
        }
        let mut all = own.clone();
        let names = self.names();
        let compose = &container.service.environment;
        let said = self.said(container);
        for (name, value) in &said {
            let value = match compose.get(name) {
                Some(Some(_)) => {
                    let value = self.native(name, value, ports, compose);
                    replaced(&value, &names, &ports.endpoints)
                }
                Some(None) | None => value.clone(),
            };
            all.insert(name.clone(), loopback(&self.led(&value)));
        }
        self.keep_database(&own, compose, &mut all);
        if let Some(running) = running {
            let said = said.iter().map(|(name, value)| (name.as_str(), value.as_str()));
            running.address(self.here()).set_pairs(said.clone(), &mut all);
            for other in &others {
                other.set_pairs(said.clone(), &mut all);
            }
        }
        // Nothing that its file does not mention: it may well mean something else to the program.
        // In what is thrown away, a program that asks for no place must not find another environment's database.
        let keeps_apart = |name: &str| self.throwaway && matches!(name, "PGHOST" | "PGPORT");
        // A port of a container is not that of this machine: whoever is told the one's host is told it.
        all.retain(|name, _| {
            said.contains_key(name) || is_for_all(name) || is_of_a_host(name, &said) || keeps_apart(name)
        });
        all
    }

    /// What the files say of a service's variables, as they say it; of those that are only named, what the caller does.
    fn said(&self, container: &Container<'_>) -> BTreeMap<String, String> {
        let mut said = container.dockerfile.variables.clone();
        said.retain(|name, _| !OF_THE_CONTAINER.contains(&name.as_str()));
        for (name, value) in &container.service.environment {
            let value = value.as_ref().or_else(|| self.caller.get(name));
            said.extend(value.map(|value| (name.clone(), value.clone())));
        }
        said
    }

    /// A text of a service with the databases' addresses in its URLs and lists of parameters.
    pub(crate) fn led(&self, text: &str) -> String {
        let all = self.other_addresses().into_iter().chain(self.address());
        all.fold(text.to_owned(), |text, address| address.led(&text))
    }

    /// Where the databases beside the environment's own are.
    fn other_addresses(&self) -> Vec<Address<'_>> {
        let others = self.databases.iter().skip(1);
        let port = |name: &str| self.server(name).map_or(0, |database| database.port);
        others.map(|service| Address { service, host: "127.0.0.1", port: port(service), here: &[] }).collect()
    }

    /// Where the database is; before it runs, at a port that is nobody's.
    fn address(&self) -> Option<Address<'_>> {
        let (host, port) = ("127.0.0.1", self.database().map_or(0, |database| database.port));
        self.databases.first().map(|service| Address { service, host, port, here: self.here() })
    }

    fn here(&self) -> &'static [&'static str] {
        if self.throwaway { &HERE } else { &[] }
    }

    /// What of a service would lead to a database that is not this environment's, and cannot be corrected.
    pub(crate) fn check_addresses(
        &self,
        container: &Container<'_>,
        words: &[String],
    ) -> Result<(), StackError> {
        let Some(address) = self.address().filter(|_| !self.is_addressed(container.service)) else {
            return Ok(());
        };
        let mut said = self.said(container);
        let mut corrected = said.clone();
        address.set_pairs(said.iter().map(|(name, value)| (name.as_str(), value.as_str())), &mut corrected);
        said.retain(|name, value| corrected.get(name) == Some(value));
        let variables = said.into_iter().map(|(name, value)| (format!("its variable {name}"), value));
        let command = ("its command".to_owned(), words.join(" "));
        let check = container.healthcheck().and_then(|check| check.test);
        let check = check.map(|test| match test {
            HealthTest::Command(words) => words.join(" "),
            HealthTest::Shell(line) => line,
        });
        let check = check.map(|text| ("its health check".to_owned(), text));
        // One that is at that port itself asks itself.
        let listens = container.ports().contains(&POSTGRES);
        let mut all = variables.chain([command].into_iter().chain(check).filter(|_| !listens));
        match all.find(|(_, text)| address.leads_elsewhere(&address.led(text))) {
            None => Ok(()),
            Some((what, _)) => {
                let (service, at) = (container.service.name.clone(), container.service.location.clone());
                Err(StackError::LeadsElsewhere { service, what, at })
            }
        }
    }

    /// What such a program gets besides its `variables`.
    pub(crate) fn beside(&self, variables: &BTreeMap<String, String>) -> BTreeMap<String, String> {
        let mut all = self.surroundings();
        all.extend(variables.clone());
        all.entry("PYTHONUNBUFFERED".into()).or_insert_with(|| "1".into());
        keep_tree_clean(self.root, &self.site.live(), &mut all);
        all.retain(|name, _| !variables.contains_key(name));
        all
    }

    /// The names of the variables that tell a service's program its port.
    pub(crate) fn port_variables(container: &Container<'_>, ports: &Ports) -> Vec<String> {
        let compose = &container.service.environment;
        let targets = ports.of(&container.service.name);
        let is_own_port = |name: &str| {
            let value = compose.get(name).and_then(Option::as_deref);
            value.and_then(|value| value.parse().ok()).is_some_and(|port| targets.contains(&port))
                && !is_of_a_host(name, compose)
        };
        let mut port_variables: Vec<String> = PORT_VARIABLES.iter().map(|name| (*name).to_owned()).collect();
        let more = compose.keys().filter(|name| name.ends_with("_PORT") && is_own_port(name));
        port_variables.extend(more.filter(|name| !PORT_VARIABLES.contains(&name.as_str())).cloned());
        port_variables
    }

    /// A variable that is a service's name, or the port beside such a one.
    fn native(
        &self,
        name: &str,
        value: &str,
        ports: &Ports,
        compose: &BTreeMap<String, Option<String>>,
    ) -> String {
        let names = self.names();
        if names.contains(value) && HOST_ENDS.iter().any(|end| name.to_ascii_uppercase().ends_with(end)) {
            return "127.0.0.1".into();
        }
        let port: Option<u16> = value.parse().ok();
        let host = name.strip_suffix("PORT").and_then(|stem| {
            HOST_ENDS.iter().find_map(|end| compose.get(&format!("{stem}{end}"))?.as_deref())
        });
        let endpoint = host.zip(port).and_then(|(host, port)| ports.endpoints.get(&(host.to_owned(), port)));
        endpoint.map_or_else(|| value.to_owned(), u16::to_string)
    }

    /// The database is where it really is, whatever a file for containers says of it; unless that means another one.
    fn keep_database(
        &self,
        own: &BTreeMap<String, String>,
        compose: &BTreeMap<String, Option<String>>,
        all: &mut BTreeMap<String, String>,
    ) {
        let Some(database) = self.database() else { return };
        if self.throwaway {
            all.retain(|name, _| !ABOVE_HOST.contains(&name.as_str()));
        }
        for (host, port) in DATABASE_PLACES {
            let said = compose.get(host).and_then(Option::as_deref);
            if said.is_none_or(|said| said == database.service || matches!(said, "localhost" | "127.0.0.1")) {
                for name in [host, port] {
                    all.extend(own.get(name).map(|value| (name.to_owned(), value.clone())));
                }
            }
        }
    }
}

/// Whether a port variable belongs to a host variable beside it.
fn is_of_a_host<T>(name: &str, said: &BTreeMap<String, T>) -> bool {
    name.strip_suffix("PORT")
        .is_some_and(|stem| HOST_ENDS.iter().any(|end| said.contains_key(&format!("{stem}{end}"))))
}

/// Nothing listens beyond the loopback interface.
fn loopback(value: &str) -> String {
    if value == "0.0.0.0" { "127.0.0.1".into() } else { value.to_owned() }
}
