//! What runs beside services, or once as one.

use std::time::Duration;

use backlot_process::{exit_code, wait_for};
use backlot_testkit::Stage;

use crate::BACKLOT;

const LIMIT: Duration = Duration::from_secs(20);

/// Whether services have addresses of their own here.
fn is_whole() -> bool {
    std::env::var("BACKLOT_VIEW").is_err() && backlot_engine::no_view().is_none()
}

const SERVE: &str =
    "import http.server as h; h.ThreadingHTTPServer(('', 8000), h.SimpleHTTPRequestHandler).serve_forever()";

const ASK: &str =
    "import urllib.request as u, sys; print(u.urlopen('http://' + sys.argv[1]).read().decode(), end='')";

fn stack() -> Stage {
    let stage = Stage::empty(BACKLOT);
    stage.file("pages/index.html", "hello").file("code/here", "").file("serve.py", SERVE).file("ask.py", ASK);
    stage.file(
        "compose.yaml",
        "services:
  api:
    image: app
    command: python3 /srv/serve.py
    working_dir: /srv/pages
    ports: ['8000']
    volumes: ['.:/srv']
    healthcheck: {test: python3 /srv/ask.py localhost:8000, interval: 100ms, retries: 50}
  web:
    image: app
    command: sh -c 'pwd; echo $$WORD; exit 3'
    environment: {WORD: said}
    working_dir: /srv/code
    ports: ['8000:8000']
    volumes: ['.:/srv']
    depends_on: {api: {condition: service_healthy}}
  alone: {image: app, command: 'echo alone', volumes: ['.:/srv']}
  tool: {image: app, profiles: [tools], command: 'echo tool'}
",
    );
    stage
}

#[test]
fn a_service_runs_once_with_what_it_needs() {
    if !is_whole() {
        return;
    }
    let stage = stack();
    let steps = stage.backlot(&["--dry-run", "run", "--rm", "web", "ls", "a b"]).output();
    steps.assert(0, "start api\nrun ls 'a b' as web", "");

    stage.backlot(&["-q", "run", "--rm", "web"]).output().assert(3, "/srv/code\nsaid", "");
    // What it needs stays, and nothing else of it is there.
    stage.backlot(&["ps", "-q"]).output().assert_prints("api-1");
    let asks = ["-q", "run", "web", "python3", "/srv/ask.py", "api:8000"];
    stage.backlot(&asks).output().assert(0, "hello", "");
    // Its ports are its own: its localhost is neither the machine nor another replica.
    let ports = "python3 /srv/serve.py 2>/dev/null & for i in 1 2 3 4 5 6 7 8 9; do sleep 0.2; \
                 python3 /srv/ask.py localhost:8000/here 2>/dev/null && break; done; kill $!; cat here; pwd";
    stage.backlot(&["-q", "run", "-w", "/srv/code", "web", "sh", "-c", ports]).output().assert(
        0,
        "/srv/code",
        "",
    );
    stage.backlot(&["-q", "run", "web", "python3", "/srv/ask.py", "web:8000"]).output().assert_code(1);
    stage.backlot(&["-q", "run", "web", "sh", "-c", "kill -9 $$"]).output().assert(137, "", "");
    stage.backlot(&["-q", "run", "web", "no-such-program"]).output().assert_code(127);
    stage.backlot(&["down", "-q"]).output().assert(0, "", "");
    stage.assert_nothing_left();
}

#[test]
fn a_shell_sees_what_the_service_sees() {
    if !is_whole() {
        return;
    }
    let stage = stack();
    stage.backlot(&["shell", "api"]).output().assert_code(1);
    stage.backlot(&["up", "-d", "--wait", "-q", "api"]).output().assert_code(0);
    let typed = "pwd\npython3 ../ask.py localhost:8000\necho ${BASH_VERSION:+bash}\nexit 4\n";
    stage.backlot(&["shell", "api"]).stdin(typed).output().assert(4, "/srv/pages\nhellobash", "");
    // A machine without bash has sh.
    let only = stage.root().join("only");
    std::fs::create_dir(&only).unwrap();
    std::os::unix::fs::symlink("/bin/sh", only.join("sh")).unwrap();
    let sh = stage.backlot(&["shell", "-w", "/srv", "api"]).stdin("pwd\n");
    sh.env("PATH", only.display().to_string()).output().assert(0, "/srv", "");
    stage.backlot(&["down", "-q"]).output().assert(0, "", "");
    stage.assert_nothing_left();
}

