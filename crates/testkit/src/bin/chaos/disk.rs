//! A small disk for a world's home, which is full for a while.

use std::fmt;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use backlot_process::Program;

/// A template, some clusters and their log have room in it.
const SIZE: &str = "size=768m,mode=755";
/// What takes all the room is written in pieces of so many bytes.
const PIECE: usize = 1 << 20;
/// How long it may take to mount one.
const LIMIT: Duration = Duration::from_secs(10);

/// A file system in memory that is mounted somewhere, for as long as this is there.
#[derive(Debug)]
pub(crate) struct Disk {
    place: PathBuf,
}

impl Disk {
    /// Mounts one at `place`, if we are allowed to.
    pub(crate) fn mount(place: &Path) -> Option<Self> {
        let mount = system("mount").args(["-t", "tmpfs", "-o", SIZE, "tmpfs"]).arg(place);
        let mounted = mount.output_with(b"", LIMIT).is_ok_and(|output| output.status.success());
        mounted.then(|| Self { place: place.to_owned() })
    }

    /// Takes all room but `left` bytes for a while; what it did, for people.
    pub(crate) fn fill(&self, full: &Full, begun: Instant) -> String {
        thread::sleep(full.after.saturating_sub(begun.elapsed()));
        let at = begun.elapsed().as_millis();
        let file = self.place.join("all-the-room");
        let written = take_all(&file).and_then(|()| {
            let taken = fs::metadata(&file)?.len();
            File::options().write(true).open(&file)?.set_len(taken.saturating_sub(full.left))
        });
        thread::sleep(full.lasting);
        let freed = fs::remove_file(&file);
        match written.and(freed) {
            Ok(()) => format!("{full}: at {at} ms"),
            Err(error) => format!("{full}: {error}"),
        }
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = system("umount").arg("--lazy").arg(&self.place).output_with(b"", LIMIT);
    }
}

/// A program of the system's.
fn system(name: &str) -> Program {
    Program::new(name).env("PATH", std::env::var_os("PATH").unwrap_or_default())
}

/// Writes until there is no room.
fn take_all(file: &Path) -> io::Result<()> {
    let (mut file, piece) = (File::create(file)?, vec![0; PIECE]);
    loop {
        match file.write(&piece) {
            Ok(1..) => {}
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) if error.kind() != io::ErrorKind::StorageFull => return Err(error),
            Ok(0) | Err(_) => return Ok(()),
        }
    }
}

/// When the disk is full, and how full.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Full {
    pub(crate) after: Duration,
    pub(crate) lasting: Duration,
    /// So many bytes are left.
    pub(crate) left: u64,
}

impl fmt::Display for Full {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { after, lasting, left } = self;
        let (after, lasting) = (after.as_millis(), lasting.as_millis());
        write!(f, "full but for {} KiB for {lasting} ms after {after} ms", left / 1024)
    }
}
