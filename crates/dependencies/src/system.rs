//! Packages of a system that an image has, and this machine may have, too.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

use backlot_process::{Program, caller_allow_list};

use crate::machine::is_executable;

/// How long the list of this machine's packages may take.
const LIMIT: Duration = Duration::from_secs(5);

/// Those of a system's packages that are not here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Missing {
    /// Their names.
    pub names: Vec<String>,
    /// Whether this machine's own packages were asked, and not only which programs there are.
    pub is_known: bool,
}

/// Those of `names` that are not here; `are_debians` where Debian has packages of these names.
pub fn missing(names: &[String], are_debians: bool, variables: &BTreeMap<String, String>) -> Missing {
    let here = if are_debians { installed(names, variables) } else { None };
    let is_known = here.is_some();
    let here = here.unwrap_or_default();
    let is_here = |name: &str| here.contains(name) || on_path(program_of(name), variables).is_some();
    Missing { names: names.iter().filter(|name| !is_here(name)).cloned().collect(), is_known }
}

/// The program for which a package of a system is installed, as far as that is known: it may be here by another package.
fn program_of(package: &str) -> &str {
    const PROGRAMS: [(&str, &str); 5] = [
        ("netcat", "nc"),
        ("postgresql-client", "psql"),
        ("postgresql", "psql"),
        ("redis-tools", "redis-cli"),
        ("build-essential", "cc"),
    ];
    PROGRAMS.iter().find(|(start, _)| package.starts_with(start)).map_or(package, |(_, program)| program)
}

/// Those of Debian's packages that are installed; none where nobody can tell.
fn installed(names: &[String], variables: &BTreeMap<String, String>) -> Option<BTreeSet<String>> {
    let program = on_path("dpkg-query", variables)?;
    let ask = Program::new(program).args(["-W", "-f", "${db:Status-Status} ${Package}\\n", "--"]).args(names);
    let output = ask.envs(caller_allow_list(variables)).output(LIMIT).ok()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    Some(text.lines().filter_map(|line| line.strip_prefix("installed ")).map(str::to_owned).collect())
}

fn on_path(program: &str, variables: &BTreeMap<String, String>) -> Option<std::path::PathBuf> {
    let path = variables.get("PATH")?;
    std::env::split_paths(path)
        .map(|dir: std::path::PathBuf| Path::new(&dir).join(program))
        .find(|file| is_executable(file))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_its_program_here_is_not_missing() {
        let dir = tempfile::tempdir().unwrap();
        for name in ["git", "cc"] {
            let file = dir.path().join(name);
            std::fs::write(&file, "").unwrap();
            std::fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        }
        let variables = BTreeMap::from([("PATH".to_owned(), dir.path().display().to_string())]);
        let names = ["git", "build-essential", "libpq-dev"].map(str::to_owned);
        let expected = Missing { names: vec!["libpq-dev".to_owned()], is_known: false };
        assert_eq!(missing(&names, true, &variables), expected);
    }
}
