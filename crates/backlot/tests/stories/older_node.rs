//! Services that were made for an older Node than this machine's.

use std::time::Duration;

use backlot_process::wait_for;
use backlot_testkit::Stage;

use crate::BACKLOT;
use crate::dependencies::program;

const LIMIT: Duration = Duration::from_secs(30);

/// An `npm` that takes packages which do not suit each other only when it is told to.
const STRICT_NPM: &str = "\
[ \"$npm_config_legacy_peer_deps\" = true ] || { echo ERESOLVE >&2; exit 1; }
mkdir -p node_modules/.bin; printf '#!/bin/sh\\necho with $NODE_OPTIONS; exec sleep 600\\n' > node_modules/.bin/app
chmod +x node_modules/.bin/app";

#[test]
fn what_was_made_for_an_older_node_is_installed_and_run_as_with_that() {
    let dockerfile = "WORKDIR /app\nCOPY package.json .\nRUN npm install\nCOPY . .\nCMD app\n";
    let stage = Stage::empty(BACKLOT);
    stage
        .file("old/package.json", "{}")
        .file("old/Dockerfile", format!("FROM node:12\n{dockerfile}"))
        .file("new/package.json", "{}")
        .file("new/Dockerfile", format!("FROM node:20\n{dockerfile}"))
        .file("compose.yaml", "services: {old: {build: old}}\n");
    let bin = stage.root().join("fake");
    program(&bin, "node", "echo v20.0.0");
    program(&bin, "npm", STRICT_NPM);
    let stage = stage.with("PATH", format!("{}:/usr/bin:/bin", bin.display()));
    stage.backlot(&["up", "-d", "--wait", "-q"]).output().assert_code(0);
    let said = || stage.backlot(&["logs"]).output().stdout;
    let said =
        wait_for(LIMIT, || Some(said()).filter(|text| text.contains("with --openssl-legacy-provider")));
    assert!(said.is_some(), "{}", stage.backlot(&["logs"]).output());
    stage.backlot(&["down", "-q"]).output().assert_code(0);
    // What was made for this one is not.
    stage.file("compose.yaml", "services: {new: {build: new}}\n");
    let failed = stage.backlot(&["up", "-d", "-q"]).output().assert_code(1);
    assert!(failed.stderr.contains("ERESOLVE"), "{failed}");
}
