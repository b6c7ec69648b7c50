//! Which services an `up` runs.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};

use backlot_facts::NoService;
use backlot_facts::container::Container;
use backlot_project::Service;
use backlot_project::keys::Level;
use backlot_supervisor::ServiceRun;

use crate::claim::Claim;
use crate::{error::StackError, process, translation::Translation};

/// What an `up` runs.
#[derive(Debug)]
pub struct Cast {
    /// The services, by name: those that were asked for, and all that they depend on.
    pub services: BTreeSet<String>,
    /// Why others are left out.
    pub left_out: Vec<StackError>,
}

impl Translation<'_> {
    /// The services that run when `wanted` are asked for; none named means all. What can be known from the files alone to
    /// be wrong with them is an error. Only nginx may be missing from this machine, and what is nothing but the program of
    /// its image or a provider's, as long as nobody has asked for it and nothing depends on it.
    pub fn cast(&self, wanted: &[String]) -> Result<Cast, StackError> {
        let mut services = self.named(wanted)?;
        let mut left_out = Vec::new();
        let mut obstacles: Vec<StackError> = self.check_keys(&services).err().into_iter().collect();
        let mut faulty: BTreeSet<String> =
            if obstacles.is_empty() { BTreeSet::new() } else { services.clone() };
        for name in services.clone() {
            match self.check(&name) {
                Ok(()) => {}
                Err(error)
                    if error.may_be_left_out() && wanted.is_empty() && !self.is_needed(&name, &services) =>
                {
                    services.remove(&name);
                    left_out.push(error);
                }
                Err(error) => {
                    obstacles.push(error);
                    faulty.insert(name);
                }
            }
        }
        // What else may be wrong with it is told already.
        if let Err(error @ StackError::SamePort { .. }) = self.claims(&services) {
            obstacles.push(error);
            faulty.clone_from(&services);
        }
        let rest = if wanted.is_empty() { self.without(&services, &faulty) } else { Vec::new() };
        match obstacles.pop() {
            None => Ok(Cast { services, left_out }),
            Some(one) if obstacles.is_empty() && rest.is_empty() => Err(one),
            Some(last) => {
                obstacles.push(last);
                Err(StackError::Several { obstacles, rest })
            }
        }
    }

    /// Those of `services` that can do without the `faulty` ones.
    fn without(&self, services: &BTreeSet<String>, faulty: &BTreeSet<String>) -> Vec<String> {
        let stack = &self.environment.stack;
        let can = |name: &&String| stack.with_dependencies(&[(*name).clone()]).is_disjoint(faulty);
        services.iter().filter(can).cloned().collect()
    }

    /// Why not all of what `wanted` asks for can run, if that is so.
    pub fn why_not(&self, wanted: &[String]) -> Result<Option<StackError>, StackError> {
        let services = self.named(wanted)?;
        if let Err(error) = self.check_keys(&services) {
            return Ok(Some(error));
        }
        Ok(services.iter().find_map(|name| self.check(name).err()))
    }

    /// The keys of these services that are not honoured here, a line each.
    pub fn unhonoured(&self, services: &BTreeSet<String>, level: Level) -> Vec<String> {
        let is_postgres = |name: &str| self.is_database(name);
        let keys = self.environment.stack.unhonoured(services, &is_postgres);
        let keys = keys.filter(|named| named.gap.level == level);
        keys.filter(|named| named.gap.when.holds_with(self.has_views(), self.has_addresses()))
            .map(ToString::to_string)
            .collect()
    }

    fn check_keys(&self, services: &BTreeSet<String>) -> Result<(), StackError> {
        let lines = self.unhonoured(services, Level::Error);
        if lines.is_empty() { Ok(()) } else { Err(StackError::NotHonoured { lines }) }
    }

    /// The services that are asked for by name, with all that they depend on; none named means all.
    fn named(&self, wanted: &[String]) -> Result<BTreeSet<String>, StackError> {
        let stack = &self.environment.stack;
        NoService::check(stack, wanted.iter().chain(self.scale.keys()))?;
        Ok(stack.with_dependencies(wanted))
    }

    /// Whether one of `services` cannot do without the service `name`.
    fn is_needed(&self, name: &str, services: &BTreeSet<String>) -> bool {
        let all = services.iter().filter_map(|service| self.environment.stack.services.get(service));
        all.into_iter().any(|service| service.depends_on.get(name).is_some_and(|needed| needed.required))
    }

    /// Whether it is known what a service runs, and that this is on the machine.
    fn check(&self, name: &str) -> Result<(), StackError> {
        let Some(service) = self.environment.stack.services.get(name) else { return Ok(()) };
        if let Some(provider) = service.provider.clone().filter(|_| service.extension.command.is_none()) {
            let (service, at) = (name.to_owned(), service.location.clone());
            return Err(StackError::Provided { service, provider, at });
        }
        let container = Container::of(service, self.root);
        if self.is_database(name) || container.is_nginx() {
            if let Some(replicas) = self.scale.get(name).copied().filter(|count| *count > 1) {
                return Err(StackError::Scaled { service: name.to_owned(), replicas });
            }
            return if container.is_nginx() {
                self.nginx_program(name)?;
                self.check_front_beyond(&container, &self.nginx_config(name)?.config)
            } else {
                Ok(())
            };
        }
        let command = process::words(&container, self.is_addressed(service))?;
        if !self.is_addressed(service) {
            self.check_texts(&container, &command)?;
            self.check_beyond(&container, &command)?;
        }
        let hooks = service.post_start.iter().chain(&service.pre_stop).map(|hook| &hook.command);
        let hooks = hooks.filter(|command| !command.is_empty());
        [&command]
            .into_iter()
            .chain(hooks)
            .try_for_each(|command| self.program(&container, command, &self.surroundings()).map(|_| ()))
    }

    /// The addresses of this machine that these services publish, but for those at which databases listen themselves. Two
    /// cannot have the same.
    pub fn claims(&self, services: &BTreeSet<String>) -> Result<Vec<Claim>, StackError> {
        let mut claims: Vec<Claim> = Vec::new();
        if self.throwaway {
            return Ok(claims);
        }
        for name in services {
            let Some(service) = self.environment.stack.services.get(name) else { continue };
            let listens = if Container::of(service, self.root).is_nginx() {
                // One that is published and not in its configuration leads nowhere.
                Some(self.nginx_config(name)?.listens)
            } else {
                None
            };
            let is_listened = |target: &u16| listens.as_ref().is_none_or(|listens| listens.contains(target));
            for (_, address) in self.published(service).into_iter().filter(|(target, _)| is_listened(target))
            {
                let (service, at) = (name.clone(), service.location.clone());
                let claim = Claim { service, address, at };
                if let Some(first) = claims.iter().find(|other| other.overlaps(&claim)) {
                    let (first, second) = (first.service.clone(), claim.service);
                    return Err(StackError::SamePort { port: address.port(), first, second, at: claim.at });
                }
                claims.push(claim);
            }
        }
        Ok(claims)
    }

    /// Where a service is published: the port in its container, and an address of this machine. A database listens at the
    /// first of its ports itself.
    pub fn published(&self, service: &Service) -> Vec<(u16, SocketAddr)> {
        let replicas = self.scale.get(&service.name).copied().unwrap_or(service.replicas);
        let mut all = service.published_at(replicas);
        if self.is_database(&service.name) {
            let own: BTreeSet<(u16, u16)> = service.published().collect();
            let is_here = |ip: IpAddr| ip.is_loopback() || ip.is_unspecified();
            all.retain(|(target, at)| !(own.contains(&(*target, at.port())) && is_here(at.ip())));
        }
        all
    }
}

