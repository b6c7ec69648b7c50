//! Programs that run in a view, for real: as whoever runs the tests, and as an ordinary user when that is root.

#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a test that cannot set itself up has to fail loudly")]
#![expect(clippy::print_stdout, reason = "what was skipped and what was measured is to be seen")]

use std::fs;
use std::os::fd::AsFd;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use backlot_process::{ProcessError, ProcessId, Program, SpawnOptions, Stream, in_full};
use backlot_view::{Called, Mount, Rung, View, What, rung, why_not};

const LIMIT: Duration = Duration::from_secs(20);

/// True if views can be had here; else says why not.
fn is_possible() -> bool {
    if rung() == Rung::None {
        println!("skipped: {}", why_not().unwrap());
    }
    rung() != Rung::None
}

fn bind(source: impl Into<PathBuf>, target: &str) -> Mount {
    Mount { target: target.into(), what: What::Path(source.into()), read_only: false }
}

fn tmpfs(target: &str, size: Option<u64>) -> Mount {
    Mount { target: target.into(), what: What::Tmpfs { size, mode: None }, read_only: false }
}

fn read_only(mount: Mount) -> Mount {
    Mount { read_only: true, ..mount }
}

/// A shell in a view.
fn shell(mounts: &[Mount], directory: &str, line: &str) -> Program {
    let view = View::new(mounts, Path::new(directory)).unwrap();
    Program::new("/bin/sh").args(["-c", line]).env("PATH", "/usr/bin:/bin").within(Arc::new(view))
}

/// What a line prints in a view, with its errors; the machine must be as it was.
fn printed(mounts: &[Mount], directory: &str, line: &str) -> String {
    let mounted = fs::read_to_string("/proc/self/mountinfo").unwrap();
    let output = shell(mounts, directory, &format!("exec 2>&1; {line}")).output(LIMIT).unwrap();
    assert_eq!(fs::read_to_string("/proc/self/mountinfo").unwrap(), mounted);
    String::from_utf8(output.stdout).unwrap()
}

/// A folder of the user's with a file in it.
fn project() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("main"), "code\n").unwrap();
    fs::create_dir(dir.path().join("sub")).unwrap();
    dir
}

/// Copies a program. Were it written here, a child that another test starts meanwhile would have it open for writing for a
/// moment, and it could not be started.
fn install(source: &Path, target: &Path) {
    let copy = Program::new("/usr/bin/install").args(["-m", "755"]).arg(source).arg(target);
    copy.succeed_with(&[], LIMIT).unwrap();
}

