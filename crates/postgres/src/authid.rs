//! Whether a cluster whose server does not run would let somebody in: its own file of roles tells.
//!
//! The layout is that of PostgreSQL 12 and later: `src/include/storage/bufpage.h`, `access/htup_details.h`,
//! `catalog/pg_authid.h` and `utils/cache/relmapper.c`. What is not understood is not known.

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use md5::Md5;
use sha2::{Digest, Sha256};

/// The catalog of roles, and where its file's name is.
const AUTHID: u32 = 1260;
const MAP: &str = "global/pg_filenode.map";
const MAP_MAGIC: u32 = 0x0059_2717;
/// How a server that was stopped in good order leaves the cluster: all that was committed is in its files.
const SHUT_DOWN: u32 = 1;
/// The larger one of the files that are read.
const MOST_BYTES: u64 = 16 << 20;

/// Whether the server of the cluster in `data` would let `user` in who comes by TCP with `password`; none where that is not
/// known, as the server runs, has crashed, or asks nobody.
pub fn lets_in(data: &Path, user: &str, password: &str) -> Option<bool> {
    let control = read(data, "global/pg_control")?;
    if word(&control, 16)? != SHUT_DOWN || data.join("postmaster.pid").exists() {
        return None;
    }
    let stored = match role(data, user)? {
        Role::Missing => return Some(false),
        Role::Stored(stored) => stored,
    };
    let hba = backlot_files::text(&data.join("pg_hba.conf")).ok()?;
    if !asks_for_password(&hba) {
        return None;
    }
    fits(&stored, user, password)
}

/// Whether somebody who comes to 127.0.0.1 is asked for a password: the first line that is about him decides.
fn asks_for_password(hba: &str) -> bool {
    let lines = hba.lines().map(|line| line.split('#').next().unwrap_or_default());
    let mut methods = lines.filter_map(|line| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let [kind, "all", "all", address, method, ..] = words.as_slice() else { return None };
        let is_here = matches!(*address, "all" | "samehost" | "127.0.0.1/32" | "0.0.0.0/0" | "localhost");
        (is_here && matches!(*kind, "host" | "hostnossl")).then(|| (*method).to_owned())
    });
    methods.next().is_some_and(|method| matches!(method.as_str(), "scram-sha-256" | "md5" | "password"))
}

/// Whether a password is the one that was stored, as `SCRAM-SHA-256$…` or `md5…`.
fn fits(stored: &str, user: &str, password: &str) -> Option<bool> {
    if let Some(hash) = stored.strip_prefix("md5") {
        let own = Md5::new().chain_update(password).chain_update(user).finalize();
        let own = own.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"));
        return Some(hash == own);
    }
    // Others are normalised first.
    if !password.is_ascii() {
        return None;
    }
    let (head, keys) = stored.strip_prefix("SCRAM-SHA-256$")?.split_once('$')?;
    let (iterations, salt) = head.split_once(':')?;
    let (key, _) = keys.split_once(':')?;
    let (salt, key) = (STANDARD.decode(salt).ok()?, STANDARD.decode(key).ok()?);
    let iterations: u32 = iterations.parse().ok()?;
    let salted = stretched(password.as_bytes(), &salt, iterations)?;
    Some(Sha256::digest(hmac(&salted, b"Client Key")?).as_slice() == key)
}

/// PBKDF2 with one block, as in RFC 5802.
fn stretched(password: &[u8], salt: &[u8], iterations: u32) -> Option<[u8; 32]> {
    let mut last = hmac(password, &[salt, &1_u32.to_be_bytes()].concat())?;
    let mut all = last;
    for _ in 1..iterations {
        last = hmac(password, &last)?;
        all.iter_mut().zip(last).for_each(|(all, last)| *all ^= last);
    }
    Some(all)
}

fn hmac(key: &[u8], text: &[u8]) -> Option<[u8; 32]> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).ok()?;
    mac.update(text);
    Some(mac.finalize().into_bytes().into())
}

/// A role of a cluster.
enum Role {
    /// There is none of that name.
    Missing,
    /// What is stored of its password; empty where it has none.
    Stored(String),
}

