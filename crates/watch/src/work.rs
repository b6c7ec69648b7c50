//! Which changes lead to what.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use backlot_project::stack::WatchAction;

use crate::rule::Rule;

/// What is to be done with each service.
pub type Work = BTreeMap<String, Todo>;

/// What is to be done with one service: first it is built anew or files are copied, then it is restarted, then commands run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Todo {
    /// What it is made of is made anew, and it is replaced.
    pub rebuild: bool,
    /// It is replaced.
    pub restart: bool,
    /// Files that are copied, by the number of the service's rule that says so.
    pub sync: BTreeMap<usize, BTreeSet<PathBuf>>,
    /// The numbers of the rules whose commands are run.
    pub exec: BTreeSet<usize>,
    /// Whether the Compose file asks for it, rather than that its source has changed.
    pub is_said: bool,
    /// The files that have changed.
    pub files: BTreeSet<PathBuf>,
}

impl Todo {
    fn add(&mut self, rule: &Rule, file: &Path) {
        let action = rule.action(file);
        self.files.insert(file.to_owned());
        self.is_said |= rule.said.is_some();
        match action {
            WatchAction::Rebuild => self.rebuild = true,
            WatchAction::Restart | WatchAction::SyncRestart => self.restart = true,
            WatchAction::Sync | WatchAction::SyncExec => {}
        }
        let Some(number) = rule.said else { return };
        if action.syncs() {
            self.sync.entry(number).or_default().insert(file.to_owned());
        }
        if action == WatchAction::SyncExec {
            self.exec.insert(number);
        }
    }

    /// Takes what another one has to do, too.
    pub fn join(&mut self, other: Self) {
        let Self { rebuild, restart, sync, exec, is_said, files } = other;
        self.rebuild |= rebuild;
        self.restart |= restart;
        self.is_said |= is_said;
        for (number, more) in sync {
            self.sync.entry(number).or_default().extend(more);
        }
        self.exec.extend(exec);
        self.files.extend(files);
    }
}

/// What these changes ask for.
pub fn work(rules: &[Rule], changed: &[PathBuf]) -> Work {
    let mut work = Work::new();
    for file in changed {
        for rule in rules.iter().filter(|rule| rule.takes(file)) {
            work.entry(rule.service.clone()).or_default().add(rule, file);
        }
    }
    work
}

#[cfg(test)]
mod tests {
    use super::{Todo, work};
    use crate::git::GitIgnored;
    use crate::rule::Rule;
    use backlot_project::stack::{WatchAction, WatchRule};
    use std::path::{Path, PathBuf};

    fn said(service: &str, number: usize, path: &str, action: WatchAction) -> Rule {
        let rule = WatchRule {
            path: path.into(),
            action,
            target: None,
            ignore: Vec::new(),
            include: Vec::new(),
            initial_sync: false,
            exec: None,
        };
        Rule::said(service, (number, &rule), None).unwrap()
    }

    fn rules() -> Vec<Rule> {
        use WatchAction::{Rebuild, Restart, Sync, SyncExec, SyncRestart};
        vec![
            said("web", 0, "/p/web", Sync),
            said("web", 1, "/p/web/conf", SyncRestart),
            said("web", 2, "/p/web/package.json", Rebuild),
            said("proxy", 0, "/p/proxy", SyncExec),
            said("proxy", 1, "/p/certs", Restart),
            Rule::of_source("worker", Path::new("/p"), (None, GitIgnored::new("/p".into())), &[]),
        ]
    }

    fn files(names: &[&str]) -> Vec<PathBuf> {
        names.iter().map(PathBuf::from).collect()
    }

    #[test]
    fn changes_lead_to_what_the_rules_say() {
        // Files, a service, and whether it is rebuilt, restarted, which rules copy, and which run commands.
        type Row = (&'static [&'static str], &'static str, (bool, bool), &'static [usize], &'static [usize]);
        let cases: [Row; 8] = [
            (&["/p/web/a.js"], "web", (false, false), &[0], &[]),
            (&["/p/web/conf/a"], "web", (false, true), &[0, 1], &[]),
            (&["/p/web/package.json"], "web", (true, false), &[0], &[]),
            (&["/p/web/package.json", "/p/web/conf/a"], "web", (true, true), &[0, 1], &[]),
            (&["/p/proxy/a", "/p/proxy/b"], "proxy", (false, false), &[0], &[0]),
            (&["/p/certs/a"], "proxy", (false, true), &[], &[]),
            (&["/p/web/a.js"], "worker", (false, true), &[], &[]),
            (&["/p/requirements.txt", "/p/a.py"], "worker", (true, true), &[], &[]),
        ];
        for (changed, service, (rebuild, restart), sync, exec) in cases {
            let work = work(&rules(), &files(changed));
            let todo = &work[service];
            assert_eq!((todo.rebuild, todo.restart), (rebuild, restart), "{changed:?} {service}");
            assert_eq!(todo.sync.keys().copied().collect::<Vec<_>>(), sync, "{changed:?} {service}");
            assert_eq!(todo.exec.iter().copied().collect::<Vec<_>>(), exec, "{changed:?} {service}");
            assert_eq!(todo.is_said, service != "worker");
        }
        assert!(work(&rules(), &files(&["/elsewhere/a"])).is_empty());
    }

    #[test]
    fn what_comes_later_is_done_as_well() {
        let mut first = work(&rules(), &files(&["/p/proxy/a"])).remove("proxy").unwrap();
        first.join(work(&rules(), &files(&["/p/certs/x", "/p/proxy/b"])).remove("proxy").unwrap());
        let mut all = work(&rules(), &files(&["/p/proxy/a", "/p/certs/x", "/p/proxy/b"]));
        assert_eq!(Some(first.clone()), all.remove("proxy"));
        first.join(Todo::default());
        assert_eq!(first.sync[&0].len(), 2);
    }
}
