use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::write::GzEncoder;
use tempfile::TempDir;

use super::{Limits, unpack, within};

/// An entry by its raw path, which the crate itself would not write.
fn entry(path: &str, kind: tar::EntryType, mode: u32, content: &[u8]) -> Vec<u8> {
    let mut header = tar::Header::new_ustar();
    header.as_old_mut().name[..path.len()].copy_from_slice(path.as_bytes());
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_size(content.len() as u64);
    if kind == tar::EntryType::Symlink || kind == tar::EntryType::Link {
        header.set_link_name("/etc/passwd").unwrap();
    }
    header.set_cksum();
    let mut bytes = header.as_bytes().to_vec();
    bytes.extend(content);
    bytes.resize(bytes.len().next_multiple_of(512), 0);
    bytes
}

fn file(path: &str, content: &[u8]) -> Vec<u8> {
    entry(path, tar::EntryType::Regular, 0o644, content)
}

fn tarball(dir: &Path, entries: &[Vec<u8>]) -> PathBuf {
    let path = dir.join("package.tgz");
    let mut gzip = GzEncoder::new(fs::File::create(&path).unwrap(), Compression::fast());
    for entry in entries {
        gzip.write_all(entry).unwrap();
    }
    gzip.write_all(&[0; 1024]).unwrap();
    gzip.finish().unwrap();
    path
}

fn try_out(archive: &Path, dir: &Path) -> Result<(), String> {
    let limits = Limits { bytes: 100_000, entries: 10, path: 60 };
    unpack(archive, "p@1", &dir.join("out/in"), limits).map_err(|error| error.to_string())
}

fn stage() -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("out")).unwrap();
    dir
}

#[test]
fn what_is_in_order_comes_out_as_it_was() {
    let dir = stage();
    let program = entry("package/bin/postgres", tar::EntryType::Regular, 0o6711, b"elf");
    let folder = entry("package/empty/", tar::EntryType::Directory, 0o700, b"");
    let archive = tarball(dir.path(), &[program, folder, file("./package/share/x", b"text")]);
    try_out(&archive, dir.path()).unwrap();
    let at = |path: &str| dir.path().join("out/in").join(path);
    let mode = |path: &str| fs::metadata(at(path)).unwrap().permissions().mode() & 0o7777;
    assert_eq!(fs::read(at("package/share/x")).unwrap(), b"text");
    // Nobody else's bits, and nothing that would run as somebody else.
    assert_eq!(
        [mode("package/bin/postgres"), mode("package/empty"), mode("package/share/x"), mode("package")],
        [0o755, 0o755, 0o644, 0o755]
    );
}

#[test]
fn hostile_tarballs_are_refused_and_nothing_gets_out() {
    let kinds = [
        tar::EntryType::Symlink,
        tar::EntryType::Link,
        tar::EntryType::Char,
        tar::EntryType::Block,
        tar::EntryType::Fifo,
    ];
    let mut cases: Vec<(Vec<Vec<u8>>, &str)> = kinds
        .iter()
        .map(|kind| (vec![entry("package/x", *kind, 0o644, b"")], "\"package/x\" in it is "))
        .collect();
    for path in ["../escape", "/escape", "package/../../escape", "..", "a\\b"] {
        cases.push((vec![file(path, b"x")], "it would put something at "));
    }
    cases.push((vec![file(&"long/".repeat(15), b"")], "it would put something at "));
    cases.push((vec![file("a", b"1"), file("a", b"2")], "it holds \"a\" twice"));
    cases.push((vec![file("a", b"1"), file("a/b", b"2")], "in it is a file and a folder"));
    cases.push(((0..11).map(|n| file(&n.to_string(), b"")).collect(), "it holds too many files"));
    cases.push((vec![file("big", &vec![0; 100_001])], "it is too large unpacked"));
    cases.push((
        vec![file("half", &vec![1; 60_000]), file("more", &vec![1; 60_000])],
        "it is too large unpacked",
    ));
    for (entries, expected) in cases {
        let dir = stage();
        let error = try_out(&tarball(dir.path(), &entries), dir.path()).unwrap_err();
        assert!(error.starts_with("the package p@1 is not what it should be: "), "{error}");
        assert!(error.contains(expected), "{error} is not about {expected}");
        let outside: Vec<_> =
            fs::read_dir(dir.path().join("out")).unwrap().map(|entry| entry.unwrap().path()).collect();
        assert_eq!(outside, [dir.path().join("out/in")]);
        assert!(!dir.path().join("escape").exists());
    }
}

