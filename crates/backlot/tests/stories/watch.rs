//! `backlot watch` and `up --watch`: what is saved replaces the service.

use std::fs;
use std::time::{Duration, Instant};

use backlot_process::{Child, Signal, exit_code};
use backlot_testkit::{Stage, free_port, get};

use crate::BACKLOT;
use crate::blog::{printed, ps, wait_until};
use crate::changes::{Visitor, processes};
use crate::json::Schema;

const PAGE: &str = "import http.server

class Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header('Content-Length', '3')
        self.end_headers()
        self.wfile.write(b'one')

    def log_message(self, *_):
        pass

http.server.ThreadingHTTPServer(('0.0.0.0', 8000), Page).serve_forever()
";

/// A page that says `one`, and where.
fn page(more: &str) -> (Stage, u16) {
    let (stage, port) = (Stage::empty(BACKLOT), free_port());
    let compose = format!(
        "services:\n  web:\n    image: python\n    command: python3 app.py\n    working_dir: /app\n    \
         volumes: [\".:/app\"]\n    ports: [\"{port}:8000\"]\n    \
         x-backlot: {{command: python3 app.py}}\n{more}"
    );
    stage.file("compose.yaml", compose);
    stage.file("app.py", PAGE);
    (stage, port)
}

fn told(stage: &Stage) -> String {
    fs::read_to_string(stage.root().join("stderr")).unwrap_or_default()
}

fn said(stage: &Stage, words: &str) -> usize {
    told(stage).matches(words).count()
}

/// Brings it up, and watches it.
fn watched(stage: &Stage) -> Child {
    stage.backlot(&["up", "-d", "--wait", "-q"]).output().assert(0, "", "…");
    let run = stage.backlot(&["watch"]).start();
    wait_until("it watches", || told(stage).contains("watching "));
    run
}

/// Ctrl-C ends it; all runs on.
#[track_caller]
fn end(stage: &Stage, mut run: Child) {
    run.signal(Signal::SIGINT).unwrap();
    let status = run.wait(Duration::from_secs(20)).unwrap().unwrap();
    assert_eq!(exit_code(status), 130, "{}", told(stage));
}

/// Nothing more is done for a while.
#[track_caller]
fn stays(stage: &Stage, times: usize) {
    std::thread::sleep(Duration::from_millis(700));
    assert_eq!(said(stage, "replaced:"), times, "{}", told(stage));
}

fn web(stage: &Stage) -> Vec<u64> {
    processes(&ps(stage, "development"), "web")
}

#[test]
fn what_is_saved_replaces_the_service_and_no_request_is_dropped() {
    let (stage, port) = page("");
    stage.file(".gitignore", "made/\n*.tmp\n");
    let run = watched(&stage);
    let (first, visitor) = (web(&stage), Visitor::start(port));
    let save = |text: &str| {
        let (temporary, file) = (stage.project().join("app.py~"), stage.project().join("app.py"));
        fs::write(&temporary, PAGE.replace("one", text)).unwrap();
        // As editors do.
        fs::rename(temporary, file).unwrap();
    };
    save("two");
    wait_until("it is replaced", || said(&stage, "web       replaced: app.py has changed") == 1);
    assert_eq!(get(port, "/").unwrap().1, "two");
    let second = web(&stage);
    assert_ne!(first, second);

    // What is ignored, made or litter changes nothing.
    stage.file("made/bundle.js", "1").file("a.tmp", "1").file("__pycache__/app.pyc", "1").file("x.log", "1");
    stage.file("node_modules/x/index.js", "1").file(".git/HEAD", "1").file(".app.py.swp", "1");
    stays(&stage, 1);
    // A new folder is watched from then on.
    stage.file("lib/deep/new.py", "1");
    wait_until("it is replaced again", || said(&stage, "replaced: lib/deep/new.py has changed") == 1);
    stage.file("lib/deep/new.py", "22");
    wait_until("it is replaced again", || said(&stage, "replaced: lib/deep/new.py has changed") == 2);

    // Another branch is one change.
    for number in 0..20 {
        fs::create_dir(stage.project().join(format!("lib/package{number}"))).unwrap();
    }
    for number in 0..2000 {
        let file = format!("lib/package{}/module{number}.py", number % 20);
        fs::write(stage.project().join(file), "1").unwrap();
    }
    wait_until("the last one counts", || said(&stage, "replaced:") >= 4);
    stays(&stage, 4);
    assert!(told(&stage).contains("and 1999 more have changed"), "{}", told(&stage));
    visitor.was_never_disappointed();
    end(&stage, run);
    assert_eq!(get(port, "/").unwrap().1, "two");
    stage.backlot(&["down", "-q"]).output().assert_prints("");
}