#[test]
fn a_service_that_needs_nothing_leaves_nothing() {
    let stage = stack();
    stage.backlot(&["-q", "run", "alone"]).output().assert(0, "alone", "");
    stage.assert_nothing_left();
    stage.backlot(&["-q", "run", "tool", "echo", "-x"]).output().assert(0, "-x", "");
    stage.backlot(&["-q", "run", "--no-deps", "web", "echo", "x"]).output().assert(0, "x", "");
    stage.assert_nothing_left();
    // What is no service is a command, and so is all that comes after --.
    stage.backlot(&["-q", "run", "echo", "alone"]).output().assert(0, "alone", "");
    stage.backlot(&["-q", "run", "--", "alone"]).output().assert_code(127);
    let error = "there is no service echo (there are alone, api, web)";
    let rm = stage.backlot(&["-q", "run", "--rm", "echo"]).output().assert_code(1);
    assert!(rm.stderr.contains(error), "{rm}");
}

#[test]
fn a_command_beside_a_server_reaches_it_by_its_name() {
    if !is_whole() {
        return;
    }
    let stage = Stage::empty(BACKLOT);
    stage.file(
        "compose.yaml",
        "services:
  db: {image: postgres, environment: {POSTGRES_PASSWORD: x}}
  web: {image: app, command: sleep 1000, environment: {PGPASSWORD: x}, depends_on: [db]}
",
    );
    let select = ["psql", "-XAt", "-h", "db", "-U", "postgres", "-c", "select 42"];
    for service in ["db", "web"] {
        let words: Vec<&str> = ["-q", "run", "--rm", service].into_iter().chain(select).collect();
        stage.backlot(&words).output().assert(0, "42", "");
    }
    let own = stage.backlot(&["-q", "run", "db"]).output().assert_code(1);
    assert!(own.stderr.contains("service db does not run once more: it is the server of its data"), "{own}");
    stage.backlot(&["down", "-q"]).output().assert(0, "", "");
    stage.assert_nothing_left();
}

/// nginx has its ports for itself, here as in the service that runs.
#[test]
fn an_nginx_runs_once_beside_the_one_that_runs() {
    if !is_whole() || !std::path::Path::new("/usr/sbin/nginx").exists() {
        return;
    }
    let stage = Stage::empty(BACKLOT);
    stage.file(
        "nginx.conf",
        "events {}\nhttp { access_log off; server { listen 80; location / { return 200 'it is'; } } }\n",
    );
    stage.file("ask.py", ASK);
    let compose = "services:\n  front: {image: nginx, ports: ['80'], volumes: ['./nginx.conf:/etc/nginx/nginx.conf', './ask.py:/srv/ask.py']}\n";
    stage.file("compose.yaml", compose);
    stage.backlot(&["up", "-d", "--wait", "-q"]).output().assert_code(0);
    let both = "nginx; python3 /srv/ask.py localhost; python3 /srv/ask.py front; nginx -s quit";
    let run = stage.backlot(&["-q", "run", "front", "sh", "-c", both]).output().assert_code(0);
    assert_eq!(run.stdout, "it isit is", "{run}");
    let none = stage.backlot(&["run", "front", "nginx", "-v"]).env("BACKLOT_VIEW", "4").output();
    assert!(none.assert_code(1).stderr.contains("front does not run once more"));
    stage.backlot(&["down", "-q"]).output().assert(0, "", "");
    stage.assert_nothing_left();
}

#[test]
fn a_service_is_called_as_its_file_says() {
    if !is_whole() {
        return;
    }
    let stage = Stage::empty(BACKLOT);
    stage.file(
        "compose.yaml",
        "services:
  named: {image: app, command: sleep 1000, hostname: shop.example, domainname: yp}
  host: {image: app, command: sleep 1000, hostname: far, network_mode: host}
  plain: {image: app, command: sleep 1000}
",
    );
    stage.backlot(&["up", "-d", "--wait", "-q"]).output().assert(0, "", "");
    let ask = "import socket as s; print(s.gethostname(), s.gethostbyname(s.gethostname()))";
    for verb in ["exec", "run"] {
        let own = stage.backlot(&["-q", verb, "named", "python3", "-c", ask]).output();
        let own = own.assert_code(0);
        assert!(own.stdout.starts_with("shop.example 127."), "{own}");
        stage.backlot(&["-q", verb, "host", "uname", "-n"]).output().assert(0, "far", "");
    }
    let machine = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap();
    stage.backlot(&["exec", "plain", "uname", "-n"]).output().assert(0, machine.trim(), "");
    stage.backlot(&["down", "-q"]).output().assert(0, "", "");
    stage.assert_nothing_left();
}

