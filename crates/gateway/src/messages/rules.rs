//! The rules of forwarding: which headers are meant for one connection, which requests are refused, which may be given to
//! another replica, and how much there may be of anything.

use std::ops::Range;

/// A request's head may be this long, as with nginx's usual buffers.
pub(crate) const REQUEST_HEAD_BYTES: usize = 32 * 1024;
/// And a response's.
pub(crate) const RESPONSE_HEAD_BYTES: usize = 256 * 1024;
/// A message has at most so many lines of headers, as with nginx's own limit.
pub(crate) const MAX_HEADERS: usize = 1000;
/// What comes with a chunk but is no content: its extensions, and the trailers behind the last one.
pub(crate) const CHUNK_EXTRA_BYTES: usize = 16 * 1024;
/// A request that reached a replica is given to this many replicas at most. It might be what kills them.
pub(crate) const SENDS: u32 = 3;
/// A request is tried this often in all.
pub(crate) const ATTEMPTS: u32 = 16;

/// What a header is to a proxy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// Nothing: it is handed on as it is.
    Plain,
    /// It names what is meant for one connection.
    Connection,
    /// It is meant for one connection itself (RFC 9110, 7.6.1).
    Hop,
    /// What of transfers the sender understands.
    Te,
    /// How the body is framed, if by chunks.
    Coding,
    /// How the body is framed, if by its length.
    Length,
    /// The protocol to change to.
    Upgrade,
    /// For whom a request is.
    Host,
    /// That the client waits before it sends its body.
    Expect,
    /// That trailers follow.
    Trailer,
    /// When a response was made.
    Date,
    /// It says for whom somebody else asks.
    Claim,
    /// So it does to CGI's heirs, to whom `X_Forwarded_For` is `X-Forwarded-For`.
    Disguised,
}

/// What a header of this name is.
pub(crate) fn role(name: &[u8]) -> Role {
    let is = |known: &str| name.eq_ignore_ascii_case(known.as_bytes());
    match name.len() {
        2 if is("te") => Role::Te,
        4 if is("host") => Role::Host,
        4 if is("date") => Role::Date,
        6 if is("expect") => Role::Expect,
        7 if is("upgrade") => Role::Upgrade,
        7 if is("trailer") => Role::Trailer,
        10 if is("connection") => Role::Connection,
        10 if is("keep-alive") => Role::Hop,
        14 if is("content-length") => Role::Length,
        17 if is("transfer-encoding") => Role::Coding,
        16 if is("proxy-connection") => Role::Hop,
        18 if is("proxy-authenticate") => Role::Hop,
        19 if is("proxy-authorization") => Role::Hop,
        9 | 15..=18 => claim(name),
        _ => Role::Plain,
    }
}

fn claim(name: &[u8]) -> Role {
    const CLAIMS: [&str; 8] = [
        "forwarded",
        "x-real-ip",
        "x-forwarded-for",
        "x-forwarded-host",
        "x-forwarded-port",
        "x-forwarded-proto",
        "x-forwarded-prefix",
        "x-forwarded-server",
    ];
    let same = |(one, known): (&u8, u8)| one.eq_ignore_ascii_case(&known) || (*one == b'_' && known == b'-');
    let is = |known: &&str| known.len() == name.len() && name.iter().zip(known.bytes()).all(same);
    match CLAIMS.iter().any(is) {
        true if name.contains(&b'_') => Role::Disguised,
        true => Role::Claim,
        false => Role::Plain,
    }
}

/// Whether a header may not stand behind a body: what a message is made of is known before it (RFC 9110, 6.5.1).
pub(crate) fn is_barred_behind(name: &[u8]) -> bool {
    const BARRED: [&str; 9] = [
        "authorization",
        "cache-control",
        "content-encoding",
        "content-range",
        "content-type",
        "cookie",
        "max-forwards",
        "set-cookie",
        "www-authenticate",
    ];
    !matches!(role(name), Role::Plain | Role::Date)
        || BARRED.iter().any(|barred| name.eq_ignore_ascii_case(barred.as_bytes()))
}

/// The words of a header that is a list.
pub(crate) fn words(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value.split(|byte| *byte == b',').map(<[u8]>::trim_ascii).filter(|word| !word.is_empty())
}

/// Whether a word in `Connection` is one of its own, and not a header's name. Naming the last three removes nothing: the
/// message would not be the same without them.
pub(crate) fn names_nothing(word: &[u8]) -> bool {
    ["keep-alive", "close", "upgrade", "te", "host", "content-length", "content-type"]
        .iter()
        .any(|known| word.eq_ignore_ascii_case(known.as_bytes()))
}

/// Why a request is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) status: u16,
    pub(crate) why: &'static str,
}