#[test]
fn jobs_are_done_once() {
    let (stage, _) = page("    depends_on: {job: {condition: service_completed_successfully}}\n");
    let compose = fs::read_to_string(stage.project().join("compose.yaml")).unwrap();
    let job = "  job:\n    image: python\n    working_dir: /app\n    volumes: [\".:/app\"]\n    \
               command: sh -c 'echo done >> job.log'\n";
    stage.file("compose.yaml", compose + job);
    let run = watched(&stage);
    assert!(told(&stage).contains(" files of job, web") || told(&stage).contains(" file of job, web"));
    stage.file("app.py", PAGE.replace("one", "two"));
    wait_until("it is replaced", || said(&stage, "web       replaced: app.py has changed") == 1);
    stays(&stage, 1);
    assert_eq!(fs::read_to_string(stage.project().join("job.log")).unwrap(), "done\n");
    end(&stage, run);
    stage.backlot(&["down", "-q"]).output().assert_prints("");
}

#[test]
fn what_is_broken_leaves_the_old_one_and_the_next_change_is_taken_at_once() {
    let (stage, port) = page("");
    let run = watched(&stage);
    let before = web(&stage);
    stage.file("app.py", "syntax(");
    wait_until("it is told", || told(&stage).contains("error: web was not replaced: the new web-"));
    assert!(told(&stage).contains("SyntaxError"), "{}", told(&stage));
    assert_eq!((web(&stage), get(port, "/").unwrap().1), (before, "one".to_owned()));
    // This one never gets ready, and nobody waits for it.
    stage.file("app.py", "import time; time.sleep(1000)");
    std::thread::sleep(Duration::from_millis(500));
    let saved = Instant::now();
    stage.file("app.py", PAGE.replace("one", "two"));
    wait_until("it is replaced", || get(port, "/").is_ok_and(|(_, page)| page == "two"));
    assert!(saved.elapsed() < Duration::from_secs(8), "{:?}", saved.elapsed());
    end(&stage, run);
    stage.backlot(&["down", "-q"]).output().assert_prints("");
}

/// One service with these rules, which writes down its own start.
fn ruled(rules: &str) -> Stage {
    let stage = Stage::empty(BACKLOT);
    let compose = format!(
        "services:\n  web:\n    image: busybox\n    command: sleep 1000\n    working_dir: /app\n    \
         volumes: [\"./src:/app\"]\n    environment: {{WHO: web}}\n    develop:\n      watch:\n{rules}"
    );
    stage.file("compose.yaml", compose);
    stage.file("src/a.txt", "1").file("conf/a.conf", "1");
    stage
}

#[test]
fn rules_of_the_file_are_done_as_they_say() {
    let stage = ruled(
        "        - {path: ./conf, action: restart, ignore: [skipped/, \"*.bak\"]}\n        \
           - {path: ./src, action: sync, target: /app}\n        \
           - {path: ./src/only, action: sync+exec, target: /app/only, include: \"*.txt\", \
              exec: {command: \"sh -c 'echo $$WHO is $$TOLD in $$PWD'\", environment: {TOLD: told}}}\n        \
           - {path: ./package.json, action: rebuild}\n",
    );
    stage.file("package.json", "{}").file("src/only/a.txt", "1").file("conf/skipped/a.conf", "1");
    let compose = fs::read_to_string(stage.project().join("compose.yaml")).unwrap();
    stage.file("compose.yaml", compose + "  other: {image: busybox, command: sleep 1000}\n");
    stage.backlot(&["watch", "--dry-run"]).output().assert_prints(
        "watch conf for web: restart\nwatch src for web: sync\nwatch src/only for web: sync+exec\n\
         watch package.json for web: rebuild",
    );
    let run = watched(&stage);
    assert!(told(&stage).contains("web has src in place: nothing is copied"), "{}", told(&stage));
    let first = web(&stage);

    stage.file("src/a.txt", "22").file("conf/a.bak", "1").file("conf/skipped/a.conf", "22");
    stage.file("src/only/b.md", "1").file("other.txt", "1");
    stays(&stage, 0);
    stage.file("src/only/a.txt", "22");
    wait_until("the command was run", || said(&stage, "web is told in ") == 1);
    wait_until("that is told", || said(&stage, "web       told: src/only/a.txt has changed") == 1);
    assert_eq!(web(&stage), first);

    stage.file("conf/a.conf", "22");
    wait_until("it is restarted", || said(&stage, "web       replaced: conf/a.conf has changed") == 1);
    let second = web(&stage);
    assert_ne!(first, second);
    stage.file("package.json", "{ }");
    wait_until("it is rebuilt", || said(&stage, "made anew and replaced: package.json has changed") == 1);
    assert_ne!(web(&stage), second);
    // One that was stopped is left alone.
    stage.backlot(&["stop", "web", "-q"]).output().assert_prints("");
    let before = told(&stage);
    stage.file("conf/a.conf", "333").file("package.json", "{  }");
    std::thread::sleep(Duration::from_secs(1));
    assert_eq!(told(&stage), before);
    end(&stage, run);
    stage.backlot(&["down", "-q"]).output().assert_prints("");
}

