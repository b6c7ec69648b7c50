//! `backlot up` in the foreground.

use std::time::Duration;

use backlot_process::Signal;
use backlot_testkit::get;

use crate::{Flask, wait_until};

#[test]
fn logs_are_shown_until_it_ends_and_then_nothing_runs() {
    let Some(Flask { stage, web, .. }) = Flask::new() else { return };
    let printed = || std::fs::read_to_string(stage.root().join("stdout")).unwrap_or_default();
    for signal in [Signal::SIGINT, Signal::SIGKILL] {
        let mut run = stage.on_docker(&["up"]).start();
        wait_until("web answers", || get(web, "/").is_ok());
        wait_until("its log is shown", || {
            printed().contains("web-1    | ") && printed().contains("GET / HTTP")
        });
        wait_until("so is the database's", || printed().contains("db-1     | "));
        run.signal(signal).unwrap();
        if signal == Signal::SIGINT {
            // The example's `flask run` would not hear of it for ten seconds.
            let told = || std::fs::read_to_string(stage.root().join("stderr")).unwrap();
            wait_until("it says that it stops", || told().contains("stopping (Ctrl-C again: at once)"));
            std::thread::sleep(Duration::from_millis(300));
            run.signal(signal).unwrap();
        }
        let status = run.wait(Duration::from_secs(30)).unwrap().expect("it ends");
        if signal == Signal::SIGINT {
            assert_eq!(backlot_process::exit_code(status), 130);
            // As with Compose they are there, with what is in them.
            let running = stage.run("docker", &["ps", "-q", "--filter", &format!("name={}", stage.name())]);
            assert_eq!(running.output().stdout, "");
            stage.on_docker(&["down", "-q"]).output().assert_prints("");
        }
        wait_until("everything is stopped", || stage.containers().is_empty());
        assert!(get(web, "/").is_err());
    }
    // While its containers are started, too.
    let mut run = stage.on_docker(&["up"]).start();
    wait_until("a container is made", || !stage.containers().is_empty());
    run.signal(Signal::SIGKILL).unwrap();
    run.wait(Duration::from_secs(30)).unwrap().expect("it ends");
    wait_until("everything is stopped", || stage.containers().is_empty());
    stage.on_docker(&["down", "--volumes", "--yes", "-q"]).output().assert_prints("");
    stage.assert_nothing_left();
}
