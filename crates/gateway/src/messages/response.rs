//! A replica's response, and the head that the client gets of it.

use httparse::{ParserConfig, Status};

use crate::messages::body::Framing;
use crate::messages::date;
use crate::messages::head::{Length, Survey, room, write_framing, write_line};
use crate::messages::rules::{RESPONSE_HEAD_BYTES, is_barred_behind};

/// A response, by what matters for handing it on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Response {
    /// Bytes of its head.
    pub(crate) length: usize,
    pub(crate) status: u16,
    pub(crate) framing: Framing,
    /// The replica takes another request on the connection afterwards.
    pub(crate) keeps: bool,
    pub(crate) has_trailers: bool,
}

/// What a replica says is not HTTP, or can be read in two ways.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Garbled;

/// What the client is told of the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Afterwards {
    /// It ends.
    Closes,
    /// It is there for another request.
    Stays,
    /// The same to a client of HTTP/1.0, which would not expect it.
    StaysAsked,
}

/// What a response answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Asked {
    /// Only the head was asked for.
    pub(crate) is_head: bool,
    /// The client is of HTTP/1.0.
    pub(crate) is_old: bool,
}

impl Afterwards {
    /// `is_old` is a client of HTTP/1.0.
    pub(crate) fn of(is_old: bool, stays: bool) -> Self {
        match (stays, is_old) {
            (false, _) => Afterwards::Closes,
            (true, false) => Afterwards::Stays,
            (true, true) => Afterwards::StaysAsked,
        }
    }
}

/// Reads the response that `bytes` begin with; nothing while its head is not whole. What the client gets of the head is
/// written to `out`, up to how the body is framed, see [`finish`].
pub(crate) fn read(bytes: &[u8], to: Asked, out: &mut Vec<u8>) -> Result<Option<Response>, Garbled> {
    let mut headers = room();
    let mut parsed = httparse::Response::new(&mut []);
    let config = ParserConfig::default();
    let length = match config.parse_response_with_uninit_headers(&mut parsed, bytes, &mut headers) {
        Ok(Status::Complete(length)) if length <= RESPONSE_HEAD_BYTES => length,
        Ok(Status::Partial) if bytes.len() < RESPONSE_HEAD_BYTES => return Ok(None),
        Ok(Status::Complete(_) | Status::Partial) | Err(_) => return Err(Garbled),
    };
    let status = parsed.code.filter(|status| *status >= 100).ok_or(Garbled)?;
    let is_old = parsed.version == Some(0);
    let survey = Survey::of(parsed.headers);
    let (framing, keeps) = match (status, survey.codings, survey.length) {
        (100..=199 | 204 | 304, _, _) => (Framing::Length(0), true),
        (_, _, _) if to.is_head => (Framing::Length(0), true),
        // HTTP/1.0 has none: whatever it means by it, it is not known where it ends.
        (_, 1.., _) if is_old => return Err(Garbled),
        (_, 1.., _) if survey.ends_in_chunks() => (Framing::Chunked, true),
        (_, 1.., _) | (_, 0, Length::None) => (Framing::Close, false),
        (_, 0, Length::Of(length)) => (Framing::Length(length), true),
        (_, 0, Length::Bad) => return Err(Garbled),
    };
    // Nor is it, if there is a body where none can be, or one whose end is told in two ways.
    let tells_two_ends = survey.codings > 0 && survey.length != Length::None
        || status == 204 && (survey.codings > 0 || !matches!(survey.length, Length::None | Length::Of(0)));
    let keeps = keeps && !tells_two_ends && survey.stays(is_old);
    out.clear();
    let version = if to.is_old { "HTTP/1.0 " } else { "HTTP/1.1 " };
    for part in [version, code(status, &mut [0; 3]), " ", parsed.reason.unwrap_or_default(), "\r\n"] {
        out.extend_from_slice(part.as_bytes());
    }
    let is_interim = status < 200;
    for (_, header) in survey.kept() {
        write_line(out, header.name.as_bytes(), header.value);
    }
    match (status, survey.length) {
        (101, _) => {
            if let Some(protocol) = survey.changed_to() {
                write_line(out, b"Upgrade", protocol);
            }
            out.extend_from_slice(b"Connection: upgrade\r\n");
        }
        // It tells of a body that is not there. Chunks count for more.
        (304, Length::Of(length)) if survey.codings == 0 => write_framing(out, Framing::Length(length)),
        (200.., Length::Of(length)) if to.is_head && survey.codings == 0 && status != 204 => {
            write_framing(out, Framing::Length(length));
        }
        (_, _) => {}
    }
    if !is_interim && !survey.has_date {
        date::write(out);
    }
    Ok(Some(Response { length, status, framing, keeps, has_trailers: survey.has_trailers }))
}

/// A status as text.
fn code(status: u16, room: &mut [u8; 3]) -> &str {
    for (place, unit) in room.iter_mut().zip([100, 10, 1]) {
        // One digit is less than ten.
        *place = b'0' + u8::try_from(status / unit % 10).unwrap_or(0);
    }
    std::str::from_utf8(room).unwrap_or_default()
}

/// Ends a head: how the body is framed (nothing if there is none), and what becomes of the connection.
pub(crate) fn finish(out: &mut Vec<u8>, framing: Option<Framing>, afterwards: Afterwards) {
    if let Some(framing) = framing {
        write_framing(out, framing);
    }
    out.extend_from_slice(match afterwards {
        Afterwards::Closes => b"Connection: close\r\n\r\n",
        Afterwards::Stays => b"\r\n",
        Afterwards::StaysAsked => b"Connection: keep-alive\r\n\r\n",
    });
}

