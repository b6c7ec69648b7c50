//! A page for the tests under load: answers every request at once, on a thread for each connection, and dies at once when
//! it is told to stop, in the middle of whatever it does. With `PAGE_DIES` set it dies at start; with `PAGE_POSTS` it writes
//! the first word of each POST to the file of that name before it answers.

#![expect(clippy::print_stdout, reason = "it is a program of its own")]

use std::fs::OpenOptions;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    if std::env::var_os("PAGE_DIES").is_some() {
        return Err("no such table".into());
    }
    let port = std::env::var("PORT")?.parse()?;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))?;
    println!("listening on {port}");
    for stream in listener.incoming() {
        let stream = stream?;
        std::thread::Builder::new().stack_size(64 * 1024).spawn(move || serve(&stream))?;
    }
    Ok(())
}

/// Serves a connection until either end closes it.
fn serve(stream: &TcpStream) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let mut reader = BufReader::new(stream);
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 {
            return Ok(());
        }
        let is_post = line.starts_with("POST");
        let (mut length, mut close) = (0, line.contains("HTTP/1.0"));
        loop {
            let mut header = String::new();
            reader.read_line(&mut header)?;
            let header = header.trim().to_ascii_lowercase();
            if let Some(value) = header.strip_prefix("content-length:") {
                length = value.trim().parse().unwrap_or(0);
            }
            close |= header == "connection: close";
            if header.is_empty() {
                break;
            }
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body)?;
        if is_post && let Some(posts) = std::env::var_os("PAGE_POSTS") {
            let text = String::from_utf8_lossy(&body);
            let word = text.split_whitespace().next().unwrap_or_default();
            let mut file = OpenOptions::new().append(true).create(true).open(posts)?;
            file.write_all(format!("{word}\n").as_bytes())?;
        }
        let answer = format!("{} {length}", std::process::id());
        let mut stream = stream;
        write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{answer}", answer.len())?;
        if close {
            return Ok(());
        }
    }
}
