//! A process that becomes a program in a view, as whoever runs the tests and as an ordinary user when that is root.

#![expect(clippy::unwrap_used, reason = "a test that cannot set itself up has to fail loudly")]
#![expect(clippy::print_stdout, reason = "what was skipped is to be seen")]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use backlot_process::{Program, in_full};
use backlot_view::{Mount, Rung, View, What, rung, why_not};

fn main() {
    if std::env::args().nth(1).as_deref() == Some("become") {
        become_a_shell();
    }
    let dir = tempfile::tempdir().unwrap();
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let ourselves = dir.path().join("becoming");
    fs::copy(std::env::current_exe().unwrap(), &ourselves).unwrap();
    check(&Program::new(&ourselves).arg("become"));
    if nix::unistd::geteuid().is_root() {
        let user = ["--reuid", "54321", "--regid", "54321", "--clear-groups", "--"];
        check(&Program::new("setpriv").env("PATH", "/usr/bin:/bin").args(user).arg(&ourselves).arg("become"));
    }
}

fn check(program: &Program) {
    let output = program.clone().current_dir("/").output(Duration::from_secs(20)).unwrap();
    let stdout = String::from_utf8_lossy(&output.stdout);
    println!("{program}\n{stdout}");
    assert!(stdout == "/app/here\nhere\n" || stdout.starts_with("skipped"), "{output:?}");
}

fn become_a_shell() -> ! {
    if rung() == Rung::None {
        println!("skipped: {}", why_not().unwrap());
        std::process::exit(0);
    }
    let what = What::Tmpfs { size: None, mode: None };
    let mounts = [Mount { target: "/app/here".into(), what, read_only: false }];
    let view = View::new(&mounts, Path::new("/app/here")).unwrap();
    let shell = Program::new("/bin/sh").args(["-c", "pwd; ls -A /app"]).env("PATH", "/usr/bin:/bin");
    panic!("{}", in_full(&shell.within(Arc::new(view)).exec()));
}
