//! What `nc` is to the scripts of images that wait for a port, on a machine that has none: this program under that name.

use std::ffi::OsString;
use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream, ToSocketAddrs};
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;
use std::{env, thread};

use crate::exit::Exit;

/// The name.
const NAME: &str = "nc";
/// How long a connection may take, where nothing is said.
const LIMIT: Duration = Duration::from_secs(10);
/// Options with a word that belongs to them.
const WITH: [char; 9] = ['w', 'p', 's', 'i', 'q', 'X', 'x', 'O', 'I'];

/// Does it, if that is what this program is called by.
pub fn run() -> Option<ExitCode> {
    let mut words = env::args_os();
    let name = words.next()?;
    (Path::new(&name).file_name()? == NAME).then(|| match Wish::read(words).map(|wish| wish.fulfil()) {
        Some(Ok(())) => Exit::Done.into(),
        Some(Err(error)) => {
            tell(&format!("nc: {error}"));
            Exit::Failed.into()
        }
        None => {
            tell("nc: only `nc [-z] [-v] [-w SECONDS] HOST PORT` is known here; install netcat");
            Exit::Usage.into()
        }
    })
}

#[derive(Debug, PartialEq, Eq)]
struct Wish {
    /// Whether it is only asked if somebody listens.
    only_asks: bool,
    tells: bool,
    limit: Duration,
    host: String,
    port: u16,
}

impl Wish {
    fn read(words: impl Iterator<Item = OsString>) -> Option<Self> {
        let words: Option<Vec<String>> = words.map(|word| word.into_string().ok()).collect();
        let words = words?;
        let (mut only_asks, mut tells, mut limit, mut plain) = (false, false, LIMIT, Vec::new());
        let mut words = words.iter();
        while let Some(word) = words.next() {
            let Some(options) = word.strip_prefix('-').filter(|options| !options.is_empty()) else {
                plain.push(word.as_str());
                continue;
            };
            let mut letters = options.chars();
            while let Some(letter) = letters.next() {
                match letter {
                    'z' => only_asks = true,
                    'v' => tells = true,
                    'l' | 'u' | 'U' | 'e' | 'c' => return None,
                    letter if WITH.contains(&letter) => {
                        let rest: String = letters.by_ref().collect();
                        let value = if rest.is_empty() { words.next()?.clone() } else { rest };
                        if letter == 'w' {
                            limit = Duration::from_secs(value.parse().ok().filter(|seconds| *seconds > 0)?);
                        }
                    }
                    _ => {}
                }
            }
        }
        let [host, port] = plain.as_slice() else { return None };
        Some(Self { only_asks, tells, limit, host: (*host).to_owned(), port: port.parse().ok()? })
    }

    fn fulfil(&self) -> io::Result<()> {
        let at = format!("{} port {}", self.host, self.port);
        let failed =
            |error: io::Error| io::Error::new(error.kind(), format!("connect to {at} failed: {error}"));
        let mut last = io::Error::new(io::ErrorKind::NotFound, "no such host");
        let mut found = None;
        for address in (self.host.as_str(), self.port).to_socket_addrs().map_err(failed)? {
            match TcpStream::connect_timeout(&address, self.limit) {
                Ok(stream) => {
                    found = Some(stream);
                    break;
                }
                Err(error) => last = error,
            }
        }
        let stream = found.ok_or(last).map_err(failed)?;
        if self.tells {
            tell(&format!("Connection to {at} succeeded!"));
        }
        if self.only_asks { Ok(()) } else { exchange(&stream) }
    }
}

fn tell(line: &str) {
    // Nobody may be there to read it.
    let _ = writeln!(io::stderr(), "{line}");
}

/// What is read here goes there, and the other way round, until they have no more to say.
fn exchange(stream: &TcpStream) -> io::Result<()> {
    let mut there = stream.try_clone()?;
    thread::spawn(move || {
        let _ = io::copy(&mut io::stdin().lock(), &mut there);
        let _ = there.shutdown(Shutdown::Write);
    });
    let (mut here, mut buffer) = (io::stdout().lock(), [0; 8192]);
    let mut stream = stream;
    loop {
        match stream.read(&mut buffer)? {
            0 => return Ok(()),
            bytes => here.write_all(&buffer[..bytes]).and_then(|()| here.flush())?,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::Wish;

    #[test]
    fn what_scripts_ask_is_understood() {
        let read = |line: &str| Wish::read(line.split(' ').map(Into::into));
        let wish = |only_asks, tells, seconds, host: &str, port| {
            Some(Wish { only_asks, tells, limit: Duration::from_secs(seconds), host: host.to_owned(), port })
        };
        assert_eq!(read("-z db 5432"), wish(true, false, 10, "db", 5432));
        assert_eq!(read("-zvw3 db 5432"), wish(true, true, 3, "db", 5432));
        assert_eq!(read("-z -w 1 db 5432"), wish(true, false, 1, "db", 5432));
        assert_eq!(read("db 5432 -z"), wish(true, false, 10, "db", 5432));
        assert_eq!(read("zoo 2181"), wish(false, false, 10, "zoo", 2181));
        for line in ["-l 80", "-z db", "db http", "-uz db 53", "-w 0 db 1"] {
            assert_eq!(read(line), None, "{line}");
        }
    }
}
