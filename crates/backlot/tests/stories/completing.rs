//! What shells complete, and the man pages.

use std::fs;

use backlot_testkit::Stage;

use crate::{BACKLOT, USERS_SQL, seed};

/// What is offered for the last of `words`, without what help says of it.
fn offered(stage: &Stage, words: &str) -> Vec<String> {
    let line: Vec<&str> = ["--", "backlot"].into_iter().chain(words.split(' ')).collect();
    // As fish asks.
    let outcome = stage.backlot(&line).env("BACKLOT_COMPLETE", "fish").output().assert_code(0);
    assert_eq!(outcome.stderr, "", "{words}");
    let names = outcome.stdout.lines().map(|line| line.split('\t').next().unwrap_or_default().to_owned());
    names.collect()
}

fn composed() -> Stage {
    let stage = Stage::empty(BACKLOT);
    stage.file(
        "compose.yaml",
        "services:\n  db: {image: postgres, environment: {POSTGRES_PASSWORD: pw}}\n  \
         web: {image: web, command: sleep 1000, depends_on: [db]}\n  \
         worker: {image: web, command: sleep 1000, profiles: [batch]}\n",
    );
    stage.file("compose.production.yaml", "services:\n  proxy: {image: nginx}\n");
    stage.file("compose.scenario.yaml", "services:\n  mail: {image: web, command: sleep 1000}\n");
    stage.file("scenarios/users.sql", USERS_SQL).file("scenarios/bills/01.sql", "SELECT 1");
    stage
}

#[test]
fn the_projects_names_are_offered_where_they_have_a_meaning() {
    let stage = composed();
    for (words, names) in [
        ("scenario up ", &["bills", "users"][..]),
        ("scenario up u", &["users"]),
        ("up ", &["db", "web", "worker"]),
        ("up -d web w", &["web", "worker"]),
        ("-e production up ", &["proxy"]),
        ("up -e production p", &["proxy"]),
        ("exec ", &["db", "web", "worker"]),
        ("run w", &["web", "worker"]),
        ("up --without ", &["db", "web", "worker"]),
        ("up --without=d", &["--without=db"]),
        ("up --scale w", &["web=", "worker="]),
        ("scale d", &["db="]),
        ("scenario up users --only m", &["mail"]),
        ("scenario logs users m", &["mail"]),
        ("scenario do", &["down"]),
        ("-e ", &["development", "production"]),
        ("ps --env pro", &["production"]),
        ("ps -ep", &["-eproduction"]),
        ("ps --engine n", &["native"]),
        ("logs --fol", &["--follow"]),
        // Only what is up can be asked.
        ("scenario url u", &[]),
        // What is a program's own.
        ("run -- w", &["web", "worker"]),
        ("exec web w", &[]),
        ("__", &[]),
    ] {
        assert_eq!(offered(&stage, words), names, "{words}");
    }
    let verbs = offered(&stage, "");
    assert!(verbs.iter().any(|verb| verb == "create-initial-db"), "{verbs:?}");
    assert!(verbs.iter().all(|verb| !verb.starts_with('-') && !verb.starts_with("__")), "{verbs:?}");
    let elsewhere = stage.root().join("user");
    let line = ["--", "backlot", "-C", "../project", "scenario", "up", ""];
    let outcome = stage.backlot(&line).env("BACKLOT_COMPLETE", "zsh").env("_CLAP_COMPLETE_INDEX", "5");
    outcome.within(&elsewhere).output().assert(0, "bills\nusers", "");
    // Outside of any, and where the files are no good, nothing is known and nothing is said.
    stage.file("compose.yaml", "services: [");
    assert_eq!(offered(&stage, "up w"), [""; 0]);
    fs::remove_file(stage.project().join("compose.yaml")).unwrap();
    assert_eq!(offered(&stage, "up w"), [""; 0]);
    stage.assert_nothing_left();
}

#[test]
fn what_is_up_is_offered_to_those_who_ask_it() {
    let stage = seed();
    stage.file("scenarios/users.sql", USERS_SQL);
    stage.backlot(&["scenario", "up", "other", "--empty", "--only", "db", "-q"]).output().assert(0, "", "");
    for verb in ["url", "shell", "env", "logs", "run", "down"] {
        assert_eq!(offered(&stage, &format!("scenario {verb} ")), ["other"], "{verb}");
    }
    assert_eq!(offered(&stage, "scenario up "), ["other", "users"]);
    assert_eq!(offered(&stage, "ps -e scen"), ["scenario_other"]);
    stage.backlot(&["scenario", "down", "other", "-q"]).output().assert(0, "", "");
    assert_eq!(offered(&stage, "scenario up "), ["users"]);
    stage.backlot(&["volume", "create", "books"]).output().assert_code(0);
    assert_eq!(offered(&stage, "volume rm "), ["books"]);
    stage.backlot(&["volume", "rm", "books", "-y"]).output().assert_code(0);
    stage.assert_nothing_left();
}

