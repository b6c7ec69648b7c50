//! nginx.

use std::collections::BTreeSet;
use std::io;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use backlot_facts::container::Container;
use backlot_facts::names::names;
use backlot_facts::{NoService, front};
use backlot_nginx::{Config, ConfigError, Nginx, Part, Source, image};
use backlot_process::Program;
use backlot_project::stack::Protocol;
use backlot_supervisor::{PortRun, ProcessRun, Template};
use backlot_view::{Mount, Network, View, What};

use crate::process::interpreted;
use crate::{error::StackError, ports::Ports, translation::Translation, view::last_of_each};

/// What runs scripts.
const SHELL: &str = "/bin/sh";
/// What scripts are told that they are begun by.
const SELF: &str = "/docker-entrypoint.sh";
/// Runs what is in the image's folder of scripts, in the order of their numbers, and then nginx: those that are to set variables in this
/// shell, the others in their own. What cannot be run is passed over.
/// The first argument is a shell for those that only a build makes executable.
const SCRIPTS: &str = r#"set -e
shell=$1; shift
for script in $(find -L /docker-entrypoint.d/ -type f | sort -V); do
    if [ ! -x "$script" ] && [ -z "$shell" ]; then
        echo "$0: ignoring $script, which is not executable" >&2
        continue
    fi
    case $script in
        *.envsh) . "$script" ;;
        *.sh) if [ -x "$script" ]; then "$script"; else "$shell" "$script"; fi ;;
    esac
done
exec "$@"
"#;

/// What a configuration of nginx asks for.
pub(crate) struct Front {
    pub(crate) config: Config,
    /// The services and ports that it passes requests to.
    pub(crate) references: BTreeSet<(String, u16)>,
    /// The ports that it listens on.
    pub(crate) listens: BTreeSet<u16>,
}

