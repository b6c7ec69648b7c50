//! Tables: a machine, mounts, and what a child does.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};

use super::{Account, plan};
use crate::error::ViewError;
use crate::machine::{Entry, Machine};
use crate::mount::{Mount, What};

/// A machine as a list of paths: `/etc/` is a folder, `/bin>usr/bin` a link, `/root!` a closed folder, others are files.
struct Listed {
    entries: BTreeMap<PathBuf, Entry>,
    closed: Vec<PathBuf>,
}

impl Listed {
    fn of(paths: &str) -> Self {
        let (mut entries, mut closed) = (BTreeMap::from([("/".into(), Entry::Folder)]), Vec::new());
        for word in paths.split_whitespace() {
            let (path, entry) = if let Some((path, target)) = word.split_once('>') {
                (path, Entry::Link(target.into()))
            } else if let Some(path) = word.strip_suffix('!') {
                closed.push(path.into());
                (path, Entry::Folder)
            } else if let Some(path) = word.strip_suffix('/') {
                (path, Entry::Folder)
            } else {
                (word, Entry::File)
            };
            entries.insert(path.into(), entry);
        }
        Self { entries, closed }
    }

    fn check(&self, path: &Path) -> io::Result<()> {
        let is_open = !self.closed.iter().any(|closed| path.starts_with(closed));
        is_open.then_some(()).ok_or_else(|| io::ErrorKind::PermissionDenied.into())
    }
}

impl Machine for Listed {
    fn look(&self, path: &Path) -> io::Result<Option<Entry>> {
        path.parent().map_or(Ok(()), |parent| self.check(parent))?;
        Ok(self.entries.get(path).cloned())
    }

    fn list(&self, folder: &Path) -> io::Result<Vec<(OsString, Entry)>> {
        self.check(folder)?;
        let inside = self.entries.iter().filter(|(path, _)| path.parent() == Some(folder));
        Ok(inside.map(|(path, entry)| (path.file_name().unwrap().to_owned(), entry.clone())).collect())
    }

    fn mode(&self, _folder: &Path) -> io::Result<u32> {
        Ok(0o555)
    }
}

/// `/data=/app` or `/data=/app:ro`, or `tmpfs=/tmp`.
fn mounts(words: &str) -> Vec<Mount> {
    let mount = |word: &str| {
        let (word, read_only) = word.strip_suffix(":ro").map_or((word, false), |word| (word, true));
        let (source, target) = word.split_once('=').unwrap();
        let what = match source {
            "tmpfs" => What::Tmpfs { size: Some(4096), mode: None },
            path => What::Path(path.into()),
        };
        Mount { target: target.into(), what, read_only }
    };
    words.split_whitespace().map(mount).collect()
}

const MACHINE: &str = "/tmp/ /usr/ /usr/bin/ /bin>usr/bin /etc/ /etc/hosts /etc/old/ /data/ /data/sub/ /data/file \
    /run/ /run/socket /var/ /var/run>/run /root! /dev/ /dev/shm/";

fn planned(mounts_of: &str) -> Result<super::Plan, ViewError> {
    plan(&Listed::of(MACHINE), &mounts(mounts_of), Path::new("/"), &Account { user: 7, group: 8 })
}

/// The steps between those that every view has: beginning, the bound entries of `/`, end.
fn own_steps(mounts: &str) -> Vec<String> {
    let all: Vec<String> = planned(mounts).unwrap().steps.iter().map(ToString::to_string).collect();
    let without: Vec<String> = planned("").unwrap().steps.iter().map(ToString::to_string).collect();
    all.into_iter().filter(|step| !without.contains(step)).collect()
}

#[test]
fn the_root_is_made_anew_with_all_that_it_has() {
    let steps: Vec<String> = planned("").unwrap().steps.iter().map(ToString::to_string).collect();
    let beginning = [
        "take mounts of its own",
        "keep mounts to itself",
        "mount memory at /tmp (mode=755)",
        "make the folder /tmp/.backlot-machine (755)",
        "make /tmp the root",
        "make the link /bin to usr/bin",
        "make the folder /data (755)",
        "mount /data at /data",
    ];
    assert_eq!(steps[..beginning.len()], beginning);
    assert_eq!(steps[steps.len() - 2..], ["leave the machine's file system", "start in /"]);
}

#[test]
fn each_mount_comes_where_it_belongs() {
    let table: &[(&str, &[&str])] = &[
        // What exists is mounted over, where it is.
        ("/data/file=/etc/hosts", &["mount /data/file at /etc/hosts"]),
        ("/data=/etc/old:ro", &["mount /data at /etc/old read-only"]),
        ("tmpfs=/dev/shm", &["mount memory at /dev/shm (mode=1777,size=4096)"]),
        // What does not exist at the root is made there.
        ("/data=/app", &["make the folder /app (755)", "mount /data at /app"]),
        ("/data/file=/app", &["make the file /app", "mount /data/file at /app"]),
        (
            "tmpfs=/a/b:ro",
            &[
                "make the folder /a (755)",
                "make the folder /a/b (755)",
                "mount memory at /a/b (mode=1777,size=4096)",
                "make /a/b read-only",
            ],
        ),
        // The folder that is to have something new is spread.
        (
            "/data=/etc/new",
            &[
                "make the file /etc/hosts",
                "mount /etc/hosts at /etc/hosts",
                "make the folder /etc/old (755)",
                "mount /etc/old at /etc/old",
                "make the folder /etc/new (755)",
                "mount /data at /etc/new",
            ],
        ),
        // Not what is above it.
        (
            "/data=/etc/old/new",
            &[
                "mount memory at /etc/old (mode=755)",
                "make the folder /etc/old/new (755)",
                "mount /data at /etc/old/new",
            ],
        ),
        // Links are followed, on the way, at the end, and by what is mounted.
        (
            "/var/run=/var/run/x/y",
            &[
                "make the file /run/socket",
                "mount /run/socket at /run/socket",
                "make the folder /run/x (755)",
                "make the folder /run/x/y (755)",
                "mount /run at /run/x/y",
            ],
        ),
        ("/data=/bin", &["mount /data at /usr/bin"]),
        // A closed folder is as good as an empty one.
        ("/data=/root/app", &["make the folder /root/app (755)", "mount /data at /root/app"]),
    ];
    for (mounts, expected) in table {
        assert_eq!(own_steps(mounts), *expected, "{mounts}");
    }
}

