//! The name of a template: the hash of all that made it.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use backlot_postgres::{ClusterSpec, Durability, Init, Installation, StorageError};
use backlot_process::Owner;
use secrecy::ExposeSecret;
use sha2::{Digest, Sha256};

/// Changes whenever templates are made differently, so that old ones are not taken for new ones.
const FORMAT: &str = "2";

/// The version and 16 hexadecimal digits. The password takes part only through the hash.
pub(crate) fn key(installation: &Installation, spec: &ClusterSpec, owner: &Owner) -> io::Result<String> {
    let mut hash = Hash(Sha256::new());
    hash.add(FORMAT);
    hash.add(&installation.version.to_string());
    for program in ["postgres", "initdb"] {
        // A rebuilt server of the same version may lay out its catalogs differently.
        let metadata = fs::metadata(installation.program(program))?;
        hash.add(&format!("{} {}.{}", metadata.len(), metadata.mtime(), metadata.mtime_nsec()));
    }
    Ok(format!("{}-{}", installation.version, of_wishes(hash, spec, owner)))
}

/// The same for what `init` has filled with a server of these settings.
pub(crate) fn filled_key(
    installation: &Installation,
    spec: &ClusterSpec,
    owner: &Owner,
    init: &Init,
) -> Result<String, StorageError> {
    let made = key(installation, spec, owner).map_err(StorageError::at("look at", &installation.bin_dir))?;
    let mut hash = Hash(Sha256::new());
    hash.add(&made);
    hash.0.update(init.hash()?);
    hash.add(&spec.databases.join("\0"));
    for (name, value) in &spec.settings {
        hash.add(name);
        // A file of settings is somewhere else for each environment; its name tells what is in it.
        let path = Path::new(value);
        let name = if path.is_absolute() { path.file_name().and_then(|name| name.to_str()) } else { None };
        hash.add(name.unwrap_or(value));
    }
    Ok(format!("{}-{}", installation.version, digits(hash)))
}

fn of_wishes(mut hash: Hash, spec: &ClusterSpec, owner: &Owner) -> String {
    hash.add(&owner.uid().to_string());
    hash.add(&spec.superuser);
    hash.add(spec.password.expose_secret());
    hash.add(spec.host_auth.as_deref().unwrap_or_default());
    hash.add(spec.timezone.as_deref().unwrap_or_default());
    hash.add(match spec.durability {
        Durability::Ephemeral => "ephemeral",
        Durability::Durable => "durable",
    });
    for list in [spec.databases_to_make(), spec.initdb_args.iter().map(String::as_str).collect()] {
        hash.add(&list.len().to_string());
        for each in list {
            hash.add(each);
        }
    }
    digits(hash)
}

fn digits(hash: Hash) -> String {
    let digits = hash.0.finalize();
    let mut first = [0; 8];
    first.copy_from_slice(&digits[..8]);
    format!("{:016x}", u64::from_be_bytes(first))
}

struct Hash(Sha256);

impl Hash {
    /// The length goes first, so that no two lists of parts look the same.
    fn add(&mut self, part: &str) {
        self.0.update(part.len().to_le_bytes());
        self.0.update(part);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use backlot_process::Owner;
    use sha2::{Digest, Sha256};

    use super::{Hash, of_wishes};
    use crate::{ClusterSpec, Durability};

    fn spec() -> ClusterSpec {
        ClusterSpec {
            superuser: "user".into(),
            password: "secret".to_owned().into(),
            host_auth: None,
            timezone: None,
            databases: vec!["application".into()],
            initdb_args: Vec::new(),
            durability: Durability::Ephemeral,
            settings: Vec::new(),
        }
    }

    fn hash(spec: &ClusterSpec) -> String {
        of_wishes(Hash(Sha256::new()), spec, &Owner::Caller)
    }

    #[test]
    fn changes_with_all_that_makes_a_template() {
        let one = spec();
        let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
        let different = [
            ClusterSpec { superuser: "user2".into(), ..one.clone() },
            ClusterSpec { password: "secret2".to_owned().into(), ..one.clone() },
            ClusterSpec { superuser: "users".into(), password: "ecret".to_owned().into(), ..one.clone() },
            ClusterSpec { databases: words(&["a", "b"]), ..one.clone() },
            ClusterSpec { databases: words(&["a"]), initdb_args: words(&["b"]), ..one.clone() },
            ClusterSpec { databases: words(&["ab"]), ..one.clone() },
            ClusterSpec { initdb_args: words(&["--data-checksums"]), ..one.clone() },
            ClusterSpec { durability: Durability::Durable, ..one.clone() },
            ClusterSpec { host_auth: Some("md5".into()), ..one.clone() },
            ClusterSpec { timezone: Some("Europe/Berlin".into()), ..one.clone() },
            one,
        ];
        let hashes: BTreeSet<String> = different.iter().map(hash).collect();
        assert_eq!(hashes.len(), different.len());
        assert!(hashes.iter().all(|hash| hash.len() == 16));
    }

    #[test]
    fn stays_with_what_only_a_start_needs() {
        let settings = vec![("work_mem".into(), "1GB".into())];
        let databases = vec!["application".into(), "postgres".into(), "application".into()];
        assert_eq!(hash(&ClusterSpec { databases, settings, ..spec() }), hash(&spec()));
    }
}
