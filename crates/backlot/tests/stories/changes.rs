//! `backlot up` of what runs already: what changed is touched, and nothing else.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use backlot_testkit::{Stage, free_port, get};
use serde_json::Value;

use crate::blog::{Blog, blog, ps, replicas, single};
use crate::{BACKLOT, has_views};

/// The process of each replica of a service.
pub(crate) fn processes(services: &[Value], service: &str) -> Vec<u64> {
    replicas(services, service).iter().filter_map(|replica| replica["pid"].as_u64()).collect()
}

#[test]
fn another_shell_restarts_nothing() {
    let Blog { stage, .. } = &blog();
    stage.backlot(&["up", "-d", "--wait", "-q"]).env("TERM", "xterm").output().assert(0, "", "…");
    let before = ps(stage, "development");
    let path = format!("/nowhere:{}", std::env::var("PATH").unwrap());
    let again = stage.backlot(&["up", "-d", "--wait", "-q"]);
    again.env("PATH", path).env("TERM", "vt100").env("LC_ALL", "C").output().assert(0, "", "");
    let after = ps(stage, "development");
    for service in ["db", "web"] {
        assert_eq!(processes(&before, service), processes(&after, service), "{service}");
    }
    // A service has no terminal; what is run beside it has the caller's.
    let terminal = ["exec", "web", "sh", "-c", "echo $TERM"];
    stage.backlot(&terminal).env("TERM", "vt220").output().assert_prints("vt220");
    stage.backlot(&terminal).output().assert_prints("");
    // What the project's own variables say is another matter, for those that get them.
    stage.backlot(&["up", "-d", "--wait", "-q"]).env("FLASK_ENV", "production").output().assert(0, "", "…");
    let changed = ps(stage, "development");
    assert_eq!(processes(&before, "db"), processes(&changed, "db"));
    assert_ne!(processes(&before, "web"), processes(&changed, "web"));
    stage.backlot(&["down", "--volumes", "--yes", "-q"]).output().assert_prints("");
}

/// Asks an endpoint until it is told to stop; how often it was not answered well.
pub(crate) struct Visitor {
    over: Arc<AtomicBool>,
    asking: JoinHandle<Vec<String>>,
}

impl Visitor {
    pub(crate) fn start(port: u16) -> Self {
        let over = Arc::new(AtomicBool::new(false));
        let stop = Arc::clone(&over);
        let asking = std::thread::spawn(move || {
            let mut wrong = Vec::new();
            while !stop.load(Ordering::Relaxed) {
                match get(port, "/") {
                    Ok((200, _)) => {}
                    other => wrong.push(format!("{other:?}")),
                }
            }
            wrong
        });
        Self { over, asking }
    }

    #[track_caller]
    pub(crate) fn was_never_disappointed(self) {
        self.over.store(true, Ordering::Relaxed);
        let wrong = self.asking.join().unwrap();
        assert!(wrong.is_empty(), "{} times: {:?}", wrong.len(), wrong.first());
    }
}

#[test]
fn only_what_changed_in_the_compose_file_is_touched() {
    let Blog { stage, web, .. } = &blog();
    let file = "docker/development.yml";
    let first = std::fs::read_to_string(stage.project().join(file)).unwrap();
    let up = |text: &str| {
        stage.file(file, text);
        stage.backlot(&["up", "-d", "--wait", "-q"]).output()
    };
    up(&first).assert(0, "", "…");
    let before = ps(stage, "development");
    let (db, page) = (processes(&before, "db"), processes(&before, "web"));
    let visitor = Visitor::start(*web);
    let same = |services: &[Value]| {
        assert_eq!((processes(services, "db"), processes(services, "web")), (db.clone(), page.clone()));
    };

    let worker = "  worker:\n    image: busybox\n    command: sleep 600\n    depends_on: [web]\nvolumes:\n";
    let with_worker = first.replace("volumes:\n  pgdata:", &format!("{worker}  pgdata:"));
    up(&with_worker).assert(0, "", "…");
    let services = ps(stage, "development");
    same(&services);
    let sleeps = processes(&services, "worker");
    assert_eq!(sleeps.len(), 1);

    // A check and a policy hold for those that run.
    let check = |test: &str| {
        let more = format!(
            "    restart: always\n    healthcheck: {{test: [\"CMD\", \"{test}\"], interval: 100ms, retries: 2}}\n"
        );
        with_worker.replace("    command: flask", &format!("{more}    command: flask"))
    };
    up(&check("true")).assert(0, "", "…");
    let services = ps(stage, "development");
    same(&services);
    assert_eq!(processes(&services, "worker"), sleeps);

    // What the file does not have any more is stopped, unless only others were asked for.
    stage.file(file, &first);
    stage.backlot(&["up", "-d", "--wait", "-q", "web"]).output().assert(0, "", "…");
    assert_eq!(processes(&ps(stage, "development"), "worker"), sleeps);
    up(&first).assert(0, "", "…");
    let services = ps(stage, "development");
    same(&services);
    assert_eq!(services.len(), 2);
    visitor.was_never_disappointed();

    // One that is not well by its new check is told, and gets no more requests.
    let failed = up(&check("false")).assert_code(1);
    assert!(failed.stderr.contains("error: web is unhealthy after 2 failed checks: exit code 1"), "{failed}");
    up(&first).assert(0, "", "…");
    let services = ps(stage, "development");
    same(&services);
    assert_eq!(get(*web, "/").unwrap().0, 200);

    // Another port is another door to the same process.
    let port = free_port();
    up(&first.replace(&format!("{web}:5000"), &format!("{port}:5000"))).assert(0, "", "…");
    same(&ps(stage, "development"));
    assert_eq!(get(port, "/").unwrap().0, 200);
    assert!(get(*web, "/").is_err());

    // All of it anew, as it is.
    stage.backlot(&["restart", "-q"]).output().assert_prints("");
    let services = ps(stage, "development");
    assert!(processes(&services, "db") != db && processes(&services, "web") != page);
    assert_eq!(get(port, "/").unwrap().0, 200);
    stage.backlot(&["down", "--volumes", "--yes", "-q"]).output().assert_prints("");
}

