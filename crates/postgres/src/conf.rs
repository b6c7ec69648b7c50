//! Postgres' own files: `postgresql.conf` and `pg_hba.conf`.

use std::fmt::Write as _;
use std::io;
use std::path::{Path, PathBuf};

/// So deep may files include others: as deep as the server takes it.
const DEPTH: usize = 10;
/// Where the data is, is not for a file to say.
const NOT_ITS: [&str; 1] = ["data_directory"];

/// A file of settings that cannot be read as it is. The messages fit after "cannot".
#[derive(Debug, thiserror::Error)]
pub enum ConfError {
    /// It is not there, or cannot be read.
    #[error("read {}{}", path.display(), named_by.as_deref().map(|by| format!(", which {by} includes")).unwrap_or_default())]
    Read {
        /// The file.
        path: PathBuf,
        /// The file that includes it.
        named_by: Option<String>,
        /// Why.
        source: io::Error,
    },
    /// Files include each other.
    #[error("read {}: files include each other more than {DEPTH} deep", path.display())]
    Deep {
        /// The last one.
        path: PathBuf,
    },
}

/// One line of a file of settings.
enum Line<'t> {
    Setting { name: &'t str, value: String },
    Other,
}

/// `name = value`, `name 'va''lue'  # why`.
fn parse(line: &str) -> Line<'_> {
    let line = line.trim();
    let end = line.find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '$')));
    let (name, rest) = line.split_at(end.unwrap_or(line.len()));
    if name.is_empty() {
        return Line::Other;
    }
    let rest = rest.trim_start();
    let rest = rest.strip_prefix('=').unwrap_or(rest).trim_start();
    let value = match rest.strip_prefix('\'') {
        None => rest.split(|c: char| c == '#' || c.is_whitespace()).next().unwrap_or_default().to_owned(),
        Some(quoted) => unquoted(quoted),
    };
    Line::Setting { name, value }
}

fn unquoted(quoted: &str) -> String {
    let mut value = String::new();
    let mut chars = quoted.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\'' if chars.next_if_eq(&'\'').is_some() => value.push('\''),
            '\'' => break,
            '\\' => value.extend(chars.next()),
            c => value.push(c),
        }
    }
    value
}

/// The settings of a file that includes no others, in their order.
pub fn settings(text: &str) -> Vec<(String, String)> {
    let settings = text.lines().filter_map(|line| match parse(line) {
        Line::Setting { name, value } => Some((name.to_ascii_lowercase(), value)),
        Line::Other => None,
    });
    settings.collect()
}

/// The files of whoever says what is included, by the paths that are theirs.
pub trait ConfFiles {
    /// The text of a file.
    fn read(&self, path: &Path) -> io::Result<String>;

    /// The names of what is in a folder.
    fn list(&self, path: &Path) -> io::Result<Vec<String>>;

    /// Where a file is for the server, if it is elsewhere for that.
    fn outside(&self, path: &Path) -> Option<PathBuf>;
}

/// The text of a file of settings with those that it includes in their places, and the paths in it as the server has them.
/// Where the data is, is left out.
pub fn flatten(path: &Path, files: &dyn ConfFiles) -> Result<String, ConfError> {
    let mut text = String::new();
    Flattening { files, text: &mut text }.file(path, None, 0)?;
    Ok(text)
}

struct Flattening<'a> {
    files: &'a dyn ConfFiles,
    text: &'a mut String,
}

impl Flattening<'_> {
    fn file(&mut self, path: &Path, named_by: Option<&Path>, depth: usize) -> Result<(), ConfError> {
        if depth > DEPTH {
            return Err(ConfError::Deep { path: path.to_owned() });
        }
        let named_by = named_by.map(|by| by.display().to_string());
        let text = self.files.read(path);
        let text = text.map_err(|source| ConfError::Read { path: path.to_owned(), named_by, source })?;
        for line in text.lines() {
            let Line::Setting { name, value } = parse(line) else { continue };
            match name.to_ascii_lowercase().as_str() {
                "include" => self.file(&beside(path, &value), Some(path), depth + 1)?,
                "include_if_exists" => {
                    let included = beside(path, &value);
                    if self.files.read(&included).is_ok() {
                        self.file(&included, Some(path), depth + 1)?;
                    }
                }
                "include_dir" => self.folder(&beside(path, &value), path, depth)?,
                name if NOT_ITS.contains(&name) => {}
                name => {
                    let place =
                        if value.starts_with('/') { self.files.outside(Path::new(&value)) } else { None };
                    let value = place.map_or(value, |place| place.display().to_string());
                    let value = value.replace('\\', "\\\\").replace('\'', "''");
                    // Writing to a `String` cannot fail.
                    let _ = writeln!(self.text, "{name} = '{value}'");
                }
            }
        }
        Ok(())
    }

    fn folder(&mut self, folder: &Path, named_by: &Path, depth: usize) -> Result<(), ConfError> {
        let mut names = self.files.list(folder).map_err(|source| ConfError::Read {
            path: folder.to_owned(),
            named_by: Some(named_by.display().to_string()),
            source,
        })?;
        let is_meant = |name: &String| {
            !name.starts_with('.') && Path::new(name).extension().is_some_and(|extension| extension == "conf")
        };
        names.retain(is_meant);
        names.sort();
        names.iter().try_for_each(|name| self.file(&folder.join(name), Some(named_by), depth + 1))
    }
}

