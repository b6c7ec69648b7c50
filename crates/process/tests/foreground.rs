//! Programs that have the terminal. One test, since signals go to the whole process that runs it.

use std::sync::atomic::AtomicBool;
use std::thread;
use std::time::{Duration, Instant};

use backlot_process::{ProcessError, Program, Signal, Stdout, exit_code, is_ignored};
use nix::sys::signal::{SigHandler, kill, signal};
use nix::unistd::Pid;

#[test]
fn signals_to_us_reach_the_program_and_do_not_end_us() {
    let code = |script: &str| {
        let program = Program::new("/bin/sh").args(["-c", script]).env("PATH", "/usr/bin:/bin");
        let ended = program.run(Stdout::Ours, &AtomicBool::new(false)).unwrap();
        (exit_code(ended.status), ended.interrupted)
    };
    assert_eq!(code("exit 7"), (7, false));
    assert_eq!(code("kill -9 $$"), (137, false));

    let dir = tempfile::tempdir().unwrap();
    for (signal, name) in [(Signal::SIGTERM, "TERM"), (Signal::SIGINT, "INT"), (Signal::SIGHUP, "HUP")] {
        let ready = dir.path().join(name);
        let waiting = ready.clone();
        let sender = thread::spawn(move || {
            let deadline = Instant::now() + Duration::from_secs(20);
            while !waiting.exists() && Instant::now() < deadline {
                thread::sleep(Duration::from_millis(5));
            }
            kill(Pid::this(), signal).unwrap();
        });
        let script = format!(
            "trap 'exit 9' {name}; : > '{}'; i=0; while [ $i -lt 400 ]; do sleep 0.05; i=$((i+1)); done",
            ready.display()
        );
        assert_eq!(code(&script), (9, true), "{name}");
        sender.join().unwrap();
    }

    let program = Program::new("/bin/sh").args(["-c", "exit 7"]);
    let refused = program.run(Stdout::Ours, &AtomicBool::new(true)).unwrap_err();
    assert!(matches!(refused, ProcessError::AskedToStop { .. }), "{refused}");

    // What `nohup` has us ignore is not heard, by us or by the program.
    // SAFETY: ignoring a signal touches no memory.
    unsafe { signal(Signal::SIGHUP, SigHandler::SigIgn) }.unwrap();
    assert!(is_ignored(Signal::SIGHUP) && !is_ignored(Signal::SIGTERM));
    assert_eq!(code("kill -HUP $PPID; kill -HUP $$; exit 6"), (6, false));
}