#[test]
fn a_release_that_was_given_up_is_tried_again_by_the_next_up() {
    let page = "    x-backlot:\n      command: sh -c 'test -f well && exec python3 -m http.server --bind 127.0.0.1 $$PORT; echo no; exit 3'\n";
    let stage = single("python3", page);
    stage.file("well", "");
    stage.backlot(&["up", "-d", "--wait", "-q"]).output().assert(0, "", "…");
    let pid = processes(&ps(&stage, "development"), "web");
    std::fs::remove_file(stage.project().join("well")).unwrap();
    let compose = std::fs::read_to_string(stage.project().join("compose.yaml")).unwrap();
    stage.file(
        "compose.yaml",
        compose.replace("image: python", "image: python\n    environment: {RELEASE: \"2\"}"),
    );
    for _ in 0..2 {
        let failed = stage.backlot(&["up", "-d", "--wait", "-q"]).output().assert_code(1);
        assert!(
            failed.stderr.contains("error: web was not replaced: the new web-2 exited with code 3"),
            "{failed}"
        );
        assert_eq!(processes(&ps(&stage, "development"), "web"), pid);
    }
    stage.file("well", "");
    stage.backlot(&["up", "-d", "--wait", "-q"]).output().assert(0, "", "…");
    assert_ne!(processes(&ps(&stage, "development"), "web"), pid);
    stage.backlot(&["down", "-q"]).output().assert_prints("");
}

#[test]
fn a_configuration_that_nginx_refuses_does_not_take_the_place_of_the_one_it_runs_with() {
    let blog = blog();
    blog.production(&["up", "-d", "--wait", "-q"]).assert_code(0);
    let file = "docker/nginx/nginx.conf";
    let good = std::fs::read_to_string(blog.stage.project().join(file)).unwrap();
    blog.stage.file(file, good.replace("listen 8080;", "listen 8080;\n        no_such_directive on;"));
    let refused = blog.production(&["up", "-d", "--wait", "-q"]).assert_code(1);
    assert!(refused.stderr.contains("unknown directive \"no_such_directive\""), "{refused}");
    assert!(refused.stderr.contains("docker/nginx/nginx.conf:"), "{refused}");
    assert_eq!(get(blog.nginx, "/").unwrap().0, 200);
    if !has_views() {
        // It has one of its own, which is made of the project's.
        blog.production(&["restart", "-q", "nginx"]).assert_prints("");
        assert_eq!(get(blog.nginx, "/").unwrap().0, 200);
    }
    blog.production(&["down", "--volumes", "--yes", "-q"]).assert_prints("");
}

#[test]
fn a_dry_run_says_just_what_the_next_up_does() {
    let compose = |command: &str, more: &str| {
        format!(
            "services:\n  db: {{image: postgres, environment: {{POSTGRES_PASSWORD: x}}}}\n  web: {{image: busybox, command: sleep {command}, depends_on: [db]{more}}}\n"
        )
    };
    let other = "  other: {image: busybox, command: sleep 700}\n";
    let stage = Stage::empty(BACKLOT);
    stage.file("compose.yaml", compose("600", "") + other);
    let would = |more: &[&str], said: &str| {
        let words = [&["up", "-d", "--dry-run"], more].concat();
        stage.backlot(&words).output().assert_prints(said);
    };
    let up = || stage.backlot(&["up", "-d", "--wait", "-q"]).output().assert(0, "", "…");
    would(
        &[],
        "clone a throw-away cluster with postgres\nstart db on a free port of 127.0.0.1\nstart other, web",
    );
    up();
    // Nothing is said of what stays, by anybody.
    would(&[], "");
    would(&["web"], "");
    would(&["--scale", "web=3"], "scale web to 3");
    stage.file("compose.yaml", compose("601", ", deploy: {replicas: 2}"));
    would(&["web"], "replace web\nscale web to 2");
    would(&[], "replace web\nscale web to 2\nstop other, which is not in the files any more");
    let before = ps(&stage, "development");
    up();
    let after = ps(&stage, "development");
    assert_eq!((processes(&before, "db"), after.len()), (processes(&after, "db"), 2));
    would(&[], "");
    stage.file("compose.yaml", compose("601", ", deploy: {replicas: 2}, restart: always"));
    would(&[], "change how web is checked, restarted or reached");
    up();
    would(&[], "");
    assert_eq!(processes(&after, "web"), processes(&ps(&stage, "development"), "web"));
    stage.backlot(&["down", "-q"]).output().assert_prints("");
    stage.assert_nothing_left();
}