fn beside(file: &Path, named: &str) -> PathBuf {
    file.parent().unwrap_or(Path::new("/")).join(named)
}

/// A `pg_hba.conf` in which whoever comes by TCP, from this machine or any other, shows who he is in this way.
pub fn with_host_auth(text: &str, method: &str) -> String {
    let mut out = String::new();
    for line in text.lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        match words.as_slice() {
            ["host", database, user, address, _method, ..] => {
                let _ = writeln!(out, "host {database} {user} {address} {method}");
            }
            _ => {
                let _ = writeln!(out, "{line}");
            }
        }
    }
    let _ = writeln!(out, "host all all all {method}");
    out
}

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};
    use std::{fs, io};

    use super::{ConfError, ConfFiles, flatten, settings, with_host_auth};

    /// What is at /etc/pg.
    struct Files(PathBuf);

    impl ConfFiles for Files {
        fn read(&self, path: &Path) -> io::Result<String> {
            fs::read_to_string(self.outside(path).ok_or(io::ErrorKind::NotFound)?)
        }

        fn list(&self, path: &Path) -> io::Result<Vec<String>> {
            let entries = fs::read_dir(self.outside(path).ok_or(io::ErrorKind::NotFound)?)?;
            Ok(entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect())
        }

        fn outside(&self, path: &Path) -> Option<PathBuf> {
            Some(self.0.join(path.strip_prefix("/etc/pg").ok()?))
        }
    }

    #[test]
    fn a_file_of_settings_is_read_as_the_server_reads_it() {
        let text = "# no\n\nwork_mem = 64MB # why\n  Max_Connections 33\nsearch_path = 'a, ''b''' # c\npg.x='y'\n= z\n";
        let expected =
            [("work_mem", "64MB"), ("max_connections", "33"), ("search_path", "a, 'b'"), ("pg.x", "y")];
        assert_eq!(settings(text), expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
    }

    #[test]
    fn what_is_included_stands_in_its_place() {
        let dir = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            let path = dir.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, text).unwrap();
        };
        write("conf.d/b.conf", "c = 3\n");
        write("conf.d/a.conf", "b = 2\ninclude '../other.conf'\n");
        write("conf.d/.hidden.conf", "x = 1\n");
        write("conf.d/readme", "x = 1\n");
        write("other.conf", "hba_file = '/etc/pg/hba'\ndata_directory = '/data'\n");
        write("main.conf", "a = '1\\\\'\ninclude_dir = '/etc/pg/conf.d'\ninclude_if_exists 'none'\nd = 4");
        let files = Files(dir.path().to_owned());
        let hba = dir.path().join("hba");
        let expected = format!("a = '1\\\\'\nb = '2'\nhba_file = '{}'\nc = '3'\nd = '4'\n", hba.display());
        assert_eq!(flatten(Path::new("/etc/pg/main.conf"), &files).unwrap(), expected);

        fs::remove_file(dir.path().join("other.conf")).unwrap();
        let error = flatten(Path::new("/etc/pg/main.conf"), &files).unwrap_err().to_string();
        assert_eq!(error, "read /etc/pg/conf.d/../other.conf, which /etc/pg/conf.d/a.conf includes");
        write("loop.conf", "include 'loop.conf'");
        let error = flatten(Path::new("/etc/pg/loop.conf"), &files);
        assert!(matches!(error, Err(ConfError::Deep { .. })), "{error:?}");
    }

    #[test]
    fn everybody_who_comes_by_tcp_shows_who_he_is() {
        let text = "# host all all all x\nlocal all all trust\nhost    all  all  127.0.0.1/32  trust\n";
        let expected = "# host all all all x\nlocal all all trust\nhost all all 127.0.0.1/32 md5\nhost all all all md5\n";
        assert_eq!(with_host_auth(text, "md5"), expected);
    }
}
