//! What the official image has around a project's own configuration, laid out in a folder of ours.

use std::fs;
use std::io;
use std::os::unix::fs::{DirBuilderExt, symlink};
use std::path::{Path, PathBuf};

use backlot_process::Program;

use crate::config::Config;
use crate::error::{ConfigError, Place};
use crate::locate::{Nginx, look_at};
use crate::place::{BASE, MODULES, OWN, mounted};
use crate::source::Source;
use crate::templates::SITE;

/// The main file, for those that bring none.
const MAIN: &str = "\
worker_processes auto;
error_log /var/log/nginx/error.log notice;
pid /run/nginx.pid;
events { worker_connections 1024; }
http {
    include /etc/nginx/mime.types;
    default_type application/octet-stream;
    log_format main '$remote_addr - $remote_user [$time_local] \"$request\" $status $body_bytes_sent \"$http_referer\" '
                    '\"$http_user_agent\" \"$http_x_forwarded_for\"';
    access_log /var/log/nginx/access.log main;
    sendfile on;
    keepalive_timeout 65;
    include /etc/nginx/conf.d/*.conf;
}
";
/// Files that come with nginx and hold nothing of a site.
const TABLES: [&str; 8] = [
    "mime.types",
    "fastcgi.conf",
    "fastcgi_params",
    "scgi_params",
    "uwsgi_params",
    "koi-utf",
    "koi-win",
    "win-utf",
];
/// The accounts that nginx is told to serve as, or serves as by default: the image's own, a distribution's, and nobody.
const ACCOUNTS: [&str; 3] = ["nginx", "www-data", "nobody"];
const GROUPS: [&str; 4] = ["nginx", "www-data", "nobody", "nogroup"];

/// Where something of the image is on this machine, and where nginx has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    /// A file or folder.
    Path {
        /// Where nginx has it.
        target: PathBuf,
        /// Where it is.
        place: PathBuf,
    },
    /// An empty folder that is nginx's own.
    Empty {
        /// Where nginx has it.
        target: PathBuf,
    },
}

/// The parts of the image for a configuration, laid out in `dir` if `writes`.
///
/// # Errors
/// When something cannot be written there.
pub fn image(dir: &Path, source: &Source, writes: bool) -> Result<Vec<Part>, ConfigError> {
    let lay_out = || -> io::Result<()> {
        if writes {
            lay_out(dir, source)?;
        }
        Ok(())
    };
    lay_out().map_err(|source| ConfigError::Write { file: dir.to_owned(), source })?;
    let path = |target: &str, place: PathBuf| Part::Path { target: target.into(), place };
    let empty = |target: &str| Part::Empty { target: target.into() };
    let mut parts = vec![
        path(BASE, dir.join("etc")),
        path("/var/log/nginx", dir.join("log")),
        empty("/var/cache/nginx"),
        empty("/var/lib/nginx"),
        empty("/run"),
    ];
    // The machine's resolver writes there where name servers are.
    let resolver = Path::new("/run/systemd/resolve");
    if resolver.is_dir() {
        parts.push(path("/run/systemd/resolve", resolver.to_owned()));
    }
    if nix::unistd::geteuid().is_root() {
        parts.extend(["passwd", "group"].map(|file| path(&format!("/etc/{file}"), dir.join(file))));
    }
    Ok(parts)
}

/// A list of accounts or groups of the machine's in which `names` are root: whoever is root here serves as root, as the files of
/// a project, and volumes, may well be shut to anybody else.
fn as_root(machine: &str, names: &[&str], rest: &str) -> String {
    let is_other = |line: &&str| !line.split_once(':').is_some_and(|(name, _)| names.contains(&name));
    let others = machine.lines().filter(is_other).map(|line| format!("{line}\n"));
    others.chain(names.iter().map(|name| format!("{name}:x:0:{rest}\n"))).collect()
}

fn lay_out(dir: &Path, source: &Source) -> io::Result<()> {
    let (etc, log) = (dir.join("etc"), dir.join("log"));
    for folder in [&etc, &etc.join("conf.d"), &log] {
        fs::DirBuilder::new().recursive(true).mode(0o755).create(folder)?;
    }
    for name in TABLES {
        let own = OWN.iter().map(|base| Path::new(base).join(name)).find(|file| file.is_file());
        if let Some(own) = own {
            fs::copy(own, etc.join(name))?;
        }
    }
    fs::write(etc.join("nginx.conf"), MAIN)?;
    let modules = MODULES.iter().find(|folder| Path::new(folder).is_dir());
    for (link, target) in [
        (etc.join("modules"), modules.copied().unwrap_or(MODULES[0])),
        (log.join("access.log"), "/dev/stdout"),
        (log.join("error.log"), "/dev/stderr"),
    ] {
        match symlink(target, link) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
            Ok(()) | Err(_) => {}
        }
    }
    let conf = etc.join("conf.d");
    for entry in fs::read_dir(&conf)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            fs::remove_dir_all(entry.path())?;
        } else {
            fs::remove_file(entry.path())?;
        }
    }
    let made = source.made().into_iter().map(|made| (made.target, made.text));
    // What nginx says of one that cannot be read is told elsewhere.
    let site = Config::read(source).ok().and_then(|config| config.site);
    let site = site.map(|text| (PathBuf::from(SITE), text));
    for (target, text) in made.chain(site) {
        let Ok(rest) = target.strip_prefix(BASE) else { continue };
        let file = etc.join(rest);
        if let Some(folder) = file.parent() {
            fs::DirBuilder::new().recursive(true).mode(0o755).create(folder)?;
        }
        fs::write(file, text)?;
    }
    if nix::unistd::geteuid().is_root() {
        for (file, names, rest) in
            [("passwd", &ACCOUNTS[..], "0::/nonexistent:/bin/false"), ("group", &GROUPS, "")]
        {
            let machine = backlot_files::text(&Path::new("/etc").join(file)).map_err(io::Error::other)?;
            fs::write(dir.join(file), as_root(&machine, names, rest))?;
        }
    }
    Ok(())
}

impl Nginx {
    /// Has nginx look at a configuration that lies where it is to have it: `within` puts a program where it sees that.
    ///
    /// # Errors
    /// [`ConfigError::Refused`] with what nginx says of it, in terms of the original files.
    pub fn look_at(
        &self,
        source: &Source,
        within: impl FnOnce(Program) -> Result<Program, ConfigError>,
    ) -> Result<(), ConfigError> {
        look_at(within(Program::new(&self.program))?, |said| explained(said, source))
    }
}

/// What nginx says, with the place in the project's file: `… in /etc/nginx/nginx.conf:12` becomes `… (docker/nginx.conf:12)`.
fn explained(said: &str, source: &Source) -> String {
    let Some((what, at)) = said.rsplit_once(" in /") else { return said.to_owned() };
    let Some((path, line)) = at.rsplit_once(':').and_then(|(path, line)| Some((path, line.parse().ok()?)))
    else {
        return said.to_owned();
    };
    let path = PathBuf::from(format!("/{path}"));
    let file = mounted(&path, &source.mounts).unwrap_or(path);
    format!("{what} ({})", Place { file, line })
}

#[cfg(test)]
mod tests {
    use crate::source::Source;

    #[test]
    fn the_place_is_the_projects() {
        let mounts = vec![("/etc/nginx/nginx.conf".into(), "/code/docker/nginx.conf".into())];
        let source = Source { mounts, ..Source::default() };
        let line = "unknown directive \"x\" in /etc/nginx/nginx.conf:3";
        assert_eq!(super::explained(line, &source), "unknown directive \"x\" (/code/docker/nginx.conf:3)");
        let other = "host not found in upstream \"wbe\" in /etc/nginx/conf.d/a.conf:1";
        let said = "host not found in upstream \"wbe\" (/etc/nginx/conf.d/a.conf:1)";
        assert_eq!(super::explained(other, &source), said);
        assert_eq!(super::explained("odd", &source), "odd");
    }

    #[test]
    fn whom_nginx_serves_as_is_root_for_root() {
        let machine =
            "root:x:0:0:root:/root:/bin/sh\nwww-data:x:33:33::/var/www:/bin/false\nnginxer:x:7:7:::\n";
        let said = super::as_root(machine, &["nginx", "www-data"], "0:::");
        assert_eq!(
            said,
            "root:x:0:0:root:/root:/bin/sh\nnginxer:x:7:7:::\nnginx:x:0:0:::\nwww-data:x:0:0:::\n"
        );
    }
}
