//! What a service's command tells the server, and files of settings that it names.

use std::cell::RefCell;
use std::io;
use std::path::{Path, PathBuf};

use backlot_postgres::{ConfFiles, flatten, settings_in};
use backlot_project::Service;

use super::DatabaseError;
use crate::image::server_words;
use crate::inside::Inside;
use crate::storage::places;

/// Settings that name files of the server, and how these are called where the data is.
const FILES: [(&str, &str); 3] =
    [("config_file", "postgresql.conf"), ("hba_file", "pg_hba.conf"), ("ident_file", "pg_ident.conf")];
/// The same for keys and certificates; what the service does not mount is where this machine may have it.
const KEYS: [(&str, &str); 5] = [
    ("ssl_cert_file", "server.crt"),
    ("ssl_key_file", "server.key"),
    ("ssl_ca_file", "root.crt"),
    ("ssl_crl_file", "root.crl"),
    ("ssl_dh_params_file", "dhparams.pem"),
];

/// A file of the server's own that the project has, to be put where the server can read it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfFile {
    /// The setting that names it: `config_file`.
    pub setting: &'static str,
    /// Its text, with all that it includes.
    pub text: String,
}

/// The settings in a command such as `postgres -c work_mem=64MB --max_connections=200 -N 50`.
pub(super) fn settings(service: &Service) -> Result<Vec<(String, String)>, DatabaseError> {
    let words = server_words(service);
    let refused = |argument: &str| DatabaseError::Command {
        service: service.name.clone(),
        command: words.join(" "),
        argument: argument.to_owned(),
        at: service.location.clone(),
    };
    let mut arguments = words.iter().map(String::as_str);
    let mut settings = Vec::new();
    while let Some(argument) = arguments.next() {
        let (flag, attached) = match argument {
            _ if argument.starts_with("--") => ("-c", Some(&argument[2..])),
            _ if argument.starts_with('-') && argument.is_char_boundary(2) => {
                (&argument[..2], Some(&argument[2..]).filter(|rest| !rest.is_empty()))
            }
            _ => return Err(refused(argument)),
        };
        let switch = match flag {
            "-F" => Some(("fsync", "off")),
            "-l" => Some(("ssl", "on")),
            "-i" => Some(("listen_addresses", "*")),
            _ => None,
        };
        if let Some((name, value)) = switch {
            settings.push((name.to_owned(), value.to_owned()));
            continue;
        }
        let value = attached.or_else(|| arguments.next()).ok_or_else(|| refused(argument))?;
        let (name, value) = match flag {
            "-c" => value.split_once('=').ok_or_else(|| refused(value))?,
            "-N" => ("max_connections", value),
            "-B" => ("shared_buffers", value),
            "-S" => ("work_mem", value),
            "-p" => ("port", value),
            "-h" => ("listen_addresses", value),
            "-k" => ("unix_socket_directories", value),
            "-D" => ("data_directory", value),
            _ => return Err(refused(argument)),
        };
        settings.push((name.trim().replace('-', "_").to_ascii_lowercase(), value.to_owned()));
    }
    Ok(settings)
}

/// Takes the settings that name files out of `settings`, and reads the files: those, or what is mounted over the ones where
/// the data is. With the paths of all that was read for the first.
pub(super) fn take_files(
    settings: &mut Vec<(String, String)>,
    service: &Service,
    inside: &Inside,
    major: Option<u32>,
) -> Result<(Vec<ConfFile>, Vec<PathBuf>), DatabaseError> {
    let told = settings.iter().find(|(name, _)| name == "data_directory").map(|(_, path)| path.clone());
    let places = places(service, major, told.as_deref());
    let mut files = Vec::new();
    let reading = Reading { inside, read: RefCell::default() };
    for (setting, name) in FILES {
        let named = settings.iter().rfind(|(each, _)| each == setting).map(|(_, path)| PathBuf::from(path));
        settings.retain(|(each, _)| each != setting);
        let own = |path: &Path| {
            path.file_name().is_some_and(|file| file == name)
                && path.parent().is_some_and(|dir| places.contains(&dir.to_path_buf()))
        };
        let path = match named {
            // The one that `initdb` makes.
            Some(path) if own(&path) && !inside.is_file(&path) => continue,
            Some(path) => path,
            None => match places.iter().map(|place| place.join(name)).find(|path| inside.is_mounted(path)) {
                Some(path) => path,
                None => continue,
            },
        };
        let read = if setting == "config_file" {
            flatten(&path, &reading)
        } else {
            inside.read(&path).map_err(|source| backlot_postgres::ConfError::Read {
                path,
                named_by: None,
                source,
            })
        };
        let text = read.map_err(|source| DatabaseError::Conf {
            service: service.name.clone(),
            setting,
            source: Box::new(source),
            at: service.location.clone(),
        })?;
        files.push(ConfFile { setting, text });
    }
    for (setting, name) in KEYS {
        let path = match effective(setting, settings, &files) {
            Some(path) => places.iter().map(|place| place.join(&path)).find(|path| inside.is_file(path)),
            None => places.iter().map(|place| place.join(name)).find(|path| inside.is_mounted(path)),
        };
        // One that is no text is used where it is.
        let Some(text) = path.and_then(|path| inside.read(&path).ok()) else { continue };
        settings.retain(|(each, _)| each != setting);
        files.push(ConfFile { setting, text });
    }
    Ok((files, reading.read.into_inner()))
}

/// What is inside of a service, and what of it has been read.
struct Reading<'i> {
    inside: &'i Inside,
    read: RefCell<Vec<PathBuf>>,
}

impl ConfFiles for Reading<'_> {
    fn read(&self, path: &Path) -> io::Result<String> {
        self.read.borrow_mut().push(path.to_owned());
        self.inside.read(path)
    }

    fn list(&self, path: &Path) -> io::Result<Vec<String>> {
        ConfFiles::list(self.inside, path)
    }

    fn outside(&self, path: &Path) -> Option<PathBuf> {
        self.inside.outside(path)
    }
}

/// Whether a path is one of which the server is given a copy: a mount that holds it is of use.
pub(super) fn is_given(target: &Path, settings: &[(String, String)], files: &[ConfFile]) -> bool {
    let named = FILES.iter().chain(&KEYS).filter_map(|(setting, _)| effective(setting, settings, files));
    named.map(PathBuf::from).any(|path| path.starts_with(target))
}

/// The value that the server would take for a setting: that of the command, else that of a file.
pub(super) fn effective(name: &str, settings: &[(String, String)], files: &[ConfFile]) -> Option<String> {
    let of_command = settings.iter().rfind(|(each, _)| each == name).map(|(_, value)| value.clone());
    of_command.or_else(|| {
        let file = files.iter().find(|file| file.setting == "config_file")?;
        settings_in(&file.text).into_iter().rfind(|(each, _)| each == name).map(|(_, value)| value)
    })
}
