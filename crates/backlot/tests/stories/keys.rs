//! What a Compose file says and a native process does not do is named; what is named on the command line is switched on.

use backlot_testkit::{Stage, wait_until};

use crate::BACKLOT;

const COMPOSE: &str = "\
services:
  web:
    image: web
    command: sleep 1000
    cap_add: [NET_ADMIN]
    labels: {a: b}
    sysctls: {net.core.somaxconn: 1}
  quiet: {image: web, command: sleep 1000, restart: always, logging: {options: {max-size: 1m}}}
  proxy: {image: 'traefik:3', command: ['--providers.docker']}
";

fn stage(compose: &str) -> Stage {
    let stage = Stage::empty(BACKLOT);
    stage.file("compose.yaml", compose);
    stage
}

#[test]
fn every_key_that_is_not_honoured_is_named_by_every_verb_that_reads_it() {
    let stage = stage(COMPOSE);
    let way_out = "--engine docker honours it";
    let lines = format!(
        "  ⚠ web.cap_add: a native process has the rights of whoever starts it ([project]/compose.yaml:5:5); {way_out}\n  \
         ⚠ web.sysctls: the settings of this machine's kernel hold ([project]/compose.yaml:7:5); {way_out}"
    );
    let dry = stage.backlot(&["up", "--dry-run", "web", "quiet"]).output();
    dry.assert(0, "start quiet, web", &lines);
    stage.backlot(&["config", "-q"]).output().assert(0, "", &lines);
    // What is nothing but its image's program is left out by name.
    let up = stage.backlot(&["up", "-d", "--wait", "-q"]).output().assert_code(0);
    let proxy =
        "service proxy is the program of its image traefik, of which its command says only the options";
    assert!(up.stderr.contains(proxy) && up.stderr.contains("it is left out; say which program"), "{up}");
    assert_eq!(up.stderr.lines().count(), 3, "{up}");
    let logs = stage.backlot(&["logs", "proxy"]).output().assert_code(0);
    assert!(logs.stderr.contains("service proxy has printed nothing: it was left out"), "{logs}");
    stage.backlot(&["logs", "web"]).output().assert_prints("");
    let named = stage.backlot(&["up", "-d", "proxy"]).output().assert_code(1);
    assert!(named.stderr.contains(&format!("error: {proxy}")), "{named}");
    stage.backlot(&["down", "-q"]).output().assert_prints("");
}

#[test]
fn what_would_do_something_else_is_refused_with_all_obstacles_at_once() {
    let stage = stage(
        "services:\n  a: {image: x, command: sleep 1, pre_start: [{command: a}]}\n  b: {image: x, command: sleep 1, pre_start: [{command: a}]}\n",
    );
    for arguments in [&["up", "-d"][..], &["up", "--dry-run"]] {
        let up = stage.backlot(arguments).output().assert_code(1);
        assert!(
            up.stderr.starts_with("error: a.pre_start: it is not run natively before the service starts"),
            "{up}"
        );
        assert!(up.stderr.contains("\n       b.pre_start: "), "{up}");
    }
}

#[test]
fn a_service_that_is_named_is_switched_on_and_stays() {
    let stage = stage(
        "services:\n  web: {image: x, command: sleep 1000}\n  debug: {image: x, command: sleep 1000, profiles: [debug]}\n  job: {image: x, command: echo ran, profiles: [debug]}\n",
    );
    let names = || {
        let ps = stage.backlot(&["ps", "-q"]).output().assert_code(0);
        ps.stdout.lines().map(str::to_owned).collect::<Vec<_>>()
    };
    stage.backlot(&["up", "-d", "--wait", "-q"]).output().assert_code(0);
    assert_eq!(names().len(), 1);
    stage.backlot(&["logs", "debug"]).output().assert_prints("");
    stage.backlot(&["up", "-d", "--wait", "-q", "debug"]).output().assert_code(0);
    let both = names();
    assert_eq!(both.len(), 2);
    // One without names neither ends it nor starts the others of its profile.
    stage.backlot(&["up", "-d", "--wait", "-q"]).output().assert_code(0);
    assert_eq!(names(), both);
    stage.backlot(&["restart", "debug", "-q"]).output().assert_code(0);
    stage.backlot(&["logs", "job"]).output().assert_prints("");
    stage.backlot(&["down", "-q"]).output().assert_prints("");
}

