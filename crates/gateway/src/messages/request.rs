//! A client's request, and the head that replicas get for it.
//!
//! If a front that is trusted (nginx on this machine) already speaks for its client, its word stands as it is: behind
//! nginx a replica sees what it would see if nginx spoke to it directly. In all other cases whatever the client claims is
//! dropped, and `X-Forwarded-For`, `-Proto` and `-Host` say what is known here. `Forwarded` (RFC 7239) is handed on or
//! dropped in the same way but never written, so that there is one account and not two.

use std::ops::Range;

use httparse::Status;

use crate::messages::body::Framing;
use crate::messages::head::{Length, Survey, room, write_framing, write_line};
use crate::messages::rules::{
    REQUEST_HEAD_BYTES, Refusal, Role, Target, bad, check_method, check_target, is_host, is_idempotent,
};

/// What is known of whoever asks.
#[derive(Debug)]
pub(crate) struct Asker<'a> {
    pub(crate) address: &'a str,
    /// Its own word on for whom it asks is believed.
    pub(crate) is_trusted: bool,
    /// The host for those that name none, as HTTP/1.0 allows.
    pub(crate) default_host: &'a str,
}

/// A request, by what matters for handing it on.
#[derive(Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "they are independent of each other, and each is asked for once"
)]
pub(crate) struct Request {
    /// Bytes of its head.
    pub(crate) length: usize,
    pub(crate) method: Range<usize>,
    /// As the client wrote it.
    pub(crate) target: Range<usize>,
    pub(crate) framing: Framing,
    pub(crate) is_idempotent: bool,
    pub(crate) is_head: bool,
    /// It is of HTTP/1.0: no chunks, and nothing before the answer.
    pub(crate) is_old: bool,
    /// The connection is there for another one afterwards.
    pub(crate) keeps: bool,
    /// The client sends its body only when it is told to.
    pub(crate) waits: bool,
    /// It may change protocols.
    pub(crate) upgrades: bool,
    pub(crate) takes_trailers: bool,
    pub(crate) has_trailers: bool,
    /// Why no replica sees it.
    pub(crate) refused: Option<Refusal>,
}

impl Request {
    pub(crate) fn has_body(&self) -> bool {
        self.framing != Framing::Length(0)
    }
}

/// Reads the request that `bytes` begin with and writes to `out` what replicas are sent; nothing while its head is not whole.
/// An error is about a request of which the end is not known.
pub(crate) fn read(bytes: &[u8], asker: &Asker<'_>, out: &mut Vec<u8>) -> Result<Option<Request>, Refusal> {
    const TOO_LONG: Refusal = Refusal { status: 431, why: "the head is too long" };
    let mut headers = room();
    let mut parsed = httparse::Request::new(&mut []);
    let length = match parsed.parse_with_uninit_headers(bytes, &mut headers) {
        Ok(Status::Complete(length)) if length <= REQUEST_HEAD_BYTES => length,
        Ok(Status::Complete(_)) | Err(httparse::Error::TooManyHeaders) => return Err(TOO_LONG),
        Ok(Status::Partial) if bytes.len() >= REQUEST_HEAD_BYTES => return Err(TOO_LONG),
        Ok(Status::Partial) => return Ok(None),
        Err(_) => return Err(bad("this is not a request of HTTP/1")),
    };
    let (method, target) = (parsed.method.unwrap_or_default(), parsed.path.unwrap_or_default());
    let is_old = parsed.version == Some(0);
    let survey = Survey::of(parsed.headers);
    let framing = framing(&survey, is_old)?;
    let both = survey.codings > 0 && survey.length != Length::None;
    let place = |part: &str| {
        let start = part.as_ptr() as usize - bytes.as_ptr() as usize;
        start..start + part.len()
    };
    let has_body = framing != Framing::Length(0);
    let upgrade = if is_old || has_body { None } else { survey.upgrade() };
    let mut request = Request {
        length,
        method: place(method),
        target: place(target),
        framing,
        is_idempotent: is_idempotent(method.as_bytes()),
        is_head: method == "HEAD",
        is_old,
        // Of a length beside chunks nobody knows who has read what (RFC 9112, 6.3).
        keeps: survey.stays(is_old) && !both,
        waits: survey.expects && has_body && !is_old,
        upgrades: upgrade.is_some(),
        takes_trailers: survey.takes_trailers && !is_old,
        has_trailers: survey.has_trailers,
        refused: None,
    };
    match check(method.as_bytes(), target.as_bytes(), &survey, is_old) {
        Ok(checked) => write(out, (method, target, &checked), &survey, asker, (framing, upgrade)),
        Err(refusal) => request.refused = Some(refusal),
    }
    Ok(Some(request))
}

/// Where a request ends. If that can be read in two ways it is refused.
fn framing(survey: &Survey<'_>, is_old: bool) -> Result<Framing, Refusal> {
    match (survey.codings, survey.length) {
        (_, Length::Bad) => Err(bad("the length of the body is no number, or several")),
        (0, Length::None) => Ok(Framing::Length(0)),
        (0, Length::Of(length)) => Ok(Framing::Length(length)),
        (1.., Length::None | Length::Of(_)) if is_old => Err(bad("HTTP/1.0 has no transfer encodings")),
        (1.., Length::None | Length::Of(_)) if !survey.ends_in_chunks() => {
            Err(bad("the transfer encoding does not end in chunks"))
        }
        (1.., Length::None | Length::Of(_)) => Ok(Framing::Chunked),
    }
}

