//! The real `docker`, asked by tests.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::Path;
use std::time::Duration;

use backlot_process::Program;

use crate::run::find;

/// How long Docker may take to answer.
pub(crate) const LIMIT: Duration = Duration::from_mins(1);

/// `docker` with the variables of a stage.
pub(crate) fn docker<A: Into<OsString>>(arguments: impl IntoIterator<Item = A>) -> Program {
    Program::new(find(Path::new("docker"))).args(arguments).envs(&variables())
}

/// What `docker` prints.
pub(crate) fn ask<A: Into<OsString>>(arguments: impl IntoIterator<Item = A>) -> String {
    let output = docker(arguments).output(LIMIT).unwrap();
    assert!(output.status.success(), "docker: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// What leads to the daemon and to the plug-in, although a stage has a HOME of its own.
pub(crate) fn variables() -> BTreeMap<String, String> {
    let mut variables: BTreeMap<String, String> =
        std::env::vars().filter(|(name, _)| name == "PATH" || name.starts_with("DOCKER_")).collect();
    if let (Ok(home), false) = (std::env::var("HOME"), variables.contains_key("DOCKER_CONFIG")) {
        variables.insert("DOCKER_CONFIG".into(), Path::new(&home).join(".docker").display().to_string());
    }
    variables
}