#[test]
fn files_are_copied_into_a_volume_and_nowhere_else() {
    let stage = ruled(
        "        - {path: ./static, action: sync, target: /static, initial_sync: true, ignore: [\"*.map\"]}\n        \
           - {path: ./conf, action: sync+restart, target: /app/conf}\n",
    );
    let compose = fs::read_to_string(stage.project().join("compose.yaml")).unwrap();
    let compose = compose.replace("volumes: [", "volumes: [\"static:/static\", ");
    stage.file("compose.yaml", compose + "volumes: {static: {}}\n");
    stage.file("static/deep/a.css", "first").file("static/a.map", "1");
    if !crate::has_views() {
        return;
    }
    let run = watched(&stage);
    // What is a folder of the project's own is not written to.
    let line = "service web: conf is not copied natively: /app/conf is ";
    assert!(told(&stage).contains(line), "{}", told(&stage));
    let inside = |command: &str| stage.backlot(&["exec", "web", "sh", "-c", command]).output();
    inside("cd /static && find . -type f && cat deep/a.css").assert_prints("./deep/a.css\nfirst");
    stage.file("static/deep/a.css", "second").file("static/b.css", "b");
    wait_until("they are copied", || said(&stage, "web       copied:") > 0);
    wait_until("all of them", || inside("cat /static/deep/a.css /static/b.css").stdout.trim() == "secondb");
    fs::remove_file(stage.project().join("static/b.css")).unwrap();
    wait_until("it is gone", || !inside("ls /static").stdout.contains("b.css"));
    let first = web(&stage);
    stage.file("conf/a.conf", "22");
    wait_until("it is restarted", || said(&stage, "replaced: conf/a.conf has changed") == 1);
    assert_ne!(web(&stage), first);
    assert!(!stage.project().join("src/conf").exists());
    end(&stage, run);
    stage.backlot(&["down", "--volumes", "--yes", "-q"]).output().assert_prints("");
}

#[test]
fn the_foreground_watches_as_well_and_stays_when_all_has_ended() {
    let (stage, port) = page("");
    stage.file("app.py", "syntax(");
    let mut run = stage.backlot(&["up", "--watch"]).start();
    wait_until("it has failed", || {
        told(&stage).contains("nothing of development runs any more; the next change")
    });
    stage.file("app.py", PAGE);
    wait_until("it runs", || get(port, "/").is_ok_and(|(_, page)| page == "one"));
    stage.file("app.py", PAGE.replace("one", "two"));
    wait_until("it is replaced", || get(port, "/").is_ok_and(|(_, page)| page == "two"));
    wait_until("that is told", || said(&stage, "web       replaced: app.py has changed") > 0);
    run.signal(Signal::SIGINT).unwrap();
    let status = run.wait(Duration::from_secs(30)).unwrap().unwrap();
    assert_eq!(exit_code(status), 130);
    assert!(get(port, "/").is_err() && !printed(&stage).contains("watching"));
    let refused = stage.backlot(&["up", "-d", "--watch"]).output().assert_code(2);
    assert!(refused.stderr.contains("cannot be used with"), "{refused}");
}

#[test]
fn what_cannot_be_watched_is_told() {
    let (stage, _) = page("  mail: {image: busybox, command: sleep 1000}\n");
    let down = stage.backlot(&["watch"]).output();
    down.assert(
        1,
        "",
        "error: development is not up\n  help: start it, and watch: backlot -e development up --watch",
    );
    stage.backlot(&["up", "-d", "--wait", "-q"]).output().assert(0, "", "…");
    let unknown = stage.backlot(&["watch", "wbe"]).output().assert_code(1);
    assert!(
        unknown.stderr.contains("error: there is no service wbe (did you mean web? there are mail, web)"),
        "{unknown}"
    );
    let mail = stage.backlot(&["watch", "mail"]).output().assert_code(1);
    assert!(mail.stderr.contains("error: mail: there is no source here, and no develop.watch"), "{mail}");
    let compose = fs::read_to_string(stage.project().join("compose.yaml")).unwrap();
    for (rule, why) in [
        ("{path: ., action: sync+exec, target: /x}", "sync+exec of [project] needs exec.command"),
        ("{path: ., action: sync}", "what is copied from [project] needs a target"),
        ("{path: ., action: restart, ignore: [\"[x\"]}", "\"[x\" is no pattern"),
    ] {
        let rule = format!("command: sleep 1000, develop: {{watch: [{rule}]}}}}");
        stage.file("compose.yaml", compose.replace("command: sleep 1000}", &rule));
        for verb in [&["watch", "--dry-run"][..], &["up", "--watch"]] {
            let failed = stage.backlot(verb).output().assert_code(1);
            assert!(failed.stderr.contains(why), "{verb:?} {failed}");
        }
    }
    stage.backlot(&["down", "-q"]).output().assert_prints("");
}

