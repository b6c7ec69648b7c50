//! What `scripts/package` makes is installed, upgraded and removed; nothing is that is not what was published.

#![expect(clippy::unwrap_used, reason = "a test that cannot set itself up has to fail loudly")]

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::thread;

use backlot_testkit::{Stage, repository};

const VERSION: &str = env!("CARGO_PKG_VERSION");

fn script(name: &str) -> String {
    repository().join("scripts").join(name).display().to_string()
}

#[test]
fn what_is_packed_is_installed_upgraded_and_removed() {
    let stage = Stage::empty(env!("CARGO_BIN_EXE_backlot")).with_cargo();
    let files = stage.root().join("files");
    let arguments = ["--offline", "--binary", stage.binary(), "--out", files.to_str().unwrap()];
    stage.run(&script("package"), &arguments).output().assert_code(0);
    let names = fs::read_dir(&files).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let archive = names.into_iter().find(|name| name.ends_with(".tar.gz")).unwrap();
    assert!(archive.starts_with(&format!("backlot-{VERSION}-")), "{archive}");

    installs_and_removes(&stage, &files);
    refuses_what_was_not_published(&stage, &files, &archive);
    is_downloaded(&stage, &files);
    the_debian_package_has_all(&stage, &files);
    the_formula_is_of_the_archive(&stage, &files, &archive);
}

fn installs_and_removes(stage: &Stage, files: &Path) {
    let installer = files.join("install.sh").display().to_string();
    let home = stage.root().join("user/.local");
    let said = stage.run("sh", &[&installer]).output().assert_code(0);
    assert!(said.stdout.starts_with(&format!("backlot {VERSION} (")), "{said}");
    assert!(said.stdout.contains("is not on your PATH"), "{said}");
    for path in [
        "bin/backlot",
        "share/bash-completion/completions/backlot",
        "share/zsh/site-functions/_backlot",
        "share/fish/vendor_completions.d/backlot.fish",
        "share/man/man1/backlot-scenario-up.1",
        "share/doc/backlot/LICENSE",
    ] {
        assert!(home.join(path).is_file(), "{path}");
    }
    let licences = fs::read_to_string(home.join("share/doc/backlot/THIRD-PARTY-LICENSES")).unwrap();
    assert!(licences.contains("\ntokio 1.") && licences.contains("Permission is hereby granted"));
    assert!(!licences.contains("proptest"), "what only tests use is not inside");

    // Over one that runs an environment, and with pages of a verb that is gone.
    let gone = home.join("share/man/man1/backlot-gone.1");
    fs::write(&gone, "").unwrap();
    stage.file("compose.yaml", "services:\n  web: {image: web, command: sleep 1000}\n");
    let program = home.join("bin/backlot").display().to_string();
    stage.run(&program, &["up", "-d", "--wait", "-q"]).output().assert(0, "", "");
    let path = format!("{}:{}", home.join("bin").display(), stage.variable("PATH"));
    let again = stage.run("sh", &[&installer]).env("PATH", &path).output().assert_code(0);
    stage.run(&program, &["ps", "-q"]).output().assert(0, "web-1", "");
    stage.run(&program, &["restart", "-q"]).output().assert(0, "", "");
    stage.run(&program, &["down", "-q"]).output().assert(0, "", "");
    stage.assert_nothing_left();
    assert!(!again.stdout.contains("PATH"), "{again}");
    assert!(!gone.exists());

    let data = stage.root().join("user/.local/share/backlot/kept");
    fs::create_dir_all(&data).unwrap();
    let said = stage.run("sh", &[&installer, "--remove"]).output().assert_code(0);
    assert!(said.stdout.contains("have kept is in [home]"), "{said}");
    assert!(data.exists(), "what environments have kept is the user's");
    assert_eq!(left(&home), std::slice::from_ref(&data));
    stage.run("sh", &[&installer, "--remove"]).output().assert_code(1);
    fs::remove_dir(&data).unwrap();
}

/// All that is no folder with something in it, apart from those of everybody.
fn left(root: &Path) -> Vec<PathBuf> {
    let mut left = Vec::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if !path.is_dir() || path.ends_with("kept") {
                left.push(path);
            } else {
                folders.push(path);
            }
        }
    }
    left
}

