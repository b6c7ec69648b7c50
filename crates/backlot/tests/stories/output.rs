//! What is shown and kept of what services print.

use std::time::{Duration, Instant};

use backlot_process::Signal;
use backlot_testkit::{Outcome, Stage, free_port};

use crate::BACKLOT;
use crate::blog::{printed, single, wait_until};

const SERVER: &str = "sh -c 'echo began; exec python3 -m http.server --bind 127.0.0.1 $$PORT'";

/// Runs a program on a terminal of its own, presses Ctrl-C there (or types what `PRESS` says) once it has printed `sys.argv[1]`, and prints all that was
/// shown.
const ON_A_TERMINAL: &str = "
import os, pty, sys
pid, terminal = pty.fork()
if pid == 0:
    os.execv(sys.argv[2], sys.argv[2:])
shown, pressed = b'', False
while True:
    try:
        piece = os.read(terminal, 4096)
    except OSError:
        break
    if not piece:
        break
    shown += piece
    if not pressed and all(word.encode() in shown for word in sys.argv[1].split('|')):
        pressed = True
        os.write(terminal, os.environ.get('PRESS', '\\x03').encode())
sys.stdout.write(shown.decode())
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
";

pub(crate) fn on_a_terminal(
    stage: &Stage,
    until: &str,
    arguments: &[&str],
    variable: (&str, &str),
) -> Outcome {
    let line = [&["-c", ON_A_TERMINAL, until, BACKLOT], arguments].concat();
    stage.run("python3", &line).env("TERM", "xterm").env(variable.0, variable.1).output()
}

fn told(stage: &Stage) -> String {
    std::fs::read_to_string(stage.root().join("stderr")).unwrap_or_default()
}

#[test]
fn colours_are_for_terminals_that_want_them() {
    let stage = single(SERVER, "");
    let up = on_a_terminal(&stage, "| began|is ready at", &["up"], ("SOME", "thing")).assert_code(130);
    assert!(up.stdout.contains("\u{1b}[36mweb-1    |\u{1b}[0m began"), "{up}");
    assert!(up.stdout.contains("\u{1b}[32m✓\u{1b}[0m web       is ready at http://127.0.0.1:"), "{up}");
    let up = on_a_terminal(&stage, "| began|is ready at", &["up"], ("NO_COLOR", "1")).assert_code(130);
    assert!(up.stdout.contains("web-1    | began") && !up.stdout.contains('\u{1b}'), "{up}");
    stage.backlot(&["up", "-d", "--wait", "-q"]).output().assert(0, "", "…");
    stage.backlot(&["logs", "--tail", "1"]).output().assert(0, "web-1    | …", "");
    stage.backlot(&["down", "-q"]).output().assert_prints("");
}

#[test]
fn where_a_service_is_reached_is_told_once() {
    let stage = single(SERVER, "    scale: 2\n");
    let port = free_port();
    let compose = std::fs::read_to_string(stage.project().join("compose.yaml")).unwrap();
    stage.file("compose.yaml", compose.replace("\"8000\"", &format!("\"{port}:8000\"")));
    let mut run = stage.backlot(&["up"]).start();
    wait_until("both are ready", || told(&stage).matches(" is ready").count() == 2);
    let said = format!("  ✓ web       is ready at http://127.0.0.1:{port}\n");
    assert_eq!(told(&stage).matches(&said).count(), 1, "{}", told(&stage));
    run.signal(Signal::SIGINT).unwrap();
    let status = run.wait(Duration::from_secs(30)).unwrap().expect("it ends");
    assert_eq!(backlot_process::exit_code(status), 130);
    assert!(!printed(&stage).contains('\u{1b}') && !told(&stage).contains('\u{1b}'), "{}", told(&stage));
}

#[test]
fn a_second_ctrl_c_hurries() {
    let stage = Stage::empty(BACKLOT);
    stage.file(
        "compose.yaml",
        "services:\n  stubborn:\n    image: x\n    stop_grace_period: 5m\n    \
         command: sh -c 'trap \"echo no\" TERM; echo began; while :; do sleep 0.1; done'\n",
    );
    let mut run = stage.backlot(&["up"]).start();
    wait_until("it runs", || printed(&stage).contains("began") && told(&stage).contains("is ready"));
    run.signal(Signal::SIGINT).unwrap();
    wait_until("it was asked", || told(&stage).contains("stopping (Ctrl-C again: at once)"));
    // It does not listen to that, so this takes as long as it may, or until somebody has lost patience.
    assert!(run.wait(Duration::from_secs(1)).unwrap().is_none());
    let begun = Instant::now();
    run.signal(Signal::SIGINT).unwrap();
    let status = run.wait(Duration::from_mins(1)).unwrap().expect("it ends");
    assert_eq!(backlot_process::exit_code(status), 130);
    assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
}

