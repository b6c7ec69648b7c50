//! Keys that are pressed while `up` is in the foreground of a terminal.

use std::fs;

use backlot_testkit::{Outcome, Stage, free_port, get};

use crate::BACKLOT;

/// Runs a program on a terminal of its own. Of the steps in `sys.argv[1]`, each waits for a text that was not shown before, and
/// presses keys; `STOP` waits until it is suspended, says how the terminal is then, and wakes it. Prints all that was shown, and
/// how the terminal is left.
const PRESSING: &str = "
import json, os, pty, select, signal, sys, termios, time
steps = json.loads(sys.argv[1])
pid, terminal = pty.fork()
if pid == 0:
    os.execv(sys.argv[2], sys.argv[2:])
shown, seen, ended = '', 0, False
def modes():
    flags = termios.tcgetattr(terminal)[3]
    return 'echo %d lines %d' % (bool(flags & termios.ECHO), bool(flags & termios.ICANON))
limit = time.time() + 90
while not ended and time.time() < limit:
    if select.select([terminal], [], [], 0.1)[0]:
        try:
            piece = os.read(terminal, 4096)
        except OSError:
            piece = b''
        shown += piece.decode(errors='replace')
        ended = not piece
    while steps and steps[0][0] in shown[seen:]:
        until, keys = steps.pop(0)
        seen = shown.index(until, seen) + len(until)
        if keys == 'STOP':
            os.write(terminal, b'\\x1a')
            os.waitpid(pid, os.WUNTRACED)
            shown += '[suspended: %s]\\n' % modes()
            seen = len(shown)
            os.kill(pid, signal.SIGCONT)
            time.sleep(0.3)
            shown += '[awake: %s]\\n' % modes()
        else:
            os.write(terminal, keys.encode())
if not ended:
    os.kill(pid, signal.SIGTERM)
code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
sys.stdout.write(shown.replace('\\r', ''))
print('[left: %s, %d steps]' % (modes(), len(steps)))
sys.exit(code)
";

#[track_caller]
fn pressing(stage: &Stage, steps: &[(&str, &str)], arguments: &[&str]) -> Outcome {
    let steps = serde_json::to_string(steps).unwrap();
    let line = [&["-c", PRESSING, &steps, BACKLOT], arguments].concat();
    let outcome = stage.run("python3", &line).env("TERM", "xterm").env("NO_COLOR", "1").output();
    assert!(outcome.stdout.ends_with("[left: echo 1 lines 1, 0 steps]\n"), "{outcome}");
    outcome
}

const SERVER: &str = "sh -c 'echo began; exec python3 -m http.server --bind 127.0.0.1 $$PORT'";

fn stage() -> (Stage, u16) {
    let (stage, port) = (Stage::empty(BACKLOT), free_port());
    let compose = format!(
        "services:\n  web:\n    image: python\n    working_dir: /app\n    volumes: [\".:/app\"]\n    command: {SERVER}\n    \
         ports: [\"{port}:8000\"]\n  worker:\n    image: busybox\n    command: sh -c 'while true; do echo tick; sleep 0.1; done'\n"
    );
    stage.file("compose.yaml", compose);
    (stage, port)
}

const HINT: &str =
    "keys: r restart, s scale, w watch, o open, p psql, l logs of one service after another, q stop";

#[test]
fn keys_restart_and_watch_and_show_one_service_and_stop() {
    let (stage, port) = stage();
    let url = format!("http://127.0.0.1:{port}");
    stage.program(
        "bin/xdg-open",
        &format!("#!/bin/sh\necho \"$1\" > {}\n", stage.root().join("opened").display()),
    );
    let path = format!("{}:{}", stage.project().join("bin").display(), stage.variable("PATH"));
    let stage = stage.with("PATH", path);
    let opened = stage.root().join("opened");
    let steps = [
        (HINT, ""),
        ("web       is ready at", "r"),
        ("restarting web", ""),
        ("web       restarted", "l"),
        ("showing web alone", "l"),
        ("showing worker alone", "l"),
        ("showing all services", "w"),
        ("watching ", "w"),
        ("not watching any more", "o"),
        ("opening http", "?"),
        ("keys: r restart", "\n"),
        ("| tick", "q"),
    ];
    let up = pressing(&stage, &steps, &["up"]).assert_code(0);
    assert!(up.stdout.contains(&format!("opening {url}")), "{up}");
    assert_eq!(fs::read_to_string(opened).unwrap(), format!("{url}\n"));
    // Alone is alone.
    let between = |from: &str, to: &str| {
        let rest = &up.stdout[up.stdout.find(from).unwrap()..];
        rest[..rest.find(to).unwrap()].to_owned()
    };
    assert!(!between("showing web alone", "showing worker alone").contains("| tick"), "{up}");
    assert_eq!(up.stdout.matches("| began").count(), 2, "{up}");
    assert!(get(port, "/").is_err());
}

