//! The program of a service: its file, directory and variables.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use backlot_facts::address::{Address, HOST_ENDS};
use backlot_facts::container::Container;
use backlot_facts::own::OF_THE_CONTAINER;
use backlot_facts::runtime::version_variable;
use backlot_facts::variables::{RunningDatabase, variables};
use backlot_postgres::Access;
use backlot_process::{Flaw, OF_THE_TERMINAL, caller_allow_list};
use backlot_project::Service;
use backlot_state::tools::{Litter, is_executable, on_path, virtual_environment_of};

use crate::error::{StackError, Ways};
use crate::{ports::Ports, translation::Translation};

/// Where Python looks for modules.
const MODULES: &str = "PYTHONPATH";
/// The variable of the database's address that is by convention, as a whole.
const URL: &str = "DATABASE_URL";
/// Beginnings of the variables by which programs are told where their database is, or who they are there.
const OF_A_DATABASE: [&str; 6] = ["POSTGRES", "PG", "DB_", "DATABASE_", "SQL_", "SQLALCHEMY_"];
/// Files that list what a Python project needs.
const REQUIREMENTS: [&str; 3] = ["requirements.txt", "requirements/development.txt", "requirements/dev.txt"];

/// Folders of programs that all systems have.
fn is_of_systems(folder: &Path) -> bool {
    let above = folder.parent();
    matches!(folder.file_name().and_then(|name| name.to_str()), Some("bin" | "sbin"))
        && ["/", "/usr", "/usr/local"].iter().any(|known| above == Some(Path::new(known)))
}

/// The words of a service's command.
pub(crate) fn words(container: &Container<'_>, is_addressed: bool) -> Result<Vec<String>, StackError> {
    let (service, at) = (container.service.name.clone(), container.service.location.clone());
    let image = container.image().map(|image| image.repository.clone());
    if let Some(words) = container.command_with(is_addressed) {
        return match words.first().filter(|word| word.starts_with('-')) {
            Some(option) => Err(StackError::Options { service, option: option.clone(), image, at }),
            None => Ok(interpreted(container, with_own_interpreter(container, words))),
        };
    }
    if let Some((path, error)) = &container.unread {
        let (path, reason) = (path.clone(), error.to_string());
        return Err(StackError::Dockerfile { service, path, reason, at });
    }
    Err(StackError::NoCommand { service, image, is_built: container.service.build.is_some(), at })
}