fn entries(dir: &Path) -> Vec<String> {
    let names = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name());
    let mut names: Vec<String> = names.map(|name| name.to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

#[test]
fn files_and_folders_are_where_they_are_asked_for() {
    if !is_possible() {
        return;
    }
    let dir = project();
    let file = dir.path().join("main");
    let mounts = [
        bind(dir.path(), "/app"),
        bind(dir.path(), "/usr/src/backlot-test/app"),
        bind(&file, "/run/secrets/key"),
        bind(&file, "/var/run/secrets/other"),
        bind(&file, "/etc/hosts"),
        bind(&file, "/etc/backlot-test/nginx.conf"),
        bind(&file, "/backlot-test-file"),
        bind(dir.path(), "/usr/share"),
    ];
    let line = "pwd; cat main sub/../main /usr/src/backlot-test/app/main /run/secrets/* /etc/hosts \
        /etc/backlot-test/nginx.conf /backlot-test-file /usr/share/main; echo new > /app/made; mkdir -p /etc/more && \
        test -e /proc/self/fd && test -w /dev/null && test -e /etc/passwd && echo rest";
    assert_eq!(printed(&mounts, "/app", line), format!("/app\n{}rest\n", "code\n".repeat(9)));
    // It is the user's folder, and the file is the user's.
    let made = fs::metadata(dir.path().join("made")).unwrap();
    assert_eq!((made.uid(), made.gid()), (fs::metadata(&file).unwrap().uid(), made.gid()));
    for path in ["/app", "/usr/src/backlot-test", "/run/secrets/key", "/etc/backlot-test", "/etc/more"] {
        assert!(!Path::new(path).exists(), "{path}");
    }
    assert_ne!(fs::read_to_string("/etc/hosts").unwrap(), "code\n");
}

#[test]
fn nothing_is_made_in_a_users_folder_to_mount_on() {
    if !is_possible() {
        return;
    }
    let (dir, inner) = (project(), project());
    let mounts = [
        bind(inner.path(), "/app/node_modules/deep"),
        bind(dir.path(), "/app"),
        tmpfs("/app/sub", None),
        bind(inner.path().join("main"), "/app/sub/file"),
    ];
    let line = "ls -A . sub node_modules/deep; echo x > node_modules/deep/made; echo changed > main";
    let expected = ".:\nmain\nnode_modules\nsub\n\nnode_modules/deep:\nmain\nsub\n\nsub:\nfile\n";
    assert_eq!(printed(&mounts, "/app", line), expected);
    assert_eq!(entries(dir.path()), ["main", "sub"]);
    assert_eq!(entries(&dir.path().join("sub")), [""; 0]);
    assert_eq!(entries(inner.path()), ["made", "main", "sub"]);
    assert_eq!(fs::read_to_string(dir.path().join("main")).unwrap(), "changed\n");
}

#[test]
fn what_is_read_only_refuses_writing() {
    if !is_possible() {
        return;
    }
    let (dir, other) = (project(), project());
    let mounts = [
        read_only(bind(dir.path(), "/app")),
        bind(other.path(), "/app/new"),
        read_only(bind(dir.path().join("main"), "/etc/backlot-test.conf")),
        read_only(tmpfs("/backlot-test-empty", None)),
        read_only(bind(other.path(), "/usr/share")),
    ];
    let tries =
        ["main", "made", "sub/made", "/etc/backlot-test.conf", "/backlot-test-empty/x", "/usr/share/x"];
    let line =
        tries.map(|path| format!("(echo x > {path}) 2>/dev/null && echo {path} was written")).join("; ");
    let line = format!("{line}; echo x > new/made && echo done");
    assert_eq!(printed(&mounts, "/app", &line), "done\n");
    assert_eq!(entries(dir.path()), ["main", "sub"]);
    assert_eq!(entries(other.path()), ["made", "main", "sub"]);
}

#[test]
fn memory_has_its_size_and_is_gone_with_the_program() {
    if !is_possible() {
        return;
    }
    let mounts = [tmpfs("/tmp", Some(64 * 1024)), tmpfs("/backlot-test/cache", Some(1024 * 1024))];
    let line = "ls -A /tmp; stat -c %a /tmp; head -c 900000 /dev/zero > /backlot-test/cache/x && echo fits; \
        head -c 90000 /dev/zero > /tmp/x || echo full; ls /tmp";
    let printed = printed(&mounts, "/tmp", line);
    assert!(printed.starts_with("1777\nfits\n") && printed.ends_with("full\nx\n"), "{printed}");
}

#[test]
fn the_program_is_who_it_was_and_has_the_mask_that_it_had() {
    if !is_possible() {
        return;
    }
    let line = "id -u; id -g; umask";
    let outside =
        Program::new("/bin/sh").args(["-c", line]).env("PATH", "/usr/bin:/bin").output(LIMIT).unwrap();
    assert_eq!(printed(&[tmpfs("/app", None)], "/app", line), String::from_utf8(outside.stdout).unwrap());
}

#[test]
fn a_program_is_looked_up_and_started_in_its_view() {
    if !is_possible() {
        return;
    }
    let dir = project();
    fs::write(dir.path().join("text"), "#!/bin/sh\npwd\n").unwrap();
    install(&dir.path().join("text"), &dir.path().join("tool"));
    let view = Arc::new(View::new(&[bind(dir.path(), "/app/bin")], Path::new("/app")).unwrap());
    let tool = |path: &str| Program::new(path).env("PATH", "/app/bin").within(Arc::clone(&view));
    for (program, expected) in [
        (tool("tool"), "/app\n"),
        (tool("/app/bin/tool"), "/app\n"),
        (tool("bin/tool"), "/app\n"),
        (tool("tool").current_dir("/app/bin/sub"), "/app/bin/sub\n"),
    ] {
        assert_eq!(String::from_utf8_lossy(&program.output(LIMIT).unwrap().stdout), expected, "{program}");
    }
    assert_eq!(tool("tool"), tool("tool"));
    assert_ne!(tool("tool"), Program::new("tool").env("PATH", "/app/bin"));
    assert!(matches!(tool("none").output(LIMIT), Err(ProcessError::Start { .. })));
}

#[test]
fn what_has_gone_since_is_named_and_what_lay_beside_it_does_not_matter() {
    if !is_possible() {
        return;
    }
    let dir = project();
    let mounts = [bind(dir.path(), "/app"), tmpfs("/app/new", None)];
    let program = shell(&mounts, "/app", "ls -A");
    fs::remove_dir(dir.path().join("sub")).unwrap();
    assert_eq!(program.output(LIMIT).unwrap().stdout, b"main\nnew\n");

    let program = shell(&[bind(dir.path(), "/app")], "/app", "true");
    let path = dir.path().to_owned();
    drop(dir);
    let error = in_full(&program.output(LIMIT).unwrap_err());
    let expected =
        format!("start /bin/sh: mount {} at /app: No such file or directory (os error 2)", path.display());
    assert_eq!(error, expected);
}

#[test]
fn it_dies_with_its_parent_and_has_the_files_that_it_was_handed() {
    if !is_possible() {
        return;
    }
    backlot_process::keep_low_numbers(2).unwrap();
    let dir = project();
    let out = fs::File::create(dir.path().join("out")).unwrap();
    let program = shell(&[bind(dir.path(), "/app")], "/app", "echo handed >&3; exec sleep 60");
    // The signal comes when the thread ends.
    let spawn = || {
        let options =
            SpawnOptions { numbered: vec![out.as_fd()], stdin: Stream::Null, ..SpawnOptions::default() };
        let child = program.spawn(options).unwrap();
        wait_until(|| fs::read_to_string(dir.path().join("out")).unwrap() == "handed\n");
        let id: ProcessId = child.id();
        wait_until(|| fs::read_to_string(format!("/proc/{}/comm", id.pid)).unwrap() == "sleep\n");
        child
    };
    let mut child = std::thread::scope(|scope| scope.spawn(spawn).join().unwrap());
    let status = child.wait(LIMIT).unwrap();
    child.kill().unwrap();
    assert_eq!(status.map(backlot_process::exit_code), Some(128 + 9));
}

#[test]
fn another_program_can_share_it() {
    if !is_possible() {
        return;
    }
    let dir = project();
    let mounts = [bind(dir.path(), "/app"), tmpfs("/tmp", None)];
    let line = "echo kept > /tmp/state; echo layer > /made; echo > /app/ready; exec sleep 60";
    let mut child = shell(&mounts, "/app", line).spawn(SpawnOptions::default()).unwrap();
    wait_until(|| dir.path().join("ready").exists());
    let beside = |directory: &str| {
        let view = View::of(child.id().pid, Path::new(directory)).unwrap();
        let program = Program::new("/bin/cat").args(["/tmp/state", "/made", "main"]).within(Arc::new(view));
        program.output(LIMIT)
    };
    let output = beside("/app").unwrap();
    assert_eq!(String::from_utf8(output.stdout).unwrap(), "kept\nlayer\ncode\n");
    assert_eq!(output.stderr, b"");
    let error = in_full(&beside("/none").unwrap_err());
    assert_eq!(error, "start /bin/cat: start in /none: No such file or directory (os error 2)");
    let pid = child.id().pid;
    child.kill().unwrap();
    assert!(View::of(pid, Path::new("/")).is_err());
}

fn wait_until(mut done: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !done() {
        assert!(begun.elapsed() < LIMIT);
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn another_account_has_a_view_where_root_makes_it() {
    if !is_possible() {
        return;
    }
    let owner = backlot_process::Owner::User { name: "nobody".into(), uid: 65534, gid: 65534 };
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("file"), "within").unwrap();
    let mounts =
        [Mount { target: "/of/another".into(), what: What::Path(dir.path().join("file")), read_only: false }];
    let done = shell(&mounts, "/", "id -u; id -G; cat /of/another").run_as(&owner).output(LIMIT);
    if nix::unistd::geteuid().is_root() {
        assert_eq!(String::from_utf8_lossy(&done.unwrap().stdout), "65534\n65534\nwithin");
    } else {
        let error = done.unwrap_err();
        assert!(matches!(error, ProcessError::ViewOfAnother { .. }), "{error}");
    }
}

/// All of this again, as somebody who is not root.
#[test]
fn an_ordinary_user_has_the_same() {
    const USER: &str = "54321";
    if !nix::unistd::geteuid().is_root() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o777)).unwrap();
    let tests = dir.path().join("tests");
    install(&std::env::current_exe().unwrap(), &tests);
    let output = Program::new("setpriv")
        .args(["--reuid", USER, "--regid", USER, "--clear-groups", "--"])
        .arg(tests)
        .args(["--nocapture", "--skip", "an_ordinary_user"])
        .env("PATH", "/usr/bin:/bin")
        .env("TMPDIR", dir.path())
        .current_dir("/")
        .output(Duration::from_mins(2))
        .unwrap();
    let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    println!("{stdout}");
    assert!(output.status.success(), "{stdout}\n{stderr}");
}

