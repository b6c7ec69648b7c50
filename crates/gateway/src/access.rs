//! The access log: one line for each request or TCP connection, when it is over.

use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use crate::balancing::replica::ReplicaId;

/// What receives access lines. It is called on the gateway's threads and must not block.
pub type AccessLog = Box<dyn Fn(&AccessLine<'_>) + Send + Sync>;

/// What became of one request or TCP connection.
#[derive(Debug, Clone)]
pub struct AccessLine<'a> {
    /// The endpoint's name.
    pub endpoint: &'a str,
    /// Who asked.
    pub peer: SocketAddr,
    /// What was asked; nothing for a TCP connection.
    pub request: Option<RequestLine<'a>>,
    /// The status that the client was given; 499 if it left before there was one, nothing for a TCP connection.
    pub status: Option<u16>,
    /// Bytes of the response's body (or from the replica) that were handed on.
    pub bytes: u64,
    /// From the request's head to the end of the response.
    pub took: Duration,
    /// Who answered last, if the request reached a replica.
    pub replica: Option<&'a ReplicaId>,
    /// How many replicas (or connections) were tried.
    pub attempts: u32,
}

/// The first line of a request.
#[derive(Debug, Clone, Copy)]
pub struct RequestLine<'a> {
    /// Such as `GET`.
    pub method: &'a str,
    /// Path and query as the client wrote them. A query may hold secrets.
    pub target: &'a str,
    /// Such as `HTTP/1.1`.
    pub version: &'a str,
}

impl fmt::Display for AccessLine<'_> {
    /// Such as `127.0.0.1 "GET /users HTTP/1.1" 200 18 3.2ms web.1`. No part of it can hold a control character.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} ", self.peer.ip())?;
        match &self.request {
            Some(request) => {
                write!(formatter, "\"{} {} {}\"", request.method, request.target, request.version)?;
            }
            None => formatter.write_str("\"connection\"")?,
        }
        match self.status {
            Some(status) => write!(formatter, " {status}")?,
            None => formatter.write_str(" -")?,
        }
        write!(formatter, " {} {:.1}ms", self.bytes, self.took.as_secs_f64() * 1000.0)?;
        match self.replica {
            Some(replica) => write!(formatter, " {replica}")?,
            None => formatter.write_str(" -")?,
        }
        if self.attempts > 1 {
            write!(formatter, " (attempt {})", self.attempts)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{AccessLine, RequestLine};
    use crate::balancing::replica::ReplicaId;
    use std::time::Duration;

    #[test]
    fn a_line_reads_like_a_log() {
        let id = ReplicaId::from("web.1");
        let mut line = AccessLine {
            endpoint: "web:8000",
            peer: "127.0.0.1:5000".parse().unwrap(),
            request: Some(RequestLine { method: "GET", target: "/users?page=2", version: "HTTP/1.1" }),
            status: Some(200),
            bytes: 18,
            took: Duration::from_micros(3200),
            replica: Some(&id),
            attempts: 1,
        };
        assert_eq!(line.to_string(), "127.0.0.1 \"GET /users?page=2 HTTP/1.1\" 200 18 3.2ms web.1");
        line.attempts = 2;
        assert!(line.to_string().ends_with("web.1 (attempt 2)"));
        line.request = None;
        line.status = None;
        line.replica = None;
        line.attempts = 0;
        assert_eq!(line.to_string(), "127.0.0.1 \"connection\" - 18 3.2ms -");
    }
}