fn refuses_what_was_not_published(stage: &Stage, files: &Path, archive: &str) {
    let wrong = stage.root().join("wrong");
    fs::create_dir(&wrong).unwrap();
    for name in ["SHA256SUMS", archive] {
        fs::copy(files.join(name), wrong.join(name)).unwrap();
    }
    let mut content = fs::read(wrong.join(archive)).unwrap();
    *content.last_mut().unwrap() ^= 1;
    fs::write(wrong.join(archive), content).unwrap();
    let prefix = stage.root().join("refused");
    let install = || {
        let run = stage.run("sh", &[&files.join("install.sh").display().to_string()]);
        run.env("BACKLOT_BASE_URL", format!("file://{}", wrong.display()))
            .env("PREFIX", prefix.display().to_string())
    };
    let said = install().output().assert_code(1);
    assert!(said.stderr.contains("is not what was published: its SHA-256 sum is"), "{said}");
    fs::write(wrong.join("SHA256SUMS"), "").unwrap();
    let said = install().output().assert_code(1);
    assert!(said.stderr.contains("error: there is no archive for"), "{said}");
    fs::remove_file(wrong.join("SHA256SUMS")).unwrap();
    let said = install().output().assert_code(1);
    assert!(said.stderr.contains("error: cannot read file://"), "{said}");
    assert!(!prefix.exists(), "nothing may be installed");
    // Without an address, it says so.
    let said = stage.run("sh", &[&script("installer.sh")]).output().assert_code(1);
    assert!(said.stderr.contains("BACKLOT_BASE_URL has to say"), "{said}");
}

fn is_downloaded(stage: &Stage, files: &Path) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let served = files.to_owned();
    // It ends with the test's process.
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut line = String::new();
            BufReader::new(&stream).read_line(&mut line).unwrap();
            let name = line.split(' ').nth(1).unwrap_or_default().trim_start_matches('/');
            let (status, content) = match fs::read(served.join(name)) {
                Ok(content) => ("200 OK", content),
                Err(_) => ("404 Not Found", Vec::new()),
            };
            let head = format!(
                "HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
                content.len()
            );
            let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&content));
        }
    });
    let prefix = stage.root().join("a prefix");
    let install = |url: &str| {
        let run = stage.run("sh", &[&script("installer.sh")]).env("PREFIX", prefix.display().to_string());
        run.env("BACKLOT_BASE_URL", url).output()
    };
    let said = install(&format!("{url}/nowhere")).assert_code(1);
    assert!(said.stderr.contains("error: cannot download"), "{said}");
    install(&url).assert_code(0);
    assert!(prefix.join("bin/backlot").is_file());
}

fn the_debian_package_has_all(stage: &Stage, files: &Path) {
    let names = fs::read_dir(files).unwrap().map(|entry| entry.unwrap().path());
    let Some(package) = names.into_iter().find(|path| path.extension().is_some_and(|end| end == "deb"))
    else {
        return; // there is no dpkg-deb here
    };
    let (package, root) = (package.display().to_string(), stage.root().join("debian"));
    let fields = stage.run("dpkg-deb", &["--field", &package]).output().assert_code(0).stdout;
    assert!(
        fields.contains("Package: backlot\n") && fields.contains(&format!("Version: {VERSION}\n")),
        "{fields}"
    );
    stage.run("dpkg-deb", &["-x", &package, root.to_str().unwrap()]).output().assert(0, "", "");
    let program = root.join("usr/bin/backlot").display().to_string();
    stage.run(&program, &["-V"]).output().assert(0, &format!("backlot {VERSION}"), "");
    for path in [
        "bash-completion/completions/backlot",
        "zsh/vendor-completions/_backlot",
        "fish/vendor_completions.d/backlot.fish",
        "man/man1/backlot.1.gz",
        "doc/backlot/copyright",
        "doc/backlot/THIRD-PARTY-LICENSES",
    ] {
        assert!(root.join("usr/share").join(path).is_file(), "{path}");
    }
}

fn the_formula_is_of_the_archive(stage: &Stage, files: &Path, archive: &str) {
    let formula = fs::read_to_string(files.join("backlot.rb")).unwrap();
    let sums = fs::read_to_string(files.join("SHA256SUMS")).unwrap();
    let sum = sums.lines().find_map(|line| line.strip_suffix(&format!("  {archive}"))).unwrap();
    assert!(formula.contains(&format!("sha256 \"{sum}\"")), "{formula}");
    assert!(formula.contains(&format!("/{archive}\"")), "{formula}");
    if stage.run("sh", &["-c", "command -v ruby"]).output().code == 0 {
        stage.run("ruby", &["-c", files.join("backlot.rb").to_str().unwrap()]).output().assert(
            0,
            "Syntax OK",
            "",
        );
    }
}