/// The command with the interpreter of its script before it, where only the Dockerfile makes that executable.
pub(crate) fn interpreted(container: &Container<'_>, words: Vec<String>) -> Vec<String> {
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

/// The same for the first word that an entrypoint is handed, which most begin in their place (`exec "$@"`).
fn with_own_interpreter(container: &Container<'_>, words: Vec<String>) -> Vec<String> {
    let (entrypoint, command) = container.entrypoint_and_command();
    let is_so = container.service.extension.command.is_none() && !entrypoint.is_empty();
    match words.strip_prefix(entrypoint.as_slice()) {
        Some(handed)
            if is_so && handed == command && handed.first().is_some_and(|word| word.contains('/')) =>
        {
            entrypoint.into_iter().chain(interpreted(container, command)).collect()
        }
        Some(_) | None => words,
    }
}

impl Translation<'_> {
    /// The caller's variables that all services may see, with what this one has of packages first on PATH.
    pub(crate) fn surroundings(&self, service: &Service) -> BTreeMap<String, String> {
        let mut caller = caller_allow_list(self.caller);
        // No service runs on the caller's terminal.
        caller.retain(|name, _| !OF_THE_TERMINAL.contains(&name.as_str()));
        if let Some(active) = self.caller.get("VIRTUAL_ENV") {
            caller.insert("VIRTUAL_ENV".into(), active.clone());
        }
        let mut all = self.with_stand_ins(self.with_packages(service, caller));
        let own = self.own_path(&Container::of(service, self.root));
        if let Some(path) = all.get_mut("PATH").filter(|_| !own.is_empty()) {
            *path = format!("{}:{path}", own.join(":"));
        }
        all
    }

    /// The folders of programs that its image has on PATH and that are the project's own, as its view has them.
    fn own_path(&self, container: &Container<'_>) -> Vec<String> {
        let path = container.dockerfile.variables.get("PATH").filter(|_| self.has_views());
        let folders = path.into_iter().flat_map(|path| path.split(':')).map(Path::new);
        let own = folders.filter(|folder| {
            folder.is_absolute()
                && !is_of_systems(folder)
                && container.outside(folder).is_some_and(|folder| folder.is_dir())
        });
        own.map(|folder| folder.display().to_string()).collect()
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
        let own = self.built_program(container, word);
        let own = own.or_else(|| container.own_program(word).filter(|file| is_executable(file)));
        let found = own.or_else(|| self.twin_of(word)).or_else(|| match word.rsplit_once('/') {
            None => on_path(word, variables),
            Some(_) if word.starts_with('/') => {
                let here = Some(PathBuf::from(word)).filter(|file| is_executable(file));
                // `/usr/local/bin/python` of an image is wherever this machine has it; that of a folder of the image's own is its own.
                let (folder, name) = Path::new(word).parent().zip(Path::new(word).file_name()?.to_str())?;
                let is_elsewhere = container.service.build.is_some() || is_of_systems(folder);
                here.or_else(|| on_path(name, variables).filter(|_| is_elsewhere))
            }
            Some(_) => None,
        });
        let found = found.or_else(|| self.program_to_be(container.service, word));
        found.ok_or_else(|| self.no_program(container, word))
    }

    /// That the program of a service is not there, with whose it is.
    pub(crate) fn no_program(&self, container: &Container<'_>, word: &str) -> StackError {
        let image = container.image().filter(|_| container.is_its_image_alone());
        let has_own = || virtual_environment_of(&[], self.root, self.caller).is_some();
        let requirements = REQUIREMENTS.iter().map(PathBuf::from);
        StackError::NoProgram {
            service: container.service.name.clone(),
            program: word.to_owned(),
            image: image.map(|image| image.repository.clone()),
            ways: Box::new(Ways {
                installable: self.could_be_installed(container.service),
                undone: self.undone(container.service),
                requirements: Some(requirements)
                    .filter(|_| image.is_none() && !has_own())
                    .and_then(|mut files| files.find(|file| self.root.join(file).exists())),
            }),
            at: container.service.location.clone(),
        }
    }

    /// The same of a file that a program of this machine would run: no packages of the project's are it.
    pub(crate) fn not_here(&self, container: &Container<'_>, file: &str) -> StackError {
        let error = self.no_program(container, file);
        let StackError::NoProgram { service, program, image, ways, at } = error else { return error };
        let ways = Box::new(Ways { installable: false, requirements: None, ..*ways });
        StackError::NoProgram { service, program, image, ways, at }
    }

    /// What the project's files give a service's program.
    pub(crate) fn variables(&self, container: &Container<'_>, ports: &Ports) -> BTreeMap<String, String> {
        if !self.is_addressed(container.service) {
            return self.variables_for_here(container, ports);
        }
        self.variables_as_said(container)
    }

    /// The same as its container has it: names and ports mean what they say.
    pub(crate) fn variables_as_said(&self, container: &Container<'_>) -> BTreeMap<String, String> {
        let said = self.said(container);
        let mut all = self.with_database(true);
        all.retain(|name, _| self.is_told(name, &said));
        all.extend(said);
        all
    }

    /// The variables of the environment, with the database where a service reaches it.
    pub fn of_environment(&self, service: &Service) -> BTreeMap<String, String> {
        let mut all = self.with_database(self.is_addressed(service));
        let said = self.said(&Container::of(service, self.root));
        // What makes its URL of other variables, for a driver of its own choice, is not given another one.
        let is_own = self.environment.for_all || self.environment.variables.get(URL).is_some();
        if !is_own && said.keys().any(|name| OF_A_DATABASE.iter().any(|start| name.starts_with(start))) {
            all.remove(URL);
        }
        all
    }

    fn with_database(&self, is_at_its_name: bool) -> BTreeMap<String, String> {
        let access = self.database().map(|database| {
            if is_at_its_name {
                let (host, port) = (database.service.clone(), database.inside_port);
                Access { host, port, ..database.access() }
            } else {
                database.access()
            }
        });
        self.own_variables(access.as_ref(), &[])
    }

    /// The variables of the environment, in which databases are reached so.
    pub(crate) fn own_variables(
        &self,
        access: Option<&Access>,
        others: &[Address<'_>],
    ) -> BTreeMap<String, String> {
        let running = self.database().zip(access).map(|(database, access)| RunningDatabase {
            service: &database.service,
            access,
            throwaway: database.volume.is_none(),
        });
        variables(self.environment, self.scenario, running, others)
    }

    /// Whether a service is told a variable of which its file says this: nothing that that does not mention, it may well mean
    /// something else to the program. But whoever is told a host is told its port.
    pub(crate) fn is_told(&self, name: &str, said: &BTreeMap<String, String>) -> bool {
        let is_for_all = self.environment.for_all && self.environment.variables.get(name).is_some();
        is_for_all || said.contains_key(name) || is_of_a_host(name, said)
    }

    /// What the files say of a service's variables, as they say it; of those that are only named, what the caller does.
    pub(crate) fn said(&self, container: &Container<'_>) -> BTreeMap<String, String> {
        let mut said = container.dockerfile.variables.clone();
        // Its paths are the container's where there is a view.
        let is_so = |name: &str| name == MODULES && self.has_views();
        said.retain(|name, _| is_so(name) || !OF_THE_CONTAINER.contains(&name.as_str()));
        if let Some((name, version)) = container.image().and_then(version_variable) {
            let version = self.other_version(container.service).unwrap_or(version);
            said.entry(name.to_owned()).or_insert(version);
        }
        // As every container has it; one that is not named by its file is called as this machine is.
        if let Some(name) = container.service.hostname.as_ref().filter(|_| self.has_addresses()) {
            said.insert("HOSTNAME".to_owned(), name.clone());
        }
        for (name, value) in &container.service.environment {
            let value = value.as_ref().or_else(|| self.caller.get(name));
            said.extend(value.map(|value| (name.clone(), value.clone())));
        }
        said
    }

    /// What such a program gets besides its `variables`.
    pub(crate) fn beside(
        &self,
        service: &Service,
        variables: &BTreeMap<String, String>,
    ) -> BTreeMap<String, String> {
        let mut all = self.surroundings(service);
        all.extend(variables.clone());
        all.entry("PYTHONUNBUFFERED".into()).or_insert_with(|| "1".into());
        let litter = self.litter.get_or_init(|| Litter::of(self.root, self.caller));
        litter.keep_out(&self.site.live(), &mut all);
        all.retain(|name, _| !variables.contains_key(name));
        all
    }
}

/// Whether a port variable belongs to a host variable beside it.
pub(crate) fn is_of_a_host<T>(name: &str, said: &BTreeMap<String, T>) -> bool {
    name.strip_suffix("PORT")
        .is_some_and(|stem| HOST_ENDS.iter().any(|end| said.contains_key(&format!("{stem}{end}"))))
}
