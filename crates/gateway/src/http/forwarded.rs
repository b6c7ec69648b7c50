//! Telling a replica for whom a request is.
//!
//! If a front that is trusted (nginx on this machine) already speaks for its client, its word stands as it is: behind
//! nginx a replica sees what it would see if nginx spoke to it directly. In all other cases whatever the client claims is
//! dropped, and `X-Forwarded-For`, `-Proto` and `-Host` say what is known here. `Forwarded` (RFC 7239) is handed on or
//! dropped in the same way but never written, so that there is one account and not two.

use http::header::HOST;
use http::{HeaderMap, HeaderName, HeaderValue};

const FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const X_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");

/// Whether a header says for whom a request is.
fn is_claim(name: &str) -> bool {
    matches!(
        name,
        "forwarded"
            | "x-forwarded-for"
            | "x-forwarded-host"
            | "x-forwarded-port"
            | "x-forwarded-prefix"
            | "x-forwarded-proto"
            | "x-forwarded-server"
            | "x-real-ip"
    )
}

/// Whether it does so to CGI's heirs, to whom `X_Forwarded_For` is `X-Forwarded-For`.
fn is_disguised(name: &str) -> bool {
    name.contains('_') && is_claim(&name.replace('_', "-"))
}

/// Says for whom a request is. `peer` is the client's address; `trusted` tells whether its own word is believed.
pub(crate) fn tell(headers: &mut HeaderMap, peer: &HeaderValue, trusted: bool) {
    let (mut spoken_for, mut dropped) = (false, Vec::new());
    for name in headers.keys() {
        let claims = is_claim(name.as_str());
        spoken_for |= claims;
        if (claims && !trusted) || is_disguised(name.as_str()) {
            dropped.push(name.clone());
        }
    }
    for name in dropped {
        headers.remove(name);
    }
    if trusted && spoken_for {
        return;
    }
    headers.insert(FOR, peer.clone());
    headers.insert(PROTO, HeaderValue::from_static("http"));
    if let Some(host) = headers.get(HOST).cloned() {
        headers.insert(X_HOST, host);
    }
}

#[cfg(test)]
mod tests {
    use super::tell;
    use http::{HeaderMap, HeaderValue};

    const PEER: HeaderValue = HeaderValue::from_static("192.0.2.7");

    #[test]
    fn a_client_is_spoken_for() {
        for trusted in [true, false] {
            let mut headers = HeaderMap::new();
            headers.insert("host", HeaderValue::from_static("shop.test:8080"));
            tell(&mut headers, &PEER, trusted);
            assert_eq!(headers["x-forwarded-for"], "192.0.2.7");
            assert_eq!(headers["x-forwarded-proto"], "http");
            assert_eq!(headers["x-forwarded-host"], "shop.test:8080");
            assert_eq!(headers["host"], "shop.test:8080");
            assert!(!headers.contains_key("forwarded"));
        }
    }

    #[test]
    fn the_word_of_a_trusted_front_stands() {
        let mut headers = HeaderMap::new();
        headers.insert("x-forwarded-for", HeaderValue::from_static("203.0.113.9"));
        headers.insert("x-forwarded-proto", HeaderValue::from_static("https"));
        let before = headers.clone();
        tell(&mut headers, &PEER, true);
        assert_eq!(headers, before);
    }

    #[test]
    fn the_word_of_anybody_else_does_not() {
        let mut headers = HeaderMap::new();
        for name in ["x-forwarded-for", "forwarded", "x-real-ip", "x-forwarded-prefix", "x_forwarded_for"] {
            headers.insert(name, HeaderValue::from_static("10.0.0.1"));
        }
        headers.insert("x_mine", HeaderValue::from_static("1"));
        tell(&mut headers, &PEER, false);
        assert_eq!(headers["x-forwarded-for"], "192.0.2.7");
        for name in ["forwarded", "x-real-ip", "x-forwarded-prefix", "x_forwarded_for"] {
            assert!(!headers.contains_key(name), "{name}");
        }
        assert!(headers.contains_key("x_mine"));
    }
}