/// Writes what follows the last chunk: those of the lines in `trailers` that may stand there, if anybody wants them, and an
/// empty one.
pub(crate) fn write_trailers(trailers: &[u8], are_wanted: bool, out: &mut Vec<u8>) -> Result<(), Garbled> {
    let mut headers = [httparse::EMPTY_HEADER; 64];
    let trailers = if trailers.is_empty() { b"\r\n" } else { trailers };
    let Ok(Status::Complete((_, headers))) = httparse::parse_headers(trailers, &mut headers) else {
        return Err(Garbled);
    };
    for header in headers.iter().filter(|header| are_wanted && !is_barred_behind(header.name.as_bytes())) {
        write_line(out, header.name.as_bytes(), header.value);
    }
    out.extend_from_slice(b"\r\n");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{Afterwards, Asked, Garbled, finish, read, write_trailers};
    use crate::messages::body::Framing;

    const ASKED: Asked = Asked { is_head: false, is_old: false };

    /// How a response is framed, whether the connection stays, and its lines for the client.
    fn handed(asked: Asked, text: &str) -> Result<(Framing, bool, String), Garbled> {
        let mut out = Vec::new();
        let response = read(format!("{text}\r\n").as_bytes(), asked, &mut out)?.unwrap();
        finish(&mut out, None, Afterwards::Stays);
        let head = String::from_utf8(out).unwrap();
        let lines = head.lines().filter(|line| !line.starts_with("Date: ") && !line.is_empty());
        Ok((response.framing, response.keeps, lines.collect::<Vec<_>>().join("|")))
    }

    #[test]
    fn what_a_client_gets() {
        let (length, close, chunked) = (Framing::Length, Framing::Close, Framing::Chunked);
        for (text, expected) in [
            ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n", Ok((length(5), true, "HTTP/1.1 200 OK"))),
            ("HTTP/1.0 200 Fine\r\nX: 1\n", Ok((close, false, "HTTP/1.1 200 Fine|X: 1"))),
            (
                "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 5\r\n",
                Ok((length(5), true, "HTTP/1.1 200 OK")),
            ),
            (
                "HTTP/1.1 200 OK\r\nConnection: close, x-a\r\nContent-Length: 5\r\nX-A: 1\r\nKeep-Alive: 5\r\n",
                Ok((length(5), false, "HTTP/1.1 200 OK")),
            ),
            (
                "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\nContent-Length: 6\r\n",
                Ok((chunked, false, "HTTP/1.1 200 OK")),
            ),
            (
                "HTTP/1.0 200 OK\r\nConnection: keep-alive, close\r\nContent-Length: 5\r\n",
                Ok((length(5), false, "HTTP/1.1 200 OK")),
            ),
            ("HTTP/1.1 204 No Content\r\n", Ok((length(0), true, "HTTP/1.1 204 No Content"))),
            ("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n", Ok((close, false, "HTTP/1.1 200 OK"))),
            (
                "HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n",
                Ok((length(0), false, "HTTP/1.1 204 No Content")),
            ),
            (
                "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n",
                Ok((length(0), true, "HTTP/1.1 304 Not Modified|Content-Length: 5")),
            ),
            (
                "HTTP/1.1 103 Early Hints\r\nLink: a\r\nConnection: x\r\n",
                Ok((length(0), true, "HTTP/1.1 103 Early Hints|Link: a")),
            ),
            (
                "HTTP/1.1 101 Switching Protocols\r\nUpgrade: echo\r\nConnection: upgrade\r\nContent-Length: 0\r\n",
                Ok((length(0), true, "HTTP/1.1 101 Switching Protocols|Upgrade: echo|Connection: upgrade")),
            ),
            ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n", Err(Garbled)),
            ("HTTP/1.1 200 OK\r\nContent-Length: five\r\n", Err(Garbled)),
            ("HTTP/1.1 099 Less\r\n", Err(Garbled)),
            ("HTTP/2 200\r\n", Err(Garbled)),
            ("HTTP/1.1 200 OK\r\nX-A : 1\r\n", Err(Garbled)),
            ("HTTP/1.1 200 OK\r\nX-A: 1\r\n folded\r\n", Err(Garbled)),
        ] {
            let found = handed(ASKED, text);
            assert_eq!(
                found,
                expected.map(|(framing, keeps, lines)| (framing, keeps, lines.into())),
                "{text:?}"
            );
        }
        let head = Asked { is_head: true, is_old: false };
        let found = handed(head, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n").unwrap();
        assert_eq!(found, (length(0), true, "HTTP/1.1 200 OK|Content-Length: 5".into()));
        let old = handed(Asked { is_head: false, is_old: true }, "HTTP/1.1 200 OK\r\n").unwrap();
        assert_eq!(old.2, "HTTP/1.0 200 OK");
    }

    #[test]
    fn trailers() {
        for (trailers, expected) in [
            ("", Ok("\r\n")),
            ("\r\n", Ok("\r\n")),
            ("x-sum: 1\r\nContent-Length: 5\r\nhost: a\r\n\r\n", Ok("x-sum: 1\r\n\r\n")),
            ("x sum: 1\r\n\r\n", Err(Garbled)),
        ] {
            let mut out = Vec::new();
            let found = write_trailers(trailers.as_bytes(), true, &mut out);
            assert_eq!(found.map(|()| String::from_utf8(out).unwrap()), expected.map(str::to_owned));
        }
    }
}