#[test]
fn where_no_more_can_be_watched_files_are_looked_at() {
    let (stage, port) = page("");
    // A name space of one's own has a limit of its own.
    let limited = "echo 0 > /proc/sys/user/max_inotify_instances && exec \"$0\" watch";
    let works = stage.run("unshare", &["-Ur", "sh", "-c", "echo 0 > /proc/sys/user/max_inotify_instances"]);
    if works.output().code != 0 {
        return;
    }
    stage.backlot(&["up", "-d", "--wait", "-q"]).output().assert(0, "", "…");
    let mut run = stage.run("unshare", &["-Ur", "sh", "-c", limited, BACKLOT]).start();
    wait_until("it is told", || told(&stage).contains("this machine tells of no more changes: "));
    stage.file("app.py", PAGE.replace("one", "two"));
    wait_until("it is replaced", || get(port, "/").is_ok_and(|(_, page)| page == "two"));
    run.signal(Signal::SIGINT).unwrap();
    run.wait(Duration::from_secs(20)).unwrap().unwrap();
    stage.backlot(&["down", "-q"]).output().assert_prints("");
}

#[test]
fn a_service_that_writes_its_own_source_is_not_replaced_for_ever() {
    let (stage, port) = page("");
    let writing = format!("import time\nopen('made.css', 'w').write(str(time.time()))\n{PAGE}");
    stage.file("app.py", &writing);
    let run = watched(&stage);
    stage.file("app.py", writing + "\n");
    wait_until("it is told", || told(&stage).contains("made.css changes whenever web starts"));
    let times = said(&stage, "replaced:");
    stays(&stage, times);
    assert!(times < 10, "{}", told(&stage));
    assert_eq!(get(port, "/").unwrap().1, "one");
    end(&stage, run);
    stage.backlot(&["down", "-q"]).output().assert_prints("");
}

#[test]
fn it_takes_next_to_nothing_while_nothing_changes_and_ends_with_the_environment() {
    let (stage, _) = page("");
    for number in 0..500 {
        stage.file(&format!("lib/module{number}.py"), "1");
    }
    let mut run = watched(&stage);
    let used = || {
        let stat = fs::read_to_string(format!("/proc/{}/stat", run.id().pid)).unwrap();
        let fields: Vec<u64> =
            stat.rsplit(')').next().unwrap().split(' ').filter_map(|it| it.parse().ok()).collect();
        // utime and stime, in hundredths of a second.
        fields[10] + fields[11]
    };
    if cfg!(target_os = "linux") {
        let before = used();
        std::thread::sleep(Duration::from_secs(5));
        assert!(used() - before <= 5, "{} of 500", used() - before);
    }
    stage.backlot(&["down", "-q"]).output().assert_prints("");
    let status = run.wait(Duration::from_secs(20)).unwrap().unwrap();
    assert_eq!((exit_code(status), told(&stage).contains("development is down")), (0, true));
}

/// For programs: an object a line, as the schema says, of `watch` and of `up --watch`, whose services' lines are on that stream, too.
#[test]
fn for_programs_it_prints_objects() {
    let (stage, schema) = (page("").0, Schema::read());
    for words in [&["watch", "--json"][..], &["up", "--watch", "--json"]] {
        if words[0] == "watch" {
            stage.backlot(&["up", "-d", "--wait", "-q"]).output().assert_prints("");
        }
        let run = stage.backlot(words).start();
        wait_until("it watches", || told(&stage).contains("watching "));
        stage.file("app.py", PAGE.replace("serve_forever()", &format!("serve_forever() # {}", words[0])));
        wait_until("it is replaced", || printed(&stage).contains("\"done\""));
        end(&stage, run);
        let is_done = |line: &&str| line.contains("\"done\"");
        let lines = printed(&stage);
        lines.lines().filter(is_done).for_each(|line| schema.check("verb-watch", line));
        lines.lines().filter(|line| !is_done(line)).for_each(|line| schema.check("verb-logs", line));
        stage.backlot(&["down", "-q"]).output().assert(0, "", "…");
    }
}