impl Translation<'_> {
    /// The nginx of this machine, which the service `name` needs.
    pub(crate) fn nginx_program(&self, name: &str) -> Result<Nginx, StackError> {
        self.nginx.clone().map_err(|source| StackError::NoNginx { service: name.to_owned(), source })
    }

    /// Where the configuration of an nginx comes from.
    pub(crate) fn nginx_source(&self, container: &Container<'_>) -> Source {
        front::source(container, self.said(container))
    }

    /// Reads the configuration of the nginx service `name`.
    pub(crate) fn nginx_config(&self, name: &str) -> Result<Front, StackError> {
        let services = &self.environment.stack.services;
        let Some(service) = services.get(name) else {
            return Err(NoService::of(name, &self.environment.stack).into());
        };
        let container = Container::of(service, self.root);
        let config = Config::read(&self.nginx_source(&container))?;
        let mut known: BTreeSet<String> = services.keys().cloned().collect();
        if self.is_addressed(service) {
            known.extend(names(service, &self.environment.stack).into_keys());
        }
        let mut references = config.references(&known).map_err(|error| match error {
            // Of all names that it knows, those of services are what may be meant.
            ConfigError::UnknownService { at, host, .. } => {
                ConfigError::UnknownService { at, host, known: services.keys().cloned().collect() }
            }
            other => other,
        })?;
        references.retain(|(name, _)| services.contains_key(name));
        let listens = config.listens();
        Ok(Front { config, references, listens })
    }

    /// nginx with the project's configuration. Returns the program, and all that it is made of: the project's files, and text
    /// that is made of them.
    pub(crate) fn front(
        &self,
        container: &Container<'_>,
        ports: &Ports,
    ) -> Result<(ProcessRun, Vec<PathBuf>, String), StackError> {
        let name = &container.service.name;
        let (front, nginx) = (self.nginx_config(name)?, self.nginx_program(name)?);
        let mut runs = ports.runs(container, self);
        // Only what it listens on: a port that is published and not in its configuration leads nowhere.
        runs.retain(|port| self.writes_its_own(container) || front.listens.contains(&port.target));
        let (process, text) = if self.is_addressed(container.service) {
            (self.front_as_it_is(container, &nginx, ports, runs)?, String::new())
        } else {
            self.front_for_here(container, &front, nginx, ports, runs)?
        };
        Ok((process, front.config.files, text))
    }

    /// With the configuration where its file has it, in what its image has around that.
    fn front_as_it_is(
        &self,
        container: &Container<'_>,
        nginx: &Nginx,
        ports: &Ports,
        runs: Vec<PortRun>,
    ) -> Result<ProcessRun, StackError> {
        let name = &container.service.name;
        let source = self.nginx_source(container);
        let own = image(&self.site.live().join(name), &source, self.writes)?;
        let own = own.into_iter().map(|part| {
            let (target, what) = match part {
                Part::Path { target, place } => (target, What::Path(place)),
                Part::Empty { target } => (target, What::Tmpfs { size: None, mode: None }),
            };
            Mount { target, what, read_only: false }
        });
        let mounts = last_of_each(own.chain(self.mounts(container)?).collect());
        let variables = self.variables(container, ports);
        let mut surroundings = self.beside(container.service, &variables);
        // In its image it is on PATH; an ordinary user's may well lack its place.
        if let (Some(path), Some(folder)) = (surroundings.get_mut("PATH"), nginx.program.parent()) {
            path.push(':');
            path.push_str(&folder.to_string_lossy());
        }
        let words = words_of_front(container);
        let (program, arguments) = match words.split_first() {
            None => (nginx.program.clone(), ["-g", "daemon off;"].map(str::to_owned).to_vec()),
            Some((first, rest)) if is_nginx(first) => (nginx.program.clone(), rest.to_vec()),
            Some((_, rest)) => {
                let path = if variables.contains_key("PATH") { &variables } else { &surroundings };
                (self.program(container, &words, path)?, rest.to_vec())
            }
        };
        let has_scripts = self.runs_scripts(container, &words);
        let (program, arguments) = if has_scripts {
            let shell = if container.dockerfile.makes_executable { SHELL } else { "" };
            let words = [SCRIPTS, SELF, shell, &program.to_string_lossy()].map(str::to_owned);
            (PathBuf::from(SHELL), ["-c".to_owned()].into_iter().chain(words).chain(arguments).collect())
        } else {
            (program, arguments)
        };
        let directory = Self::seen_directory(container, &mounts).unwrap_or_else(|| PathBuf::from("/"));
        if self.writes && program == nginx.program {
            nginx.look_at(&source, |test| self.within(test, &mounts, name))?;
        }
        Ok(ProcessRun {
            mounts,
            has_addresses: true,
            called: self.called(container.service),
            program,
            arguments: arguments.into_iter().map(Template::from).collect(),
            directory,
            variables,
            surroundings,
            ports: runs,
            ..ProcessRun::default()
        })
    }

    /// Whether something runs before nginx that may write its configuration: nobody knows then what it listens on.
    pub(crate) fn writes_its_own(&self, container: &Container<'_>) -> bool {
        let words = words_of_front(container);
        self.is_addressed(container.service)
            && (!words.first().is_none_or(is_nginx) || self.runs_scripts(container, &words))
    }

    /// Whether scripts of the project's run before nginx, as its image has it where that is what the command begins.
    pub(crate) fn runs_scripts(&self, container: &Container<'_>, words: &[String]) -> bool {
        words.first().is_none_or(is_nginx) && !self.nginx_source(container).scripts().is_empty()
    }

    /// What of the image is not so of an nginx here, in words.
    pub(crate) fn notes_of_front(&self, container: &Container<'_>) -> Vec<String> {
        let (name, at) = (&container.service.name, &container.service.location);
        let (source, mut lines) = (self.nginx_source(container), Vec::new());
        let scripts = source.scripts();
        let sets = scripts.iter().find(|script| script.extension().is_some_and(|ending| ending == "envsh"));
        if let Some(script) = scripts.first().filter(|_| !self.is_addressed(container.service)) {
            let script = script.display();
            lines.push(format!(
                "service {name} has {script}, which is not run where no view can be made ({at}); --engine docker runs it"
            ));
        } else if let Some(script) = sets.filter(|_| source.has_templates()) {
            let script = script.display();
            lines.push(format!(
                "service {name} has {script}, whose variables are not in what is made of its templates: those are filled in \
                 before it runs ({at}); set them under `environment:`"
            ));
        }
        let listens = self.nginx_config(name).map(|front| front.listens).unwrap_or_default();
        let published = container.service.ports.iter().filter(|port| port.protocol == Protocol::Tcp);
        let unheard = published.filter(|port| !listens.contains(&port.target));
        if !listens.is_empty() && !self.writes_its_own(container) {
            lines.extend(unheard.map(|port| {
                let (port, listens) = (port.target, listens.iter().map(u16::to_string).collect::<Vec<_>>());
                let listens = listens.join(", ");
                format!(
                    "service {name} publishes port {port}, at which its nginx does not listen (it does at {listens}): nothing \
                     is there ({at})"
                )
            }));
        }
        lines
    }

    /// That what a service runs instead of nginx, such as a script that writes its configuration first, can be run.
    pub(crate) fn check_front(&self, container: &Container<'_>) -> Result<(), StackError> {
        let words = words_of_front(container);
        if !self.writes_its_own(container) || words.first().is_none_or(is_nginx) {
            return Ok(());
        }
        let surroundings = self.surroundings(container.service);
        self.program(container, &words, &surroundings).map(|_| ())
    }

    /// A program that only looks at what a service will see.
    fn within(&self, program: Program, mounts: &[Mount], name: &str) -> Result<Program, ConfigError> {
        let fault = |source: io::Error| ConfigError::Write { file: self.site.live().join(name), source };
        let own = self.addresses().map_or(Ipv4Addr::LOCALHOST, |plan| plan.machine);
        let network = Network::alone(own);
        let view = View::new(mounts, Path::new("/")).map_err(|error| fault(io::Error::other(error)))?;
        let view = view.with_network(Arc::new(network)).map_err(fault)?;
        Ok(program.within(Arc::new(view)))
    }
}

/// The words of the command of an nginx service; none where it says nothing.
fn words_of_front(container: &Container<'_>) -> Vec<String> {
    let mut words = container.command().unwrap_or_default();
    // The entrypoint of its image does what is done here already.
    if words.first().is_some_and(|word| word.ends_with("/docker-entrypoint.sh"))
        && container.own_program(&words[0]).is_none()
    {
        words.remove(0);
    }
    interpreted(container, words)
}

fn is_nginx(word: &String) -> bool {
    Path::new(word).file_name().is_some_and(|name| name == "nginx")
}