#[test]
fn what_is_no_archive_or_only_half_of_one_is_refused() {
    let dir = stage();
    let whole = fs::read(tarball(dir.path(), &[file("a", &vec![7; 50_000])])).unwrap();
    for (name, content) in [
        ("x.tgz", &b"<html>not found</html>"[..]),
        ("x.tgz", &whole[..whole.len() / 2]),
        ("x.whl", &whole),
        ("x.whl", b""),
    ] {
        let dir = stage();
        let archive = dir.path().join(name);
        fs::write(&archive, content).unwrap();
        let error = try_out(&archive, dir.path()).unwrap_err();
        assert!(error.contains("it cannot be read") || error.contains("not as long as it says"), "{error}");
    }
}

/// Zeros shrink a thousandfold.
#[test]
fn a_bomb_is_not_unpacked_to_its_end() {
    let dir = stage();
    let archive = tarball(dir.path(), &[file("bomb", &vec![0; 50_000_000])]);
    assert!(fs::metadata(&archive).unwrap().len() < 1_000_000);
    assert!(try_out(&archive, dir.path()).unwrap_err().contains("too large"));
}

fn wheel(dir: &Path, entries: &[(&str, Option<u32>, &[u8])]) -> PathBuf {
    let path = dir.join("package.whl");
    let mut archive = zip::ZipWriter::new(fs::File::create(&path).unwrap());
    for (name, mode, content) in entries {
        let mut options = zip::write::SimpleFileOptions::default();
        if let Some(mode) = mode {
            options = options.unix_permissions(*mode);
        }
        archive.start_file(*name, options).unwrap();
        archive.write_all(content).unwrap();
    }
    archive.finish().unwrap();
    path
}

#[test]
fn wheels_are_as_little_believed() {
    let dir = stage();
    let archive = wheel(dir.path(), &[("p/bin/psql", Some(0o755), b"elf"), ("p/x", None, b"text")]);
    try_out(&archive, dir.path()).unwrap();
    let mode =
        |path: &str| fs::metadata(dir.path().join("out/in").join(path)).unwrap().permissions().mode() & 0o777;
    assert_eq!([mode("p/bin/psql"), mode("p/x")], [0o755, 0o644]);

    for path in ["../escape", "/escape", "p/../../escape"] {
        let dir = stage();
        let error = try_out(&wheel(dir.path(), &[(path, None, b"x")]), dir.path()).unwrap_err();
        assert!(error.contains("it would put something at"), "{error}");
        assert!(!dir.path().join("escape").exists() && !dir.path().join("out/escape").exists());
    }
    let dir = stage();
    let big = vec![0; 200_000];
    let error = try_out(&wheel(dir.path(), &[("big", None, &big)]), dir.path()).unwrap_err();
    assert!(error.contains("too large"), "{error}");
    let dir = stage();
    let path = dir.path().join("package.whl");
    let mut archive = zip::ZipWriter::new(fs::File::create(&path).unwrap());
    archive.add_symlink("link", "/etc/passwd", zip::write::SimpleFileOptions::default()).unwrap();
    archive.finish().unwrap();
    assert!(try_out(&path, dir.path()).unwrap_err().contains("\"link\" in it is a link"));
}

#[test]
fn paths_stay_within() {
    for (path, expected) in [
        ("a/b", Some("a/b")),
        ("./a", Some("a")),
        ("a//b/", Some("a/b")),
        ("a/./b", Some("a/b")),
        (".", None),
        ("", None),
        ("a/..", None),
        ("a\0b", None),
        ("a\nb", None),
    ] {
        assert_eq!(within(path, 512), expected.map(PathBuf::from), "{path:?}");
    }
    assert_eq!(within(&"n".repeat(256), 512), None);
}