/// Two readers could take it for different things.
pub(crate) const fn bad(why: &'static str) -> Refusal {
    Refusal { status: 400, why }
}

/// Names of methods as nginx takes them: servers behind differ on `get`.
pub(crate) fn check_method(method: &[u8]) -> Result<(), Refusal> {
    let is_usual = |byte: &u8| byte.is_ascii_uppercase() || matches!(byte, b'-' | b'_');
    match method {
        b"CONNECT" => Err(Refusal { status: 405, why: "CONNECT is not offered" }),
        method if method.iter().all(is_usual) => Ok(()),
        _ => Err(bad("a method is written in capital letters")),
    }
}

/// Whether these bytes may stand in a host name, an address and a port.
pub(crate) fn is_host(host: &[u8]) -> bool {
    host.iter().all(|byte| byte.is_ascii_alphanumeric() || b"-._~:[]%!$&'()*+;=".contains(byte))
}

/// A request's target, by its parts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Target {
    /// The host that it names itself, which counts for more than the header (RFC 9112, 3.2.2).
    pub(crate) host: Option<Range<usize>>,
    /// Path and query. Where the path is left out it is a slash.
    pub(crate) path: Range<usize>,
}

/// A target is a path, a URL of the web, or `*` where all of a server is meant (RFC 9112, 3.2).
pub(crate) fn check_target(method: &[u8], target: &[u8]) -> Result<Target, Refusal> {
    // What is behind it is for whoever has the page.
    let end = target.iter().position(|byte| *byte == b'#').unwrap_or(target.len());
    let query = target[..end].iter().position(|byte| *byte == b'?').unwrap_or(end);
    let is_odd = |byte: &u8| matches!(byte, b'<' | b'>');
    if target[..end].iter().any(is_odd) || target[..query].contains(&b'`') {
        return Err(bad("the target has a byte that belongs into no URL"));
    }
    match &target[..end] {
        b"*" if method == b"OPTIONS" => Ok(Target { host: None, path: 0..end }),
        b"*" => Err(bad("only OPTIONS asks for *")),
        [b'/', ..] => Ok(Target { host: None, path: 0..end }),
        _ => {
            let begins = |scheme: &&str| {
                target.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme.as_bytes()))
            };
            let scheme = ["http://", "https://"].into_iter().find(begins);
            let start = scheme.ok_or(bad("the target is neither a path nor a URL of the web"))?.len();
            let length = target[start..end].iter().position(|byte| matches!(byte, b'/' | b'?'));
            let host = start..length.map_or(end, |length| start + length);
            match &target[host.clone()] {
                [] => Err(bad("the target names no host")),
                name if is_host(name) => Ok(Target { path: host.end..end, host: Some(host) }),
                _ => Err(bad("the target names no proper host")),
            }
        }
    }
}

/// How far a request got.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reached {
    /// Not one byte of it was written.
    Nobody,
    /// At least one byte was written to a replica.
    Replica,
}

/// What is left of a request's body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BodyLeft {
    /// All of it (or there is none).
    All,
    /// Something was taken from it, and it is not kept.
    Part,
}

/// Whether doing it twice is the same as doing it once (RFC 9110, 9.2.2).
pub(crate) fn is_idempotent(method: &[u8]) -> bool {
    matches!(method, b"GET" | b"HEAD" | b"OPTIONS" | b"TRACE" | b"PUT" | b"DELETE")
}

/// Whether a request whose attempt failed may be tried again. `sends` counts the attempts that reached a replica.
pub(crate) fn may_repeat(idempotent: bool, body: BodyLeft, reached: Reached, sends: u32) -> bool {
    match (body, reached) {
        (BodyLeft::Part, Reached::Nobody | Reached::Replica) => false,
        (BodyLeft::All, Reached::Nobody) => true,
        (BodyLeft::All, Reached::Replica) => idempotent && sends < SENDS,
    }
}

#[cfg(test)]
mod tests {
    use super::{
        BodyLeft, Reached, Role, SENDS, check_method, check_target, is_barred_behind, is_host, is_idempotent,
        may_repeat, names_nothing, role, words,
    };