/// Refuses what must not be handed on.
fn check(method: &[u8], target: &[u8], survey: &Survey<'_>, is_old: bool) -> Result<Target, Refusal> {
    check_method(method)?;
    let target = check_target(method, target)?;
    match (survey.hosts, survey.host) {
        (0, _) if !is_old => return Err(bad("there is no Host header")),
        (2.., _) => return Err(bad("there is more than one Host header")),
        (_, Some(host)) if !is_host(host) => return Err(bad("the Host header is not a host")),
        (_, _) => {}
    }
    if survey.codings > 1 || survey.codings == 1 && !survey.coding.eq_ignore_ascii_case(b"chunked") {
        return Err(Refusal { status: 501, why: "no transfer encoding but chunked is understood" });
    }
    Ok(target)
}

/// Writes the head for replicas.
fn write(
    out: &mut Vec<u8>,
    (method, target, checked): (&str, &str, &Target),
    survey: &Survey<'_>,
    asker: &Asker<'_>,
    (framing, upgrade): (Framing, Option<&[u8]>),
) {
    out.clear();
    let path = &target[checked.path.clone()];
    let slash = if path.is_empty() || path.starts_with('?') { "/" } else { "" };
    for part in [method, " ", slash, path, " HTTP/1.1\r\n"] {
        out.extend_from_slice(part.as_bytes());
    }
    let named = checked.host.clone().map(|host| target[host].as_bytes());
    let host = named.or(survey.host).unwrap_or(asker.default_host.as_bytes());
    write_line(out, b"Host", host);
    let speaks = survey.is_still_spoken_for();
    for (role, header) in survey.kept() {
        let goes = match role {
            Role::Host | Role::Disguised => true,
            Role::Claim => !asker.is_trusted,
            // The client is told to go on as soon as a replica has the head.
            Role::Expect => survey.expects,
            Role::Plain
            | Role::Connection
            | Role::Hop
            | Role::Te
            | Role::Coding
            | Role::Length
            | Role::Upgrade
            | Role::Trailer
            | Role::Date => false,
        };
        if !goes {
            write_line(out, header.name.as_bytes(), header.value);
        }
    }
    if survey.codings > 0 || survey.length != Length::None {
        write_framing(out, framing);
    }
    match upgrade {
        Some(protocol) => {
            write_line(out, b"Upgrade", protocol);
            out.extend_from_slice(b"Connection: upgrade\r\n");
        }
        // Trailers are handed on, so they are asked for anew.
        None if survey.takes_trailers => out.extend_from_slice(b"TE: trailers\r\nConnection: TE\r\n"),
        None => {}
    }
    if !(asker.is_trusted && speaks) {
        write_line(out, b"X-Forwarded-For", asker.address.as_bytes());
        out.extend_from_slice(b"X-Forwarded-Proto: http\r\n");
        write_line(out, b"X-Forwarded-Host", host);
    }
    out.extend_from_slice(b"Via: 1.1 backlot\r\n\r\n");
}

#[cfg(test)]
mod tests {
    use super::{Asker, Request, read};
    use crate::messages::body::Framing;

    /// What a replica gets for a GET with these lines, without what is always there.
    fn handed(is_trusted: bool, lines: &str) -> Vec<String> {
        let asker = Asker { address: "192.0.2.7", is_trusted, default_host: "127.0.0.1:80" };
        let mut out = Vec::new();
        let request = format!("GET / HTTP/1.1\r\nHost: a\r\n{lines}\r\n");
        let read = read(request.as_bytes(), &asker, &mut out).unwrap().unwrap();
        assert_eq!((read.length, read.refused), (request.len(), None));
        let text = String::from_utf8(out).unwrap();
        let rest = text.strip_prefix("GET / HTTP/1.1\r\nHost: a\r\n").unwrap();
        let rest = rest.strip_suffix("Via: 1.1 backlot\r\n\r\n").unwrap();
        rest.lines().map(str::to_owned).collect()
    }

    const TOLD: [&str; 3] = ["X-Forwarded-For: 192.0.2.7", "X-Forwarded-Proto: http", "X-Forwarded-Host: a"];

