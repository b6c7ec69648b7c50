//! Answers that the gateway gives itself: short, plain, and with the endpoint's name.

use std::time::Duration;

use backlot_sockets::ConnectError;

use crate::balancing::replica::ReplicaId;
use crate::http::upload::Fault;
use crate::messages::body::Framing;
use crate::messages::date;
use crate::messages::head::write_framing;
use crate::messages::response::{Afterwards, finish};
use crate::messages::rules::{Reached, Refusal};

/// Why an attempt failed, and how far it got.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) cause: Cause,
    pub(crate) reached: Reached,
}

/// Why an attempt failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Cause {
    #[error("{0}")]
    Connect(ConnectError),
    #[error("the connection broke before the answer was whole")]
    Died,
    #[error("the answer is not HTTP")]
    Garbled,
    #[error("it changed protocols unasked")]
    Switched,
    #[error("no answer within {0:?}")]
    Silent(Duration),
    #[error("{0}")]
    Client(Fault),
}

impl Cause {
    /// Whether another replica might do better.
    pub(crate) fn helps_elsewhere(&self) -> bool {
        match self {
            Cause::Connect(error) => error.blames_replica(),
            Cause::Died => true,
            // It answered, if badly; it may still be at work; or it was the client.
            Cause::Garbled | Cause::Switched | Cause::Silent(_) | Cause::Client(_) => false,
        }
    }
}

/// Why a request gets no answer from a replica.
#[derive(Debug)]
pub(crate) enum Trouble {
    /// It must not be handed on.
    Refused(Refusal),
    /// No replica was ready for so long; and what went wrong before, if anything did.
    NoReplica { waited: Duration, last: Option<(ReplicaId, Cause)> },
    /// A replica failed, and the request cannot be given to another one.
    Failed { replica: ReplicaId, cause: Cause },
}

impl Trouble {
    /// The status and its name.
    pub(crate) fn status(&self) -> (u16, &'static str) {
        match self {
            Trouble::Refused(refusal) => match refusal.status {
                405 => (405, "Method Not Allowed"),
                431 => (431, "Request Header Fields Too Large"),
                501 => (501, "Not Implemented"),
                _ => (400, "Bad Request"),
            },
            Trouble::NoReplica { .. } => (503, "Service Unavailable"),
            Trouble::Failed { cause, .. } => match cause {
                Cause::Connect(error) if !error.blames_replica() => (503, "Service Unavailable"),
                Cause::Connect(_) | Cause::Died | Cause::Garbled | Cause::Switched => (502, "Bad Gateway"),
                Cause::Silent(_) => (504, "Gateway Timeout"),
                Cause::Client(Fault::Broken) => (400, "Bad Request"),
                Cause::Client(Fault::Stalled(_)) => (408, "Request Timeout"),
            },
        }
    }

    fn text(&self) -> String {
        match self {
            Trouble::Refused(refusal) => refusal.why.to_owned(),
            Trouble::NoReplica { waited, last: None } => format!("no replica was ready within {waited:?}"),
            Trouble::NoReplica { waited, last: Some((replica, cause)) } => {
                format!("no replica was ready within {waited:?}; last, {replica}: {cause}")
            }
            Trouble::Failed { replica, cause } => format!("{replica}: {cause}"),
        }
    }
}

/// The answer to a request that no replica answers: its head, and its body.
pub(crate) fn answer(
    endpoint: &str,
    trouble: &Trouble,
    is_old: bool,
    afterwards: Afterwards,
) -> (Vec<u8>, String) {
    let (status, reason) = trouble.status();
    let text = format!("{status} {reason}\nendpoint {endpoint}: {}\n", trouble.text());
    let version = if is_old { "1.0" } else { "1.1" };
    let mut head = format!("HTTP/{version} {status} {reason}\r\nContent-Type: text/plain; charset=utf-8\r\n")
        .into_bytes();
    match status {
        503 => head.extend_from_slice(b"Retry-After: 1\r\n"),
        405 => head.extend_from_slice(b"Allow: GET, HEAD, OPTIONS, POST, PUT, PATCH, DELETE\r\n"),
        _ => {}
    }
    write_framing(&mut head, Framing::Length(text.len() as u64));
    date::write(&mut head);
    finish(&mut head, None, afterwards);
    (head, text)
}