#[test]
fn a_program_may_take_its_machine_to_be_called_otherwise() {
    if !is_possible() {
        return;
    }
    let called = Called { host: Some("shop.example".into()), domain: Some("yp".into()) };
    let line = "uname -n; cat /proc/sys/kernel/domainname";
    let view = View::new(&[], Path::new("/")).unwrap().called(&called);
    let named = |line: &str| Program::new("/bin/sh").args(["-c", line]).env("PATH", "/usr/bin:/bin");
    let ours = named(line).output(LIMIT).unwrap().stdout;
    let mut child = named("sleep 20").within(Arc::new(view)).spawn(SpawnOptions::default()).unwrap();
    // What joins it has its names, too.
    let beside = View::of(child.id().pid, Path::new("/")).unwrap();
    let output = named(line).within(Arc::new(beside)).output(LIMIT).unwrap();
    assert_eq!(String::from_utf8(output.stdout).unwrap(), "shop.example\nyp\n");
    assert_eq!(named(line).output(LIMIT).unwrap().stdout, ours);
    child.kill().unwrap();

    let called = Called { host: Some("x".repeat(65)), domain: None };
    let view = View::new(&[], Path::new("/")).unwrap().called(&called);
    let error = named(line).within(Arc::new(view)).output(LIMIT).unwrap_err();
    assert!(in_full(&error).contains("be called xxx"), "{}", in_full(&error));
}
