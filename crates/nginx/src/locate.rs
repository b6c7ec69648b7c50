//! nginx itself.

use std::fs;
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use backlot_process::Program;

use crate::error::ConfigError;
use crate::rewrite::Rewritten;

/// Where it is besides on PATH: there is no `sbin` on many a user's.
const USUAL: [&str; 4] = ["/usr/sbin", "/usr/local/sbin", "/usr/local/nginx/sbin", "/opt/homebrew/bin"];
/// How long it may take to look at a configuration.
const LIMIT: Duration = Duration::from_secs(10);

/// An nginx that is installed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Nginx {
    /// Its program.
    pub program: PathBuf,
}

/// No nginx is installed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no nginx was found on PATH or in {}", USUAL.join(", "))]
pub struct LocateError;

impl LocateError {
    /// How to get it.
    pub fn hint(&self) -> String {
        if cfg!(target_os = "macos") {
            "install it: brew install nginx".into()
        } else {
            "install it: apt-get install nginx-light (Debian, Ubuntu), dnf install nginx (Fedora)".into()
        }
    }
}

/// Finds nginx on `path`, as a shell would, or in its usual places.
pub fn locate(path: Option<&str>) -> Result<Nginx, LocateError> {
    let on_path = path.into_iter().flat_map(std::env::split_paths);
    let usual = USUAL.iter().map(PathBuf::from);
    let program = on_path.chain(usual).map(|dir| dir.join("nginx")).find(|file| is_program(file));
    program.map(|program| Nginx { program }).ok_or(LocateError)
}

fn is_program(file: &Path) -> bool {
    fs::metadata(file).is_ok_and(|file| file.is_file() && file.permissions().mode() & 0o111 != 0)
}

impl Nginx {
    /// Writes the configuration into `dir`, once nginx has looked at it: one that is refused does not take the place of
    /// what an nginx runs with and may be started again with. Returns the arguments that nginx is to be run with.
    ///
    /// # Errors
    /// [`ConfigError::Refused`] with what nginx says of it, in terms of the original files.
    pub fn install(&self, config: &Rewritten, dir: &Path) -> Result<Vec<String>, ConfigError> {
        let (file, draft) = (dir.join("nginx.conf"), dir.join("nginx.conf.new"));
        let unwritten = |source| ConfigError::Write { file: file.clone(), source };
        write(&draft, &config.text).map_err(unwritten)?;
        let test = Program::new(&self.program).args(arguments(dir, &draft));
        look_at(test, |said| config.explained(said, &draft))?;
        fs::rename(&draft, &file).map_err(unwritten)?;
        Ok(Self::arguments(dir))
    }

    /// The arguments of one that runs with the configuration that is installed in `dir`.
    pub fn arguments(dir: &Path) -> Vec<String> {
        arguments(dir, &dir.join("nginx.conf"))
    }
}

/// Has nginx look at its configuration; `explained` makes of what it says why it refuses that.
pub(crate) fn look_at(nginx: Program, explained: impl FnOnce(&str) -> String) -> Result<(), ConfigError> {
    let output = nginx.args(["-t", "-q"]).output(LIMIT).map_err(ConfigError::Run)?;
    if output.status.success() {
        return Ok(());
    }
    let lines = output.last_lines(20);
    let told = lines.iter().find(|line| line.contains("[emerg]")).or(lines.last());
    let message = told.map_or_else(|| "it does not say why".into(), |line| explained(said(line)));
    Err(ConfigError::Refused { message })
}

/// A line of nginx's log without when and who.
fn said(line: &str) -> &str {
    let said = line.split_once("[emerg]").map_or(line, |(_, said)| said).trim();
    said.split_once(": ").filter(|(pid, _)| pid.contains('#')).map_or(said, |(_, said)| said)
}

fn arguments(dir: &Path, file: &Path) -> Vec<String> {
    ["-p", &dir.display().to_string(), "-e", "stderr", "-c", &file.display().to_string()]
        .map(str::to_owned)
        .to_vec()
}

fn write(file: &Path, text: &str) -> io::Result<()> {
    use std::io::Write;
    if let Some(dir) = file.parent() {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
    }
    let mut file = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(file)?;
    file.write_all(text.as_bytes())
}

impl Rewritten {
    /// What nginx says, with the place in the original file: `… in /…/nginx.conf:12` becomes `… in docker/nginx.conf:3`.
    fn explained(&self, said: &str, file: &Path) -> String {
        let marker = format!(" in {}:", file.display());
        let Some((what, number)) = said.split_once(&marker) else { return said.to_owned() };
        let digits = number.bytes().take_while(u8::is_ascii_digit).count();
        let place =
            number[..digits].parse::<usize>().ok().and_then(|line| self.places.get(line.checked_sub(1)?));
        place.map_or_else(|| said.to_owned(), |place| format!("{what} ({place})"))
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn what_nginx_says_is_without_when_and_who() {
        for line in
            ["2026/01/01 00:00:00 [emerg] 12#12: unknown directive", "nginx: [emerg] unknown directive"]
        {
            assert_eq!(super::said(line), "unknown directive");
        }
        assert_eq!(super::said("odd"), "odd");
    }
}
