//! What a service says in the official image's variables.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use backlot_project::{Service, Stack};

use super::DatabaseError;
use crate::container::Container;
use crate::inside::Inside;

/// Variables that the image also takes from a file, by the same name with `_FILE`; Bitnami's image has names of its own.
const FROM_FILES: [&str; 7] = [
    "POSTGRES_PASSWORD",
    "POSTGRES_USER",
    "POSTGRES_DB",
    "POSTGRES_INITDB_ARGS",
    "POSTGRESQL_USERNAME",
    "POSTGRESQL_PASSWORD",
    "POSTGRESQL_DATABASE",
];

/// The variables of a service, with the content of files in the place of their names.
#[derive(Debug)]
pub(super) struct Said {
    pub(super) all: BTreeMap<String, String>,
}

impl Said {
    /// Reads them. One that is empty is as good as unset, to the image.
    pub(super) fn read(service: &Service, stack: &Stack, inside: &Inside) -> Result<Self, DatabaseError> {
        let mut all = Container::of(service, Path::new("/")).dockerfile.variables;
        for (name, value) in &service.environment {
            let value = value.as_deref().or_else(|| stack.given(name));
            all.extend(value.map(|value| (name.clone(), value.to_owned())));
        }
        for name in FROM_FILES {
            let variable = format!("{name}_FILE");
            let Some(path) = all.remove(&variable).filter(|path| !path.is_empty()) else { continue };
            if all.get(name).is_some_and(|value| !value.is_empty()) {
                let (service, at) = (service.name.clone(), service.location.clone());
                return Err(DatabaseError::Both { service, variable: name.to_owned(), at });
            }
            let path = PathBuf::from(path);
            let nothing =
                || std::io::Error::new(std::io::ErrorKind::NotFound, "the service has nothing there");
            let text = inside.find(&path).ok_or_else(nothing).and_then(|found| found.read());
            let text = text.map_err(|source| DatabaseError::SecretFile {
                service: service.name.clone(),
                variable,
                path,
                source,
                at: service.location.clone(),
            })?;
            all.insert(name.to_owned(), text.trim_end_matches('\n').to_owned());
        }
        Ok(Self { all })
    }

    /// The value of a variable, unless it is empty.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.all.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// The first of these that is set.
    pub(super) fn first(&self, names: &[&str]) -> Option<&str> {
        names.iter().find_map(|name| self.get(name))
    }
}