/// Takes out those that need one that is not there. Nobody has asked for them.
pub(crate) fn drop_dependents(services: &mut Vec<ServiceRun>) {
    loop {
        let count = services.len();
        let there: BTreeSet<String> = services.iter().map(|run| run.name.clone()).collect();
        services.retain(|run| {
            run.depends_on.iter().all(|(name, needed)| !needed.required || there.contains(name))
        });
        if services.len() == count {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};
    use std::path::Path;

    use backlot_nginx::{LocateError, Nginx};
    use backlot_process::Owner;
    use backlot_project::{Environment, EnvironmentName, Lookup, Project};

    use super::Cast;
    use crate::error::StackError;
    use crate::translation::Translation;
    use backlot_state::Home;
    use backlot_state::Site;

    const COMPOSE: &str = "\
services:
  db: {image: postgres, environment: {POSTGRES_PASSWORD: x}, ports: ['5432:5432']}
  web:
    image: web
    command: sh -c 'exec sleep 1'
    ports: ['8000:80', '8001:80', '9000', '53:53/udp']
    depends_on: [db]
  nginx:
    image: nginx
    ports: ['8080:8080', '8443:443']
    volumes: ['./nginx.conf:/etc/nginx/nginx.conf']
  worker: {image: worker, command: no-such-program, depends_on: [web]}
";

    /// What comes of the services that are asked for, in a project with this Compose file, with nginx or without.
    fn cast<T>(
        compose: &str,
        has_nginx: bool,
        ask: impl FnOnce(&Translation<'_>) -> Result<T, StackError>,
    ) -> Result<T, StackError> {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("compose.yaml"), compose).unwrap();
        let conf = "events {}\nhttp { server { listen 8080; location / { proxy_pass http://web:80; } } }\n";
        std::fs::write(dir.path().join("nginx.conf"), conf).unwrap();
        let project = Project::find(lookup(dir.path())).unwrap();
        let environment: Environment =
            project.environment(&EnvironmentName::parse("development").unwrap()).unwrap();
        let home = Home::at(dir.path().join("home"), Owner::Caller);
        let program = "/usr/sbin/nginx".into();
        ask(&Translation {
            environment: &environment,
            root: dir.path(),
            caller: &BTreeMap::from([("PATH".to_owned(), "/usr/bin:/bin".to_owned())]),
            nginx: if has_nginx { Ok(Nginx { program }) } else { Err(LocateError) },
            running: &[],
            databases: vec!["db"],
            most: backlot_view::Rung::None,
            scenario: None,
            site: &Site::new(&home, &project, "development"),
            throwaway: false,
            scale: &BTreeMap::new(),
            current: BTreeMap::new(),
            writes: false,
        })
    }

    fn lookup(dir: &Path) -> Lookup {
        Lookup { start_dir: dir.to_owned(), ..Lookup::default() }
    }

    fn names(cast: &Cast) -> Vec<&str> {
        cast.services.iter().map(String::as_str).collect()
    }

    fn set(names: &[&str]) -> BTreeSet<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn only_what_is_asked_for_has_to_be_there() {
        let asked = |wanted: &[&str]| {
            let wanted: Vec<String> = wanted.iter().map(|name| (*name).to_owned()).collect();
            cast(COMPOSE, false, move |translation| translation.cast(&wanted))
        };
        assert_eq!(names(&asked(&["web"]).unwrap()), ["db", "web"]);
        assert!(matches!(asked(&["nginx"]), Err(StackError::NoNginx { .. })));
        assert!(matches!(asked(&["worker"]), Err(StackError::NoProgram { .. })));
        let all = asked(&[]).unwrap_err();
        let StackError::Several { obstacles, rest } = &all else { panic!("{all}") };
        assert!(matches!(obstacles[..], [StackError::NoProgram { .. }]));
        assert_eq!((rest.join(" ").as_str(), all.code()), ("db web", "no-program"));
        let error = asked(&["wbe"]).unwrap_err().to_string();
        assert_eq!(error, "there is no service wbe (there are db, nginx, web, worker)");
    }

    #[test]
    fn a_missing_nginx_is_left_out_when_nobody_has_asked_for_it_or_needs_it() {
        let compose = COMPOSE.replace("no-such-program", "sleep 1");
        let all = cast(&compose, false, |translation| translation.cast(&[])).unwrap();
        assert_eq!(names(&all), ["db", "web", "worker"]);
        let [StackError::NoNginx { service, .. }] = &all.left_out[..] else { panic!("{all:?}") };
        assert_eq!(service, "nginx");
        assert!(cast(&compose, false, |translation| translation.why_not(&[])).unwrap().is_some());
        let needed = compose.replace("depends_on: [web]", "depends_on: [nginx]");
        assert!(cast(&needed, false, |translation| translation.cast(&[])).is_err());
        let all = cast(&compose, true, |translation| translation.cast(&[])).unwrap();
        assert_eq!((all.services.len(), all.left_out.len()), (4, 0));
    }

    #[test]
    fn everything_that_is_in_the_way_is_told_at_once() {
        let more = "  other: {image: other}\n  third: {image: x, command: sleep 1, ports: ['8000:1']}\n";
        let compose = format!("{COMPOSE}{more}");
        let error = cast(&compose, true, |translation| translation.cast(&[])).unwrap_err();
        let said = error.to_string();
        assert_eq!(said.lines().next(), Some("3 things are in the way:"), "{said}");
        for part in
            ["service other has no command", "service worker runs no-such-program", "both publish port 8000"]
        {
            assert!(said.contains(part), "{said}");
        }
        assert_eq!(error.code(), "no-command");
    }

    #[test]
    fn ports_that_are_published_are_claimed_once() {
        let claims = |compose: &str, services: &[&str]| -> Result<Vec<(String, u16)>, StackError> {
            let services = set(services);
            let claims = cast(compose, true, |translation| translation.claims(&services))?;
            Ok(claims
                .into_iter()
                .filter(|claim| claim.address.is_ipv4())
                .map(|claim| (claim.service, claim.address.port()))
                .collect())
        };
        let (web, nginx) = (("web".to_owned(), 8000), ("nginx".to_owned(), 8080));
        let second = ("web".to_owned(), 8001);
        // nginx does not listen on 443: nothing is behind that port.
        assert_eq!(
            claims(COMPOSE, &["db", "nginx", "web"]).unwrap(),
            [nginx.clone(), web.clone(), second.clone()]
        );
        assert_eq!(claims(COMPOSE, &["web"]).unwrap(), [web, second]);
        let error = claims(&COMPOSE.replace("8080:", "8000:"), &["nginx", "web"]).unwrap_err();
        assert_eq!(error.to_string(), "services nginx and web both publish port 8000");
    }
}