#[test]
fn nothing_is_started_to_complete_a_word() {
    let mut stage = composed();
    let called = stage.root().join("called");
    for program in ["docker", "podman", "postgres", "psql", "initdb", "pg_config", "git", "id", "npm"] {
        stage.program(
            &format!("bin/{program}"),
            &format!("#!/bin/sh\necho {program} >> '{}'\n", called.display()),
        );
    }
    stage.set("PATH", stage.project().join("bin").display().to_string());
    for words in ["up ", "scenario up ", "scenario down ", "-e ", "ps "] {
        offered(&stage, words);
    }
    assert!(!called.exists(), "{}", fs::read_to_string(&called).unwrap());
    stage.assert_nothing_left();
}

/// The functions that scripts register, called as the shells do.
#[test]
fn the_shells_scripts_ask_the_program() {
    let stage = composed();
    fs::create_dir_all(stage.root().join("bin")).unwrap();
    std::os::unix::fs::symlink(stage.binary(), stage.root().join("bin/backlot")).unwrap();
    let path = format!("{}:{}", stage.root().join("bin").display(), stage.variable("PATH"));
    let bash = "source <(backlot completions bash)\nCOMP_WORDS=(backlot scenario up ''); COMP_CWORD=3\n\
        _clap_complete_backlot backlot '' up\nprintf '%s\\n' \"${COMPREPLY[@]}\"\n\
        complete -p backlot | grep -c _clap_complete_backlot";
    let asked = stage.run("bash", &["--norc", "-c", bash]).env("PATH", &path).output();
    asked.assert(0, "bills\nusers\n1", "");
    let is_here = |shell: &str| stage.run("sh", &["-c", &format!("command -v {shell}")]).output().code == 0;
    if is_here("fish") {
        let fish = "backlot completions fish | source\ncomplete -C 'backlot scenario up '";
        stage.run("fish", &["-c", fish]).env("PATH", &path).output().assert(0, "bills\nusers", "");
    }
    if is_here("zsh") {
        let functions = stage.root().join("functions");
        fs::create_dir_all(&functions).unwrap();
        let script = stage.backlot(&["completions", "zsh"]).output().assert_code(0).stdout;
        fs::write(functions.join("_backlot"), script).unwrap();
        // What is handed to the shell is printed; the first word is the one for which the file is loaded.
        let zsh = format!(
            "fpath=({} $fpath); autoload -Uz compinit; compinit -u -D; _describe() {{ print -l ${{(P)3}} }}\n\
             words=(backlot scenario up ''); CURRENT=4; _backlot",
            functions.display()
        );
        stage.run("zsh", &["-f", "-c", &zsh]).env("PATH", &path).output().assert(0, "bills\nusers", "");
    }
    stage.backlot(&["completions", "tcsh"]).output().assert_code(2);
}

#[test]
fn every_verb_has_a_man_page() {
    let stage = Stage::empty(BACKLOT);
    let folder = stage.root().join("share/man/man1");
    let written = folder.display().to_string();
    stage.backlot(&["man-pages", &written, "--dry-run"]).output().assert_code(0);
    assert!(!folder.exists());
    stage.backlot(&["man-pages", &written]).output().assert(0, "", "");
    let read = |name: &str| fs::read_to_string(folder.join(name)).unwrap();
    assert!(read("backlot.1").contains("backlot\\-scenario(1)"), "{}", read("backlot.1"));
    let up = read("backlot-scenario-up.1");
    assert!(
        up.contains(".SH SYNOPSIS") && up.contains("\\-\\-fresh") && up.contains("\\-\\-directory"),
        "{up}"
    );
    let names: Vec<_> = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(names.iter().all(|name| !name.to_string_lossy().contains("__")), "{names:?}");
    let blocked = stage.root().join("blocked");
    fs::write(&blocked, "").unwrap();
    let outcome = stage.backlot(&["man-pages", &blocked.display().to_string()]).output().assert_code(1);
    assert!(outcome.stderr.contains("cannot write the man pages into"), "{outcome}");
}
