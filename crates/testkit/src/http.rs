//! Asking a server on this machine.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// How long a request may take.
const LIMIT: Duration = Duration::from_secs(20);

/// A port of 127.0.0.1 that is free now, and that no other test of this process was given.
///
/// # Panics
/// When there is none.
pub fn free_port() -> u16 {
    free_ports(1)
}

/// The first of so many such ports in a row.
///
/// # Panics
/// When there are none.
pub fn free_ports(count: u16) -> u16 {
    static GIVEN: Mutex<BTreeSet<u16>> = Mutex::new(BTreeSet::new());
    let is_free = |port| TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok();
    let mut given = GIVEN.lock().unwrap_or_else(PoisonError::into_inner);
    loop {
        let any = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port();
        let row = any..any.saturating_add(count);
        if row.len() == usize::from(count) && row.clone().all(|port| !given.contains(&port) && is_free(port))
        {
            given.extend(row);
            return any;
        }
    }
}

/// The status and body of `GET path` at 127.0.0.1:`port`.
///
/// # Errors
/// When nobody listens, or the answer is none.
pub fn get(port: u16, path: &str) -> Result<(u16, String), String> {
    let told = |error: std::io::Error| error.to_string();
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let mut stream = TcpStream::connect_timeout(&address, LIMIT).map_err(told)?;
    stream.set_read_timeout(Some(LIMIT)).map_err(told)?;
    write!(stream, "GET {path} HTTP/1.1\r\nHost: localhost:{port}\r\nConnection: close\r\n\r\n")
        .map_err(told)?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).map_err(told)?;
    let status = answer.split(' ').nth(1).and_then(|status| status.parse().ok());
    let (_, body) = answer.split_once("\r\n\r\n").ok_or_else(|| format!("no answer: {answer:?}"))?;
    Ok((status.ok_or_else(|| format!("no status: {answer:?}"))?, body.to_owned()))
}

/// The head of the next answer on a connection, in lower case, and its body.
///
/// # Errors
/// When it breaks off.
pub fn read_answer(reader: &mut BufReader<TcpStream>) -> Result<(String, String), String> {
    let told = |error: std::io::Error| format!("in the middle of the answer: {error}");
    let (mut head, mut length) = (String::new(), 0);
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).map_err(told)? == 0 {
            return Err("closed before the answer was whole".into());
        }
        let line = line.trim().to_ascii_lowercase();
        if line.is_empty() {
            break;
        }
        if let Some(value) = line.strip_prefix("content-length:") {
            length = value.trim().parse().map_err(|_| line.clone())?;
        }
        head = head + &line + "\n";
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).map_err(told)?;
    Ok((head, String::from_utf8_lossy(&body).into_owned()))
}