/// Prints so many numbered lines of 100 bytes, and a last one without an end.
fn chatty(lines: usize) -> Stage {
    let stage = Stage::empty(BACKLOT);
    let program = format!(
        "import sys\nfor number in range({lines}):\n    print('%09d' % number, 'x' * 90)\nsys.stdout.write('the last')\n"
    );
    stage.file("chatty.py", program);
    // With one that stays, so does what was printed.
    stage.file(
        "compose.yaml",
        "services:\n  chatty: {image: x, command: python3 chatty.py}\n  calm: {image: x, command: sleep 1000}\n",
    );
    stage
}

#[test]
fn a_chatty_service_is_kept_within_its_cap_and_its_last_line_is_not_lost() {
    // Some 60 MB with their times: twice what is kept.
    let stage = chatty(400_000);
    let mut run = stage.backlot(&["up"]).start();
    wait_until("it is shown to its end", || printed(&stage).contains("chatty-1 | the last"));
    let numbers: Vec<usize> = printed(&stage)
        .lines()
        .filter_map(|line| line.strip_prefix("chatty-1 | 0")?.split(' ').next()?.parse().ok())
        .collect();
    assert_eq!(numbers.len(), 400_000, "lines of a run that was followed from its beginning");
    assert!(numbers.is_sorted());
    let logs = stage.run("sh", &["-c", "ls -l $(find ../home/projects -name 'chatty.log*')"]).output();
    let sizes =
        logs.stdout.lines().map(|line| line.split_whitespace().nth(4).unwrap().parse::<u64>().unwrap());
    let sizes: Vec<u64> = sizes.collect();
    assert_eq!(sizes.len(), 3, "{logs}");
    assert!(sizes.iter().all(|size| *size <= 10 << 20), "{logs}");
    stage
        .backlot(&["logs", "--tail", "2"])
        .output()
        .assert_prints("chatty-1 | 000399999 x…\nchatty-1 | the last");
    let kept = stage.backlot(&["logs", "--no-log-prefix", "-t"]).output().assert_code(0).stdout;
    let times: Vec<&str> = kept.lines().map(|line| &line[..27]).collect();
    assert!(times.is_sorted() && times.iter().all(|time| time.ends_with('Z')), "{}", times[0]);
    assert!((100_000..300_000).contains(&times.len()), "{}", times.len());
    run.signal(Signal::SIGINT).unwrap();
    run.wait(Duration::from_secs(30)).unwrap().expect("it ends");
}

#[test]
fn logs_are_followed_through_restarts_to_the_end() {
    let stage = single(SERVER, "");
    stage.backlot(&["up", "-d", "--wait", "-q"]).output().assert(0, "", "…");
    stage.backlot(&["logs", "--tail", "0"]).output().assert_prints("");
    let mut follow = stage.backlot(&["logs", "-f"]).start();
    let stage = &stage;
    let is_shown = |times| move || printed(stage).matches("web-1    | began\n").count() == times;
    // From then on it follows: a restart before that would be read, and not heard of.
    wait_until("what is there is shown", is_shown(1));
    for restarts in 1..=2 {
        stage.backlot(&["restart", "-q"]).output().assert_prints("");
        wait_until("the new one is shown", is_shown(restarts + 1));
    }
    for (since, count) in [("1h", 3), ("2999-01-01", 0)] {
        let logs = stage.backlot(&["logs", "--since", since]).output().assert_code(0);
        assert_eq!(logs.stdout.matches("| began").count(), count, "{logs}");
    }
    let failed = stage.backlot(&["logs", "--since", "ten minutes"]).output().assert_code(2);
    assert!(failed.stderr.contains("10m"), "{failed}");
    stage.backlot(&["down", "-q"]).output().assert_prints("");
    let status = follow.wait(Duration::from_secs(10)).unwrap().expect("it ends with what it follows");
    assert_eq!(backlot_process::exit_code(status), 0);
}