#[test]
fn the_terminal_is_put_back_when_it_is_suspended_or_interrupted() {
    let (stage, _) = stage();
    let steps = [("web       is ready at", "STOP"), ("| tick", "\u{3}")];
    let up = pressing(&stage, &steps, &["up"]).assert_code(130);
    assert!(
        up.stdout.contains("[suspended: echo 1 lines 1]") && up.stdout.contains("[awake: echo 0 lines 0]"),
        "{up}"
    );
    // So it is when all of it has ended.
    stage.file("compose.yaml", "services:\n  web: {image: busybox, command: sh -c 'exit 3'}\n");
    let steps = [
        ("nothing of development runs any more (r starts it again, q ends)", "r"),
        ("nothing of development runs any more", "q"),
    ];
    let up = pressing(&stage, &steps, &["up"]).assert_code(0);
    assert!(up.stdout.contains("exited with code 3"), "{up}");
    stage.file("compose.yaml", "services:\n  web: {image: busybox, command: \"true\"}\n");
    pressing(&stage, &[("nothing of development runs any more", "")], &["up"]).assert_code(0);
}

#[test]
fn psql_has_the_terminal_and_keys_are_read_again_after_it() {
    let stage = Stage::empty(BACKLOT).with("PAGER", "cat").with("PSQL_HISTORY", "/dev/null");
    stage.file(
        "compose.yaml",
        "services:\n  db: {image: postgres, environment: {POSTGRES_PASSWORD: secret}}\n  \
         web: {image: busybox, command: sh -c 'while true; do echo tick; sleep 0.2; done'}\n",
    );
    let steps = [
        ("db        is ready", "p"),
        ("=#", "SELECT 6 * 7 AS answer;\n"),
        ("(1 row)", "\\q\n"),
        ("| tick", "?"),
        ("keys: r restart", "q"),
    ];
    let up = pressing(&stage, &steps, &["up"]).assert_code(0);
    assert!(up.stdout.contains("42"), "{up}");
    // Its database is kept, as after Ctrl-C.
    stage.backlot(&["down", "-q"]).output().assert_prints("");
}

#[test]
fn a_service_is_scaled_by_a_line_that_is_typed() {
    let (stage, port) = stage();
    let question = "scale which service to how many (";
    let steps = [
        ("web       is ready at", "s"),
        (question, "web=2\n"),
        ("scaling web to 2", ""),
        ("web       scaled", "s"),
        (question, "web=lots\n"),
        ("error: \"web=lots\": \"lots\" is no number of replicas", "s"),
        (question, "wbe=2\n"),
        ("there is no service wbe", "s"),
        (question, "\n"),
        ("nothing was scaled", "s"),
        // What is typed wrongly is rubbed out as on any terminal.
        (question, "web=3\u{7f}1\n"),
        ("scaling web to 1", ""),
        ("web       scaled", "?"),
        ("keys: r restart", "s"),
        (question, "\u{3}"),
    ];
    let up = pressing(&stage, &steps, &["up"]).assert_code(130);
    assert_eq!(up.stdout.matches("| began").count(), 2, "{up}");
    assert!(get(port, "/").is_err());
}

#[test]
fn off_a_terminal_there_are_no_keys() {
    let (stage, port) = stage();
    let mut run = stage.backlot(&["up"]).start();
    backlot_testkit::wait_until("it runs", || get(port, "/").is_ok());
    run.signal(backlot_process::Signal::SIGINT).unwrap();
    run.wait(std::time::Duration::from_secs(30)).unwrap().unwrap();
    assert!(!fs::read_to_string(stage.root().join("stderr")).unwrap().contains("keys:"));
}
