//! The forms that a dump comes in, told by its first bytes, and not by its name.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use flate2::read::MultiGzDecoder;
use ruzstd::decoding::StreamingDecoder;

use crate::error::DumpError;

/// As much of the beginning tells what it is: a tar archive says so at its byte 257.
const HEAD: u64 = 512;
const GZIP: &[u8] = b"\x1f\x8b";
const ZSTD: &[u8] = b"\x28\xb5\x2f\xfd";
/// What `pg_dump` does not write, and people pack with.
const OTHERS: [(&[u8], &str); 4] =
    [(b"\xfd7zXZ\0", "xz"), (b"BZh", "bzip2"), (b"\x04\x22\x4d\x18", "lz4"), (b"PK\x03\x04", "zip")];
/// What `pg_dump -Fc` begins with.
const CUSTOM: &[u8] = b"PGDMP";
/// The first file in what `pg_dump -Ft` and `-Fd` write.
const CONTENTS: &str = "toc.dat";

/// What `pg_dump` has written.
#[derive(Debug)]
pub struct Dump {
    pub(crate) file: PathBuf,
    pub(crate) form: Form,
    packed: Packed,
    /// In bytes, as it lies there.
    size: u64,
    /// How much of that was read.
    read: Arc<AtomicU64>,
}

/// How it is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// SQL.
    Plain,
    /// One file, for `pg_restore`.
    Archive,
    /// A folder, for `pg_restore`.
    Folder,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Packed {
    Not,
    Gzip,
    Zstd,
}

impl Dump {
    /// The dump at `file`.
    ///
    /// # Errors
    /// When it cannot be read, or is none.
    pub fn open(file: &Path) -> Result<Self, DumpError> {
        let file = file.to_owned();
        let (form, packed, size) = if file.is_dir() {
            if !file.join(CONTENTS).is_file() {
                return Err(DumpError::NoDump { file, what: "the folder has no toc.dat" });
            }
            (Form::Folder, Packed::Not, 0)
        } else {
            let open = || backlot_files::open(&file);
            let failed = |source| DumpError::Read { file: file.clone(), source };
            let raw = head(open().map_err(failed)?).map_err(failed)?;
            let packed = match () {
                () if raw.starts_with(GZIP) => Packed::Gzip,
                () if raw.starts_with(ZSTD) => Packed::Zstd,
                () => Packed::Not,
            };
            if let Some((_, by)) = OTHERS.iter().find(|(start, _)| raw.starts_with(start)) {
                return Err(DumpError::Packed { file, by });
            }
            let head = head(unpacked(packed, open().map_err(failed)?).map_err(failed)?).map_err(failed)?;
            let form = form_of(&head).map_err(|what| DumpError::NoDump { file: file.clone(), what })?;
            (form, packed, open().and_then(|file| file.metadata()).map_err(failed)?.len())
        };
        Ok(Self { file, form, packed, size, read: Arc::default() })
    }

    /// All of it, unpacked.
    pub(crate) fn reader(&self) -> io::Result<Box<dyn Read + Send>> {
        self.read.store(0, Ordering::Relaxed);
        let file = backlot_files::open(&self.file)?;
        unpacked(self.packed, Counted { file, read: Arc::clone(&self.read) })
    }

    /// Whether `pg_restore` can be told where it is, and need not be handed it.
    pub(crate) fn is_as_it_lies(&self) -> bool {
        self.packed == Packed::Not
    }

    /// Tells how much of it was read, where that is known.
    pub fn how_far(&self) -> impl Fn() -> Option<String> + Send + Sync + use<> {
        let (read, size) = (Arc::clone(&self.read), self.size);
        move || {
            let percent = (read.load(Ordering::Relaxed) * 100).checked_div(size)?;
            (percent > 0).then(|| format!("{percent} % are read"))
        }
    }
}

fn form_of(head: &[u8]) -> Result<Form, &'static str> {
    let is_tar = head.starts_with(CONTENTS.as_bytes()) && head.get(257..262) == Some(b"ustar");
    match () {
        () if head.is_empty() => Err("it is empty"),
        () if head.starts_with(CUSTOM) || is_tar => Ok(Form::Archive),
        () if head.get(257..262) == Some(b"ustar") => Err("it is an archive of something else"),
        () if head.contains(&0) => Err("it is no text"),
        () => Ok(Form::Plain),
    }
}