#[test]
fn ps_tells_what_services_see() {
    if !is_whole() {
        return;
    }
    let stage = stack();
    stage.backlot(&["up", "-d", "--wait", "-q", "api"]).output().assert_code(0);
    let shown = stage.backlot(&["ps", "-v"]).output().assert_code(0).stdout;
    for part in [
        "\n\napi\n",
        "\n  /srv ← [project]\n",
        "  web → web\n",
        "  host.docker.internal → this machine",
        "  api-1 is 127.",
    ] {
        assert!(shown.contains(part), "{part} {shown}");
    }
    assert!(shown.contains(": 8000 → 127."), "{shown}");
    let json = stage.backlot(&["ps", "--json"]).output().assert_code(0).stdout;
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    let api = json.as_array().unwrap().iter().find(|service| service["service"] == "api").unwrap();
    let replica = &api["replicas"][0];
    assert_eq!(api["view"]["names"]["api"]["service"], "api");
    let mounts = api["view"]["mounts"].as_array().unwrap();
    assert!(mounts.iter().any(|mount| mount["target"] == "/srv" && mount["read_only"] == false), "{api}");
    let own = replica["own"].as_str().unwrap();
    assert!(
        own.starts_with("127.") && replica["ports"]["8000"].as_str().unwrap().starts_with("127."),
        "{api}"
    );
    stage.backlot(&["down", "-q"]).output().assert(0, "", "");
    stage.assert_nothing_left();
}

#[test]
fn doctor_says_which_rung_there_is() {
    let stage = Stage::empty(BACKLOT);
    let views = |forced: &str| {
        let doctor = stage.backlot(&["doctor"]).env("BACKLOT_VIEW", forced).output();
        doctor
            .stdout
            .lines()
            .skip_while(|line| !line.contains(" views "))
            .take(2)
            .collect::<Vec<_>>()
            .join("\n")
    };
    for (forced, rung) in [("4", 4), ("2", 4)] {
        assert!(views(forced).contains(&format!("views        rung {rung} of 4")), "{}", views(forced));
    }
    if is_whole() {
        assert!(views("").starts_with("✓ views        rung 1 of 4: "), "{}", views(""));
        assert!(views("3").starts_with("⚠ views        rung 3 of 4: "), "{}", views("3"));
        assert!(views("3").contains("BACKLOT_VIEW=3 forces it\n"), "{}", views("3"));
        assert!(views("3").contains("→ unset BACKLOT_VIEW"), "{}", views("3"));
        assert!(views("7").contains("BACKLOT_VIEW=7 is none of"), "{}", views("7"));
    }
}

#[test]
fn what_was_begun_beside_a_service_ends_with_it() {
    if !is_whole() {
        return;
    }
    let stage = stack();
    stage.backlot(&["up", "-d", "--wait", "-q", "api"]).output().assert_code(0);
    let mut run = stage.backlot(&["exec", "-T", "api", "sh", "-c", "echo begun; exec sleep 1000"]).start();
    let said = || std::fs::read_to_string(stage.root().join("stdout")).unwrap_or_default();
    let is_begun = || said().contains("begun").then_some(());
    assert!(wait_for(LIMIT, is_begun).is_some(), "{}", said());
    stage.backlot(&["down", "-q"]).output().assert(0, "", "");
    let ended = run.wait(LIMIT).unwrap().expect("it has ended");
    assert_eq!(exit_code(ended), 143);
    stage.assert_nothing_left();
}

#[test]
fn what_cannot_be_run_has_the_exit_codes_of_shells() {
    let stage = Stage::empty(BACKLOT);
    stage.file("noexec", "text\n").file(
        "compose.yaml",
        "services: {web: {image: app, working_dir: /srv, command: sleep 300, volumes: ['.:/srv']}}\n",
    );
    stage.backlot(&["--engine", "native", "up", "-d", "-q"]).output().assert_prints("");
    for lead in [&["run", "web"][..], &["exec", "web"], &["run", "--"]] {
        for (command, code, said) in [
            ("/tmp", 126, "/tmp, which is a directory"),
            ("./noexec", 126, "noexec, which is not executable"),
            ("/nowhere/at/all", 127, "/nowhere/at/all"),
            ("nowhere-at-all", 127, "nowhere-at-all"),
        ] {
            let run = stage.backlot(&[&["--engine", "native"], lead, &[command]].concat()).output();
            assert!(run.code == code && run.stderr.contains(said), "{code}: {run}");
            assert!(!run.stderr.contains("error: start"), "{run}");
        }
    }
    stage.backlot(&["down", "-q"]).output().assert_prints("");
    stage.assert_nothing_left();
}
