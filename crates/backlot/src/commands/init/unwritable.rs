//! The error of a file that cannot be written.

use std::io;
use std::path::Path;

use crate::error::CommandError;

pub(super) fn unwritable(path: &Path, error: &io::Error) -> CommandError {
    CommandError::failed(
        "io",
        io::Error::new(error.kind(), format!("cannot write {}: {error}", path.display())),
    )
}
