//! What a client speaks, by its first bytes. Pure.

/// So many bytes without the end of a line are no reason to wait for it.
const LONG: usize = 8 * 1024;
/// Longer than the name of any method.
const LONGEST_METHOD: usize = 32;

/// What bytes at the beginning of a connection are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Protocol {
    /// A request of HTTP/1, or what nearly is one and has to be refused as such.
    Http,
    /// Something else.
    Other,
    /// Too few to tell; it would be a request as far as it goes.
    Likely,
    /// Too few to tell anything.
    Unclear,
}

/// What begins a connection of HTTP/2.
const HTTP2: &[u8] = b"PRI * HTTP/2.0\r\n";

/// Without the empty lines that may come before a request (RFC 9112, 2.2).
fn begun(bytes: &[u8]) -> &[u8] {
    let start = bytes.iter().position(|byte| !matches!(byte, b'\r' | b'\n')).unwrap_or(bytes.len());
    &bytes[start..]
}

/// Whether `bytes` begin with text: where only HTTP/1 is spoken, they are a bad request and nothing else.
pub(crate) fn is_text(bytes: &[u8]) -> bool {
    let bytes = begun(bytes);
    bytes.first().is_some_and(|byte| matches!(byte, b' '..=b'~')) && !bytes.starts_with(HTTP2)
}

/// What `bytes` are the beginning of: `GET /users HTTP/1.1`, or anything else (TLS, HTTP/2, SMTP …). A line that names HTTP
/// but has it wrong (`GET / HTTP/1.1 `) is not handed on: the replica might take it for a request that nobody has looked at.
pub(crate) fn of(bytes: &[u8]) -> Protocol {
    let bytes = begun(bytes);
    match of_request(bytes) {
        Protocol::Other if names_http(bytes) => Protocol::Http,
        protocol => protocol,
    }
}

/// Whether the first line has a word that begins like HTTP's version.
fn names_http(bytes: &[u8]) -> bool {
    let line = bytes.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let mut words = line.split(|byte| matches!(byte, b' ' | b'\t')).skip(1);
    !bytes.starts_with(HTTP2)
        && words.any(|word| word.get(..5).is_some_and(|start| start.eq_ignore_ascii_case(b"HTTP/")))
}

/// What a line is by the rules.
fn of_request(bytes: &[u8]) -> Protocol {
    let is_of_method = |byte: &u8| byte.is_ascii_uppercase() || *byte == b'-';
    let method = bytes.iter().take_while(|byte| is_of_method(byte)).count();
    if method == bytes.len() && method <= LONGEST_METHOD {
        return Protocol::Unclear;
    }
    if method == 0 || method > LONGEST_METHOD || bytes[method] != b' ' {
        return Protocol::Other;
    }
    let rest = &bytes[method + 1..];
    let line = rest.iter().position(|byte| *byte == b'\n').map(|end| &rest[..end]);
    match (line, target(&bytes[..method], rest)) {
        (_, Protocol::Other) => Protocol::Other,
        (Some(line), _) => {
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            let is_one = [&b" HTTP/1.1"[..], b" HTTP/1.0"].iter().any(|version| line.ends_with(version));
            if is_one { Protocol::Http } else { Protocol::Other }
        }
        (None, Protocol::Likely) if rest.len() > LONG => Protocol::Http,
        (None, protocol) => protocol,
    }
}

/// Whether a request's target can begin so.
fn target(method: &[u8], rest: &[u8]) -> Protocol {
    if rest.iter().take_while(|byte| **byte != b'\n').any(|byte| byte.is_ascii_control() && *byte != b'\r') {
        return Protocol::Other;
    }
    // As far as both go.
    let is_like =
        |scheme: &&[u8]| rest.iter().zip(*scheme).all(|(one, other)| one.eq_ignore_ascii_case(other));
    let like = [&b"http://"[..], b"https://"].into_iter().find(is_like);
    match (rest.first(), like) {
        (Some(b'/' | b'*'), _) => Protocol::Likely,
        (Some(_), _) if method == b"CONNECT" => Protocol::Likely,
        (Some(_), Some(scheme)) if rest.len() >= scheme.len() => Protocol::Likely,
        (Some(_), Some(_)) | (None, _) => Protocol::Unclear,
        (Some(_), None) => Protocol::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::{LONG, Protocol, of};
    use proptest::prelude::*;

    #[test]
    fn requests_and_others() {
        for text in [
            "GET / HTTP/1.1\r\n",
            "GET / HTTP/1.0\n",
            "\r\nPOST /a?b=c HTTP/1.1\r\nHost: x\r\n",
            "OPTIONS * HTTP/1.1\r\n",
            "M-SEARCH * HTTP/1.1\r\n",
            "CONNECT shop.test:443 HTTP/1.1\r\n",
            "GET http://shop.test/ HTTP/1.1\r\n",
        ] {
            assert_eq!(of(text.as_bytes()), Protocol::Http, "{text}");
        }
        for text in [
            " GET / HTTP/1.1\r\n",
            "get / HTTP/1.1\r\n",
            "GET  / HTTP/1.1\r\n",
            "GET / HTTP/1.1 \r\n",
            "GET\t/\tHTTP/1.1\r\n",
            "GET / http/1.1\r\n",
            "GET / HTTP/2.0\r\n",
            "GET /\0 HTTP/1.1\r\n",
            "GET index.html HTTP/1.1\r\n",
        ] {
            assert_eq!(of(text.as_bytes()), Protocol::Http, "nearly: {text:?}");
        }
        for text in [
            "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
            "EHLO shop.test\r\n",
            "get key\r\n",
            "PING\r\n",
            "*1\r\n$4\r\nPING\r\n",
            "\u{16}\u{3}\u{1}\u{2}\0",
            "OPTIONS rtsp://shop.test RTSP/1.0\r\n",
            "GET /\r\n",
            "GET /\0",
            "LIST help\r\n",
            "GET help",
        ] {
            assert_eq!(of(text.as_bytes()), Protocol::Other, "{text:?}");
        }
        for text in ["GET /", "GET /users HTTP/1.1", "DELETE http://shop", "GET / HTTP/1.1\r"] {
            assert_eq!(of(text.as_bytes()), Protocol::Likely, "{text}");
        }
        for text in ["", "\r\n", "G", "GET", "GET ", "GET ht"] {
            assert_eq!(of(text.as_bytes()), Protocol::Unclear, "{text}");
        }
        let long = format!("GET /{}", "a".repeat(LONG));
        assert_eq!(of(long.as_bytes()), Protocol::Http);
        assert_eq!(of("A".repeat(40).as_bytes()), Protocol::Other);
    }

    proptest! {
        /// Whatever comes later, it is never taken back that it is something else, and a request is never anything else on
        /// the way.
        #[test]
        fn more_bytes_never_change_a_verdict(bytes in proptest::collection::vec(any::<u8>(), 0..60), cut in 0usize..60) {
            let part = &bytes[..cut.min(bytes.len())];
            // It may turn out to name HTTP all the same.
            if of(part) == Protocol::Other {
                prop_assert!(matches!(of(&bytes), Protocol::Other | Protocol::Http));
            }
            let request = b"PATCH /users?name=x HTTP/1.1\r\nHost: x\r\n\r\n";
            let part = &request[..cut.min(request.len())];
            prop_assert_ne!(of(part), Protocol::Other);
        }
    }
}