fn head(from: impl Read) -> io::Result<Vec<u8>> {
    let mut head = Vec::new();
    from.take(HEAD).read_to_end(&mut head)?;
    Ok(head)
}

fn unpacked(packed: Packed, file: impl Read + Send + 'static) -> io::Result<Box<dyn Read + Send>> {
    let file = BufReader::with_capacity(1 << 16, file);
    Ok(match packed {
        Packed::Not => Box::new(file),
        Packed::Gzip => Box::new(MultiGzDecoder::new(file)),
        Packed::Zstd => Box::new(Frames::Between(file).begun()?),
    })
}

struct Counted {
    file: File,
    read: Arc<AtomicU64>,
}

impl Read for Counted {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let count = self.file.read(into)?;
        self.read.fetch_add(count as u64, Ordering::Relaxed);
        Ok(count)
    }
}

/// What zstd has packed: one frame after another.
enum Frames<R: Read> {
    In(Box<StreamingDecoder<R, ruzstd::decoding::FrameDecoder>>),
    Between(R),
    Over,
}

impl<R: io::BufRead> Frames<R> {
    /// In the next frame, if there is one.
    fn begun(self) -> io::Result<Self> {
        let Self::Between(mut rest) = self else { return Ok(self) };
        if rest.fill_buf()?.is_empty() {
            return Ok(Self::Over);
        }
        let decoder = StreamingDecoder::new(rest);
        Ok(Self::In(Box::new(
            decoder.map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error.to_string()))?,
        )))
    }
}

impl<R: io::BufRead> Read for Frames<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        while let Self::In(decoder) = self {
            let count = decoder.read(into)?;
            if count > 0 || into.is_empty() {
                return Ok(count);
            }
            if let Self::In(decoder) = std::mem::replace(self, Self::Over) {
                *self = Self::Between(decoder.into_inner()).begun()?;
            }
        }
        Ok(0)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::{Read, Write};

    use flate2::Compression;
    use flate2::write::GzEncoder;
    use ruzstd::encoding::{CompressionLevel, compress_to_vec};

    use super::{Dump, DumpError, Form};

    fn gzipped(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn zstd(bytes: &[u8]) -> Vec<u8> {
        compress_to_vec(bytes, CompressionLevel::Fastest)
    }

    #[test]
    fn the_form_is_told_by_what_is_in_it() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("dump");
        let sql = b"-- a\nSELECT 1;\n".repeat(9000);
        let two = [zstd(&sql[..70]), zstd(&sql[70..])].concat();
        for packed in [sql.clone(), gzipped(&sql), zstd(&sql), two] {
            fs::write(&file, packed).unwrap();
            let dump = Dump::open(&file).unwrap();
            assert_eq!(dump.form, Form::Plain);
            let mut all = Vec::new();
            dump.reader().unwrap().read_to_end(&mut all).unwrap();
            assert!(all == sql);
            assert_eq!(dump.how_far()().as_deref(), Some("100 % are read"));
        }
        fs::write(&file, gzipped(b"PGDMP\x01\x0e\0")).unwrap();
        assert_eq!(Dump::open(&file).unwrap().form, Form::Archive);
    }

    #[test]
    fn what_is_no_dump_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("dump");
        let error = |bytes: &[u8]| {
            fs::write(&file, bytes).unwrap();
            Dump::open(&file).unwrap_err().to_string()
        };
        assert!(error(b"").ends_with("it is empty"));
        assert!(error(&gzipped(b"")).ends_with("it is empty"));
        assert!(error(b"\x7fELF\0\0").ends_with("it is no text"));
        assert!(error(b"BZh91AY").ends_with("is packed by bzip2"));
        assert!(error(&[&b"x/y"[..], &[0; 254], b"ustar"].concat()).ends_with("of something else"));
        assert!(Dump::open(dir.path()).unwrap_err().to_string().ends_with("the folder has no toc.dat"));
        assert!(matches!(Dump::open(&dir.path().join("no")), Err(DumpError::Read { .. })));
    }
}