#[test]
fn mounts_within_mounts_come_later_and_nothing_is_made_in_what_is_the_users() {
    let made = ["make the folder /app (755)"];
    let table: &[(&str, &[&str])] = &[
        // It is there: just mounted over.
        ("/etc=/app/sub /data=/app", &["mount /data at /app", "mount /etc at /app/sub"]),
        // It is not: the user's folder is spread, as read-only as it was to be.
        (
            "/etc=/app/new /data=/app:ro",
            &[
                "mount memory at /app (mode=755)",
                "make the file /app/file",
                "mount /data/file at /app/file read-only",
                "make the folder /app/sub (755)",
                "mount /data/sub at /app/sub read-only",
                "make the folder /app/new (755)",
                "mount /etc at /app/new",
                "make /app read-only",
            ],
        ),
        // In memory of its own everything can be made.
        (
            "tmpfs=/app /etc=/app/a/b",
            &[
                "mount memory at /app (mode=1777,size=4096)",
                "make the folder /app/a (755)",
                "make the folder /app/a/b (755)",
                "mount /etc at /app/a/b",
            ],
        ),
    ];
    for (mounts, expected) in table {
        assert_eq!(own_steps(mounts), [&made[..], expected].concat(), "{mounts}");
    }
    // Somebody should be told of that: what the program creates there does not reach the user's folder.
    let spread = planned("/etc=/app/new /data=/app").unwrap().spread;
    assert_eq!(spread, [("/".into(), "/".into()), ("/app".into(), "/data".into())]);
}

#[test]
fn what_cannot_be_is_named() {
    let table = [
        ("/none=/app", "mount /app: /none does not exist"),
        ("/root/x=/app", "mount /app: /root/x is closed to this account"),
        ("data=/app", "mount /app: data is not absolute"),
        ("/data=app", "mount app: app is not absolute"),
        ("/data=/", "mount /: it is the root of the file system"),
        ("/data=/tmp/..", "mount /tmp/..: it is the root of the file system"),
        ("/data=/proc/x", "mount /proc/x: /proc is the system's own"),
        ("/data=/sys", "mount /sys: /sys is the system's own"),
        ("/data=/dev/x", "mount /dev/x: /dev is the system's own"),
        ("/data=/etc/hosts/x", "mount /etc/hosts/x: /etc/hosts is a file"),
        ("/data=/etc/hosts", "mount /etc/hosts: a folder cannot be put over the file /etc/hosts"),
        ("/data/file=/etc", "mount /etc: a file cannot be put over the folder /etc"),
        ("/data=/var/run/x /etc=/run/x", "mount /run/x: another mount is at /run/x"),
        ("/data/file=/app /etc=/app/x", "mount /app/x: /app is a file"),
        ("/data=/new/../x", "mount /new/../x: /new does not exist"),
    ];
    for (mounts, expected) in table {
        assert_eq!(in_full(&planned(mounts).unwrap_err()), expected, "{mounts}");
    }
    let account = Account { user: 7, group: 8 };
    let starting =
        |directory: &str| plan(&Listed::of(MACHINE), &mounts("/data=/app"), Path::new(directory), &account);
    starting("/app/sub").unwrap();
    for (directory, expected) in [
        ("/app/none", "start in /app/none: /app/none does not exist"),
        ("/etc/hosts", "start in /etc/hosts: /etc/hosts is a file"),
        ("app", "start in app: app is not absolute"),
    ] {
        assert_eq!(in_full(&starting(directory).unwrap_err()), expected);
    }
    let circle = Listed::of("/tmp/ /a>b /b>a");
    let error = plan(&circle, &mounts("tmpfs=/a/x"), Path::new("/"), &account).unwrap_err();
    assert_eq!(in_full(&error), "mount /a/x: too many symbolic links");
}

#[test]
fn links_in_what_is_mounted_lead_where_they_do_for_the_program() {
    let machine = Listed::of(
        "/tmp/ /data/ /data/now>releases/1 /data/releases/ /data/releases/1/ /data/abs>/app/releases",
    );
    let account = Account { user: 7, group: 8 };
    for target in ["/app/now", "/app/abs/1"] {
        let all = plan(&machine, &mounts(&format!("tmpfs={target} /data=/app")), Path::new("/"), &account);
        let steps: Vec<String> = all.unwrap().steps.iter().map(ToString::to_string).collect();
        let last = &steps[steps.len() - 3..];
        assert_eq!(last[0], "mount memory at /app/releases/1 (mode=1777,size=4096)", "{target}");
    }
}

/// An error with its causes, in one line.
fn in_full(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
