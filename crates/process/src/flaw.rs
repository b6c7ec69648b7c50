//! Why a file that is there cannot be run, which the system tells badly: a script whose interpreter is missing is "not found".

use std::io::Read;
use std::path::{Path, PathBuf};

use nix::unistd::{AccessFlags, access};

/// So much of a script's first line the kernel looks at.
const FIRST_LINE: u64 = 256;

/// What is wrong with a program's file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Flaw {
    /// It is a folder.
    #[error("is a directory")]
    Folder,
    /// It is a pipe, a socket or a device.
    #[error("is not a regular file")]
    NoFile,
    /// It lacks the right to be executed.
    #[error("is not executable")]
    NotExecutable,
    /// Its first line ends as Windows ends lines, so that the interpreter's name has a character too many.
    #[error("has Windows line endings, so the interpreter that its first line names ({}) is not found", .0.display())]
    CarriageReturn(PathBuf),
    /// Its first line names what is not there.
    #[error("begins with #!{}, which is not there", .0.display())]
    NoInterpreter(PathBuf),
}

impl Flaw {
    /// What is wrong with `file`; nothing if it is not there, or can be run as far as one can see.
    pub fn of(file: &Path) -> Option<Self> {
        let kind = std::fs::metadata(file).ok()?;
        if kind.is_dir() {
            return Some(Self::Folder);
        }
        if !kind.is_file() {
            return Some(Self::NoFile);
        }
        if access(file, AccessFlags::X_OK).is_err() {
            return Some(Self::NotExecutable);
        }
        let mut start = Vec::new();
        // What cannot be read can still be executed.
        backlot_files::open(file).ok()?.take(FIRST_LINE).read_to_end(&mut start).ok()?;
        let line = start.strip_prefix(b"#!")?.split(|byte| *byte == b'\n').next()?;
        let line = String::from_utf8_lossy(line);
        let words = line.trim_start_matches([' ', '\t']);
        let word = words.split([' ', '\t']).next().unwrap_or_default();
        let name = PathBuf::from(word.trim_end_matches('\r'));
        // Whatever is last has it: the interpreter, its option, or what `env` is to look for.
        if line.ends_with('\r') {
            return Some(Self::CarriageReturn(name));
        }
        (!word.is_empty() && !name.exists()).then_some(Self::NoInterpreter(name))
    }

    /// The way out, for `file`.
    pub fn hint(&self, file: &Path) -> Option<String> {
        let name = file.to_string_lossy();
        let file = crate::shell_quote(&name);
        match self {
            Self::NotExecutable => Some(format!("make it so: chmod +x {file}")),
            Self::CarriageReturn(_) => {
                Some(format!("save it with Unix line endings: sed -i 's/\\r$//' {file}"))
            }
            Self::NoInterpreter(name) => {
                Some(format!("install {}, or mend the first line of {file}", name.display()))
            }
            Self::Folder | Self::NoFile => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Flaw;
    use std::fs::{self, Permissions};
    use std::os::unix::fs::PermissionsExt;
    use std::path::{Path, PathBuf};

    #[test]
    fn every_flaw_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let script = |name: &str, text: &str, mode: u32| -> PathBuf {
            let path = dir.path().join(name);
            fs::write(&path, text).unwrap();
            fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
            path
        };
        let sh = Path::new("/bin/sh");
        for (file, flaw) in [
            (script("good", "#!/bin/sh\n", 0o755), None),
            (script("spaced", "#! /bin/sh -e\n", 0o755), None),
            (script("plain", "exit\n", 0o755), None),
            (script("closed", "#!/bin/sh\n", 0o644), Some(Flaw::NotExecutable)),
            (script("windows", "#!/bin/sh\r\n", 0o755), Some(Flaw::CarriageReturn(sh.into()))),
            (script("windows-option", "#!/bin/sh -e\r\n", 0o755), Some(Flaw::CarriageReturn(sh.into()))),
            (script("lost", "#!/no/such -x\n", 0o755), Some(Flaw::NoInterpreter("/no/such".into()))),
            (dir.path().to_owned(), Some(Flaw::Folder)),
            (PathBuf::from("/dev/null"), Some(Flaw::NoFile)),
            (dir.path().join("none"), None),
        ] {
            assert_eq!(Flaw::of(&file), flaw, "{}", file.display());
        }
    }
}