    #[test]
    fn what_becomes_of_each_header() {
        for (name, expected) in [
            ("Connection", Role::Connection),
            ("keep-alive", Role::Hop),
            ("Proxy-Connection", Role::Hop),
            ("Proxy-Authenticate", Role::Hop),
            ("Proxy-Authorization", Role::Hop),
            ("TE", Role::Te),
            ("Transfer-Encoding", Role::Coding),
            ("CONTENT-LENGTH", Role::Length),
            ("Upgrade", Role::Upgrade),
            ("Host", Role::Host),
            ("Expect", Role::Expect),
            ("Trailer", Role::Trailer),
            ("Date", Role::Date),
            ("Forwarded", Role::Claim),
            ("X-Real-IP", Role::Claim),
            ("x-forwarded-for", Role::Claim),
            ("X-Forwarded-Host", Role::Claim),
            ("X-Forwarded-Port", Role::Claim),
            ("X-Forwarded-Proto", Role::Claim),
            ("X-Forwarded-Prefix", Role::Claim),
            ("X-Forwarded-Server", Role::Claim),
            ("X_Forwarded_For", Role::Disguised),
            ("x-real_ip", Role::Disguised),
            ("X-Forwarded-Fox", Role::Plain),
            ("X_Mine", Role::Plain),
            ("Content-Type", Role::Plain),
            ("Transfer_Encoding", Role::Plain),
            ("", Role::Plain),
        ] {
            assert_eq!(role(name.as_bytes()), expected, "{name}");
        }
    }

    #[test]
    fn words_of_lists() {
        let found: Vec<_> = words(b" close ,\tX-Mine,, te").collect();
        assert_eq!(found, [&b"close"[..], b"X-Mine", b"te"]);
        for (word, says_so) in [("Close", true), ("host", true), ("content-length", true), ("X-Mine", false)]
        {
            assert_eq!(names_nothing(word.as_bytes()), says_so, "{word}");
        }
    }

    #[test]
    fn what_may_stand_behind_a_body() {
        for (name, barred) in [
            ("X-Sum", false),
            ("Date", false),
            ("Content-Length", true),
            ("Transfer-Encoding", true),
            ("Host", true),
            ("Trailer", true),
            ("Set-Cookie", true),
            ("Authorization", true),
            ("X-Forwarded-For", true),
        ] {
            assert_eq!(is_barred_behind(name.as_bytes()), barred, "{name}");
        }
    }

    #[test]
    fn methods_and_targets() {
        for (method, target, expected) in [
            ("CONNECT", "a:80", Err(405)),
            ("BREW", "/", Ok((None, "/"))),
            ("M-SEARCH", "/", Ok((None, "/"))),
            ("get", "/", Err(400)),
            ("GET1", "/", Err(400)),
            ("OPTIONS", "*", Ok((None, "*"))),
            ("GET", "*", Err(400)),
            ("GET", "index.html", Err(400)),
            ("GET", "/a?b#c", Ok((None, "/a?b"))),
            ("GET", "/a?`", Ok((None, "/a?`"))),
            ("GET", "/`", Err(400)),
            ("GET", "/<b>", Err(400)),
            ("GET", "http://a/", Ok((Some("a"), "/"))),
            ("GET", "HTTPS://a:1/b?c", Ok((Some("a:1"), "/b?c"))),
            ("GET", "http://a?b", Ok((Some("a"), "?b"))),
            ("GET", "http://a", Ok((Some("a"), ""))),
            ("GET", "http:///b", Err(400)),
            ("GET", "http://user@a/", Err(400)),
            ("GET", "ftp://a/", Err(400)),
            ("GET", "//a/b", Ok((None, "//a/b"))),
        ] {
            let checked = check_method(method.as_bytes())
                .and_then(|()| check_target(method.as_bytes(), target.as_bytes()))
                .map(|found| (found.host.map(|host| &target[host]), &target[found.path]))
                .map_err(|refusal| refusal.status);
            assert_eq!(checked, expected, "{method} {target}");
        }
    }

    #[test]
    fn hosts() {
        for host in ["a.test:80", "[::1]:80", ""] {
            assert!(is_host(host.as_bytes()), "{host}");
        }
        for host in ["a b", "a/b", "user@a", "a,b", "a\"", "a?b", "a#b"] {
            assert!(!is_host(host.as_bytes()), "{host}");
        }
    }

    #[test]
    fn what_was_sent_and_is_not_idempotent_is_never_repeated() {
        for sends in 0..5 {
            for body in [BodyLeft::All, BodyLeft::Part] {
                assert!(!may_repeat(false, body, Reached::Replica, sends));
            }
            // What was not sent is always repeated, and what cannot be given again never is.
            for idempotent in [true, false] {
                assert!(may_repeat(idempotent, BodyLeft::All, Reached::Nobody, sends));
                assert!(!may_repeat(idempotent, BodyLeft::Part, Reached::Nobody, sends));
            }
            // A request kills only so many.
            assert_eq!(may_repeat(true, BodyLeft::All, Reached::Replica, sends), sends < SENDS);
        }
        for method in ["GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"] {
            assert!(is_idempotent(method.as_bytes()), "{method}");
        }
        for method in ["POST", "PATCH", "CONNECT", "BREW"] {
            assert!(!is_idempotent(method.as_bytes()), "{method}");
        }
    }
}