#[test]
fn standard_input_ends_but_where_the_file_keeps_it_open() {
    let reads = "{image: x, command: \"sh -c 'timeout 1 cat; echo ended with $$?; exec sleep 1000'\"";
    let stage = stage(&format!(
        "services:\n  plain: {reads}}}\n  open: {reads}, stdin_open: true}}\n  terminal: {reads}, tty: true}}\n"
    ));
    let up = stage.backlot(&["up", "-d", "--wait", "-q"]).output().assert_code(0);
    assert!(!up.stderr.contains("stdin_open") && up.stderr.contains("terminal.tty"), "{up}");
    for (service, how) in
        [("plain", "ended with 0"), ("open", "ended with 124"), ("terminal", "ended with 124")]
    {
        let said = || stage.backlot(&["logs", "--no-log-prefix", service]).output().stdout;
        wait_until("it has read", || said().contains("ended"));
        assert_eq!(said().trim(), how, "{service}");
    }
    stage.backlot(&["down", "-q"]).output().assert_prints("");
    stage.assert_nothing_left();
}

#[test]
fn what_is_mounted_for_reading_is_named_where_nothing_is_mounted() {
    let mut stage = stage(
        "services:\n  web: {image: x, command: sleep 1, volumes: ['./conf:/conf:ro', './data:/data']}\n  db: {image: postgres, environment: {POSTGRES_PASSWORD: x}, volumes: ['./init:/docker-entrypoint-initdb.d:ro']}\n",
    );
    stage.file("conf/a", "").file("init/a.sql", "");
    let line = "  ⚠ web.volumes.read_only: files are used where they are, and may be written by whoever may ([project]/compose.yaml:2:";
    stage.set("BACKLOT_VIEW", "4");
    for words in [&["up", "--dry-run"][..], &["config", "-q"]] {
        let said = stage.backlot(words).output().assert_code(0);
        assert!(said.stderr.contains(line) && said.stderr.matches("read_only").count() == 1, "{said}");
    }
    stage.set("BACKLOT_VIEW", "3");
    let said = stage.backlot(&["up", "--dry-run"]).output().assert_code(0);
    let can = stage.backlot(&["doctor"]).output().stdout.contains("mount");
    assert!(!can || !said.stderr.contains("read_only"), "{said}");
}

#[test]
fn what_only_a_build_makes_is_named_in_one_line_and_listed_on_demand() {
    let stage = stage(
        "services:\n  web: {build: ., ports: [8000]}\n  quiet: {build: {context: ., dockerfile_inline: \"FROM a\\nUSER root\\nRUN apt-get update\\nCMD sleep 1000\"}}\n",
    );
    let dockerfile = "\
FROM debian
RUN touch /made && mkdir -p /var/app && ln -s /var/app /app
RUN curl -fsSL https://example.com/tool | tar -xz -C /opt
VOLUME /kept
WORKDIR /nowhere
CMD [\"python3\", \"serve.py\"]
";
    stage.file("Dockerfile", dockerfile).file(
        "serve.py",
        "import os\nopen('/kept/it', 'w')\nprint('kept', os.listdir('/kept'), flush=True)\nimport http.server\nhttp.server.HTTPServer(('', 8000), http.server.SimpleHTTPRequestHandler).serve_forever()\n",
    );
    let dry = stage.backlot(&["up", "--dry-run"]).output().assert_code(0);
    let expected = "  ⚠ the Dockerfile of service web has `RUN touch /made`, `RUN ln -s /var/app /app` and 2 more, which `doctor` and -v \
                    list: what that makes is not there natively ([project]/compose.yaml:2:3); do it by hand where the service \
                    needs it, or take --engine docker\n  \
                    ⚠ service web works in /nowhere, where nothing of the project is: it starts in [project] \
                    ([project]/compose.yaml:2:3); mount a folder there";
    let views = stage.backlot(&["doctor"]).output().stdout;
    if !views.contains("✓ views") {
        return;
    }
    dry.assert(0, "start quiet, web", expected);
    let listed = ["RUN touch /made", "RUN ln -s /var/app /app", "RUN curl -fsSL", "RUN tar -xz -C /opt"];
    let verbose = stage.backlot(&["up", "--dry-run", "-v"]).output().assert_code(0).stderr;
    for line in listed {
        let line = format!("the image of service web is made with {line}");
        assert!(views.contains(&line) && verbose.contains(&line), "{line}\n{views}\n{verbose}");
    }
    // A volume of the image's own is one of the service's own, and not the machine's folder.
    stage.backlot(&["up", "-d", "--wait", "-q", "web"]).output().assert_code(0);
    let logs = stage.backlot(&["logs", "web"]).output().assert_code(0);
    assert!(logs.stdout.contains("kept ['it']"), "{logs}");
    assert!(!std::path::Path::new("/kept").exists());
    stage.backlot(&["down", "-q"]).output().assert_prints("");
}