    #[test]
    fn what_is_handed_on() {
        for (lines, kept) in [
            ("", &[][..]),
            ("accept:*/*\nX-A:\t b \r\n", &["accept: */*", "X-A: b"][..]),
            (
                "Connection: keep-alive, X-Mine\r\nConnection: x-other\r\nX-Mine: 1\r\nX-Other: 2\r\nX: 3\r\n",
                &["X: 3"],
            ),
            ("Connection: host, content-type, close\r\nContent-Type: a\r\n", &["Content-Type: a"]),
            (
                "Keep-Alive: timeout=5\r\nProxy-Connection: x\r\nProxy-Authorization: y\r\nUpgrade: z\r\nTE: gzip\r\n",
                &[],
            ),
            ("TE: gzip;q=0.5, trailers\r\n", &["TE: trailers", "Connection: TE"]),
            (
                "Connection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n",
                &["Upgrade: websocket", "Connection: upgrade"],
            ),
            ("Connection: upgrade\r\n", &[]),
            ("Connection: upgrade\r\nUpgrade: \r\n", &[]),
            ("Connection: upgrade, http2-settings\r\nUpgrade: h2c\r\nHTTP2-Settings: x\r\n", &[]),
            ("Content-Length: 007\r\nContent-Length: 7\r\n", &["Content-Length: 7"]),
            ("Content-Length: 7\r\nTransfer-Encoding: Chunked\r\n", &["Transfer-Encoding: chunked"]),
            ("Expect: 100-continue\r\nContent-Length: 1\r\n", &["Content-Length: 1"]),
            ("Expect: more\r\n", &["Expect: more"]),
            ("X_Forwarded_For: 10.0.0.1\r\n", &[]),
            ("Connection: X-Forwarded-For\r\nX-Forwarded-For: 10.0.0.1\r\n", &[]),
        ] {
            assert_eq!(handed(true, lines), [kept, &TOLD].concat(), "{lines:?}");
        }
        let claims =
            "X-Forwarded-For: 203.0.113.9\r\nForwarded: for=203.0.113.9\r\nX-Real-IP: 203.0.113.9\r\n";
        assert_eq!(handed(true, claims), claims.lines().collect::<Vec<_>>());
        assert_eq!(handed(false, claims), TOLD);
    }

    #[test]
    fn a_target_without_a_path_asks_for_the_root() {
        let asker = Asker { address: "192.0.2.7", is_trusted: false, default_host: "127.0.0.1:80" };
        for (target, path) in [
            ("http://a", "/"),
            ("http://a#b", "/"),
            ("http://a?b", "/?b"),
            ("http://a?#b", "/?"),
            ("http://a/#b", "/"),
            ("/c#b", "/c"),
        ] {
            let mut out = Vec::new();
            read(format!("GET {target} HTTP/1.1\r\nHost: a\r\n\r\n").as_bytes(), &asker, &mut out).unwrap();
            let line = String::from_utf8(out).unwrap().lines().next().unwrap().to_owned();
            assert_eq!(line, format!("GET {path} HTTP/1.1"), "{target}");
        }
    }

    fn read_alone(text: &str) -> Result<Option<Request>, u16> {
        let asker = Asker { address: "192.0.2.7", is_trusted: true, default_host: "b:80" };
        read(text.as_bytes(), &asker, &mut Vec::new()).map_err(|refusal| refusal.status)
    }

    #[test]
    fn where_a_request_ends_is_clear_or_it_is_refused() {
        for (line, lines, expected) in [
            ("POST / HTTP/1.1", "Content-Length: 3", Ok(Framing::Length(3))),
            ("POST / HTTP/1.1", "Content-Length: 3, 3", Err(400)),
            ("POST / HTTP/1.1", "Content-Length: 3\r\nContent-Length: 4", Err(400)),
            ("POST / HTTP/1.1", "Content-Length: +3", Err(400)),
            ("POST / HTTP/1.1", "Content-Length:", Err(400)),
            ("POST / HTTP/1.1", "Content-Length: 99999999999999999999", Err(400)),
            ("POST / HTTP/1.1", "Transfer-Encoding: chunked", Ok(Framing::Chunked)),
            ("POST / HTTP/1.1", "Transfer-Encoding: chunked, identity", Err(400)),
            ("POST / HTTP/1.1", "Transfer-Encoding: xchunked", Err(400)),
            ("POST / HTTP/1.1", "Transfer-Encoding: gzip, chunked", Err(501)),
            ("POST / HTTP/1.1", "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked", Err(501)),
            ("POST / HTTP/1.0", "Transfer-Encoding: chunked", Err(400)),
            ("GET / HTTP/1.0", "X: 1", Ok(Framing::Length(0))),
            ("GET / HTTP/1.1", "Host: b", Err(400)),
        ] {
            let text = format!("{line}\r\nHost: a\r\n{lines}\r\n\r\n");
            let verdict = read_alone(&text).and_then(|request| {
                let request = request.unwrap();
                request.refused.map_or(Ok(request.framing), |refusal| Err(refusal.status))
            });
            assert_eq!(verdict, expected, "{line} {lines}");
        }
        assert_eq!(read_alone("GET / HTTP/1.1\r\n\r\n").unwrap().unwrap().refused.unwrap().status, 400);
        assert!(read_alone("GET / HTTP/1.1\r\nHost: a\r\n").unwrap().is_none());
        let long = format!("GET /{} HTTP/1.1\r\n", "a".repeat(40_000));
        assert_eq!(read_alone(&long).unwrap_err(), 431);
        let many = format!("GET / HTTP/1.1\r\n{}\r\n", "X: 1\r\n".repeat(1001));
        assert_eq!(read_alone(&many).unwrap_err(), 431);
    }
}