fn role(data: &Path, user: &str) -> Option<Role> {
    let map = read(data, MAP)?;
    if word(&map, 0)? != MAP_MAGIC {
        return None;
    }
    let entry = (0..usize::try_from(word(&map, 4)?).ok()?).map(|at| 8 + 8 * at);
    let entry = entry.take_while(|at| at + 8 <= map.len()).find(|at| word(&map, *at) == Some(AUTHID))?;
    let heap = read(data, &format!("global/{}", word(&map, entry + 4)?))?;
    let size = usize::from(half(&heap, 18)? & 0xFF00);
    if size < 512 {
        return None;
    }
    for page in heap.chunks_exact(size) {
        let lower = usize::from(half(page, 12)?);
        for at in (24..lower.min(size)).step_by(4) {
            let item = word(page, at)?;
            // One that holds a row.
            if (item >> 15) & 3 != 1 {
                continue;
            }
            let (from, length) = (usize::try_from(item & 0x7FFF).ok()?, usize::try_from(item >> 17).ok()?);
            let row = page.get(from..from + length)?;
            if name_in(row)? == user.as_bytes() && counts(data, row)? {
                return Some(Role::Stored(password_in(row)?));
            }
        }
    }
    Some(Role::Missing)
}

/// Where the columns of a row begin.
fn columns(row: &[u8]) -> Option<&[u8]> {
    row.get(usize::from(*row.get(22)?)..)
}

fn name_in(row: &[u8]) -> Option<&[u8]> {
    columns(row)?.get(4..68)?.split(|byte| *byte == 0).next()
}

/// The eleventh column, behind a number, a name, seven flags and another number.
fn password_in(row: &[u8]) -> Option<String> {
    let (has_nulls, is_there) = (half(row, 20)? & 1 != 0, row.get(24)? & 0b100 != 0);
    if has_nulls && !is_there {
        return Some(String::new());
    }
    let field = columns(row)?.get(80..)?;
    let first = *field.first()?;
    let text = if first & 1 == 1 {
        field.get(1..usize::from(first >> 1))?
    } else {
        let length = word(field, 0)?;
        field.get(4..usize::try_from(length >> 2).ok().filter(|_| length.trailing_zeros() > 1)?)?
    };
    String::from_utf8(text.to_vec()).ok()
}

/// Whether a row is one that a new transaction sees.
fn counts(data: &Path, row: &[u8]) -> Option<bool> {
    let (made, ended, flags) = (word(row, 0)?, word(row, 4)?, half(row, 20)?);
    let has = |bits: u16| flags & bits != 0;
    let is_made = if has(0x0100) { true } else { !has(0x0200) && is_committed(data, made)? };
    // It has never been ended, or only locked, or the end was taken back.
    let is_ended = ended != 0 && !has(0x0800) && !has(0x0080) && (has(0x0400) || is_committed(data, ended)?);
    Some(is_made && !is_ended)
}

fn is_committed(data: &Path, transaction: u32) -> Option<bool> {
    const OF_A_FILE: u32 = 8192 * 32 * 4;
    if transaction < 3 {
        return Some(transaction != 0);
    }
    let log = read(data, &format!("pg_xact/{:04X}", transaction / OF_A_FILE))?;
    let within = transaction % OF_A_FILE;
    let states = log.get(usize::try_from(within / 4).ok()?)?;
    Some((states >> (2 * (within % 4))) & 3 == 1)
}

fn read(data: &Path, name: &str) -> Option<Vec<u8>> {
    backlot_files::bytes(&data.join(name), MOST_BYTES).ok()
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_ne_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

fn half(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_ne_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::{asks_for_password, fits, lets_in};

    /// Both as a server has stored them, for a role `m`.
    const SCRAM: &str = "SCRAM-SHA-256$4096:fmkWPBCNjMQc4G9UT7xxHQ==$6fNlxbhga+wSazN5YRI8KxT119HO/ZhKB8T/ctlO/f0=:uJDznhitEg6JGEyM4dnrIoBnAc+49ZewKotgjR9rPkA=";
    const MD5: &str = "md58bbf3f45673bf67d02e4214911f3417f";

    #[test]
    fn a_password_is_known_by_what_is_stored_of_it() {
        for stored in [SCRAM, MD5] {
            assert_eq!(fits(stored, "m", "pencil"), Some(true), "{stored}");
            assert_eq!(fits(stored, "m", "pen"), Some(false), "{stored}");
        }
        assert_eq!(fits(MD5, "other", "pencil"), Some(false));
        assert_eq!((fits(SCRAM, "m", "é"), fits("unknown", "m", "x")), (None, None));
    }

    #[test]
    fn the_first_line_that_is_about_this_machine_decides_who_is_asked() {
        let local = "local all all trust\n# host all all all trust\n";
        assert!(asks_for_password(&format!("{local}host all all all scram-sha-256\n")));
        assert!(!asks_for_password(&format!(
            "{local}host all all 127.0.0.1/32 trust\nhost all all all md5\n"
        )));
        assert!(!asks_for_password(local));
    }

    #[test]
    fn of_what_is_no_cluster_nothing_is_known() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(lets_in(dir.path(), "postgres", "x"), None);
    }
}
