//! The environment of Backlot that has a port.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};

use backlot_hint::Hint;
use backlot_process::{address_holder, command_lines_up_from};
use backlot_state::{GUARD_VERB, Record, SUPERVISOR_VERB, Site};

/// An environment that runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tenant {
    /// The project's directory; its record tells, which is not there while somebody brings it up or was killed at that.
    pub project: Option<PathBuf>,
    /// The environment's name on disk.
    pub name: String,
    /// Its own directory.
    pub dir: PathBuf,
    /// What the project was called then, where it is called something else now.
    pub called: Option<String>,
}

impl Tenant {
    /// How it is stopped.
    pub(super) fn way_down(&self) -> Hint {
        let Some(project) = &self.project else { return self.down_in("ITS_PROJECT") };
        if project.is_dir() {
            return self.down_in(&project.to_string_lossy());
        }
        // Nobody can go there.
        Hint::from("its directory is gone: ")
            .then(Hint::anywhere(&["prune"]))
            .then(" ends it and drops its data, ")
            .then(Hint::anywhere(&["adopt"]))
            .then(" takes that over")
    }

    fn down_in(&self, project: &str) -> Hint {
        let name: &[&str] = match &self.called {
            Some(name) => &["-p", name],
            None => &[],
        };
        let down = backlot_hint::down(&self.name);
        Hint::from("stop it: ").then(Hint::anywhere(&[&["-C", project], name, down.as_slice()].concat()))
    }

    /// What its project is called, if it is the one of the environment at `site`, which is called something else now.
    pub(super) fn other_name(&self, site: &Site) -> Option<String> {
        let (theirs, checkout) = Site::at(site.home(), &self.dir).project_and_hash()?;
        let (ours, here) = site.project_and_hash()?;
        (checkout == here && theirs != ours).then_some(theirs)
    }
}

/// The environment that has a port of this machine, if it is one of Backlot, as far as the system tells.
pub fn tenant_of(port: u16) -> Option<Tenant> {
    let holders = [SocketAddr::from((Ipv4Addr::LOCALHOST, port)), (Ipv6Addr::LOCALHOST, port).into()];
    let holder = holders.into_iter().find_map(address_holder)?;
    tenant(&command_lines_up_from(holder.pid()?))
}

/// The environment that a process belongs to, by its command line and those of its ancestors.
pub(super) fn tenant(lines: &[Vec<String>]) -> Option<Tenant> {
    let dir = lines.iter().find_map(|words| site_named_in(words))?;
    let record = Record::read(&dir.join("live/record.json")).ok().flatten();
    let name = dir.file_name()?.to_string_lossy().into_owned();
    Some(Tenant { project: record.map(|record| record.project), name, dir, called: None })
}

/// The directory of the environment that a supervisor or a Postgres server was started for.
fn site_named_in(words: &[String]) -> Option<PathBuf> {
    let ours = [SUPERVISOR_VERB, GUARD_VERB];
    if words.get(1).is_some_and(|word| ours.contains(&word.as_str())) {
        return words.get(3).map(PathBuf::from);
    }
    let data =
        words.iter().zip(words.iter().skip(1)).find(|(word, _)| *word == "-D").map(|(_, data)| data)?;
    // `live/data`, and below `volumes/<volume>` wherever the image has its data in what is mounted. Not the home, in which volumes
    // of all projects are.
    let named = |dir: &Path, names: &[&str]| {
        dir.file_name().is_some_and(|found| names.iter().any(|name| found == *name))
    };
    let site = Path::new(data).ancestors().find(|dir| named(dir, &["live", "volumes"]))?.parent()?;
    named(site.parent()?.parent()?, &["projects"]).then(|| site.to_owned())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use backlot_process::Owner;
    use backlot_state::{Home, Site};

    use super::{Tenant, site_named_in};

    #[test]
    fn an_environment_is_known_by_its_programs() {
        let site = |line: &str| site_named_in(&line.split(' ').map(str::to_owned).collect::<Vec<_>>());
        let development = Path::new("/h/projects/blog-1/development");
        for line in [
            "/usr/bin/backlot __supervisor /h /h/projects/blog-1/development",
            "/usr/bin/backlot __guard /h /h/projects/blog-1/development",
            "/usr/lib/postgresql/15/bin/postgres -D /h/projects/blog-1/development/live/data -c port=1",
            "/usr/lib/postgresql/15/bin/postgres -D /h/projects/blog-1/development/volumes/pgdata/data",
            "/usr/lib/postgresql/15/bin/postgres -D /h/projects/blog-1/development/volumes/pgdata/data/data -c port=1",
            "/usr/lib/postgresql/15/bin/postgres -D /h/projects/blog-1/development/volumes/pgdata/data/18/docker",
        ] {
            assert_eq!(site(line).as_deref(), Some(development), "{line}");
        }
        for line in
            ["python3 -m http.server", "postgres -D /var/lib/postgresql/15/main", "x -D", "x -D data", ""]
        {
            assert_eq!(site(line), None, "{line}");
        }
    }

    #[test]
    fn how_it_is_stopped_depends_on_where_and_what_it_was() {
        let dir = std::env::temp_dir();
        let tenant = |called: Option<&str>, project: &Path| {
            let (project, name) = (Some(project.to_owned()), "development".to_owned());
            let called = called.map(str::to_owned);
            Tenant { project, name, dir: "/h/projects/blog-1/development".into(), called }
                .way_down()
                .render("")
        };
        let here = dir.display();
        assert_eq!(tenant(None, &dir), format!("stop it: backlot -C {here} -e development down"));
        assert_eq!(
            tenant(Some("blog"), &dir),
            format!("stop it: backlot -C {here} -p blog -e development down")
        );
        let gone = tenant(None, &dir.join("gone"));
        assert!(gone.starts_with("its directory is gone: backlot prune ends it"), "{gone}");
    }

    #[test]
    fn a_project_of_another_name_in_the_same_directory_is_known() {
        let home = Home::at("/h".into(), Owner::Caller);
        let dir = "/h/projects/old-1/development".into();
        let tenant = Tenant { project: None, name: "development".into(), dir, called: None };
        for (site, expected) in [
            ("/h/projects/new-1/development", Some("old")),
            ("/h/projects/old-1/testing", None),
            ("/h/projects/new-2/development", None),
        ] {
            let site = Site::at(&home, Path::new(site));
            assert_eq!(tenant.other_name(&site).as_deref(), expected, "{}", site.dir().display());
        }
    }
}
