//! Requests that are refused before any replica sees them: two readers could take them for different things.
//!
//! hyper has already refused what is no HTTP, two lengths that differ, a transfer encoding that does not end in
//! `chunked`, and one in HTTP/1.0. Of `Content-Length` beside `Transfer-Encoding` it drops the length and closes the
//! connection afterwards (RFC 9112, 6.3); a replica then sees one framing, made anew.

use http::header::{HOST, TRANSFER_ENCODING};
use http::request::Parts;
use http::uri::Authority;
use http::uri::Scheme;
use http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, Version};

/// Why a request is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) status: StatusCode,
    pub(crate) why: &'static str,
}

const fn bad(why: &'static str) -> Refusal {
    Refusal { status: StatusCode::BAD_REQUEST, why }
}

/// What may stand in a host name, an address and a port.
fn is_host(value: &HeaderValue) -> bool {
    value.as_bytes().iter().all(|byte| byte.is_ascii_alphanumeric() || b"-._~:[]%!$&'()*+;=".contains(byte))
}

fn check_host(headers: &HeaderMap, version: Version) -> Result<(), Refusal> {
    let mut hosts = headers.get_all(HOST).iter();
    match (hosts.next(), hosts.next()) {
        (Some(host), None) if is_host(host) => Ok(()),
        (Some(_), None) => Err(bad("the Host header is not a host")),
        (Some(_), Some(_)) => Err(bad("there is more than one Host header")),
        (None, _) if version == Version::HTTP_11 => Err(bad("there is no Host header")),
        (None, _) => Ok(()),
    }
}

fn check_coding(headers: &HeaderMap) -> Result<(), Refusal> {
    let mut codings = headers.get_all(TRANSFER_ENCODING).iter();
    match (codings.next(), codings.next()) {
        (None, _) => Ok(()),
        (Some(coding), None) if coding.as_bytes().eq_ignore_ascii_case(b"chunked") => Ok(()),
        (Some(_), _) => Err(Refusal {
            status: StatusCode::NOT_IMPLEMENTED,
            why: "no transfer encoding but chunked is understood",
        }),
    }
}

/// Names of methods as nginx takes them: servers behind differ on `get`.
fn check_method(method: &Method) -> Result<(), Refusal> {
    let is_usual = |byte: u8| byte.is_ascii_uppercase() || byte == b'-' || byte == b'_';
    match method {
        &Method::CONNECT => {
            Err(Refusal { status: StatusCode::METHOD_NOT_ALLOWED, why: "CONNECT is not offered" })
        }
        method if method.as_str().bytes().all(is_usual) => Ok(()),
        _ => Err(bad("a method is written in capital letters")),
    }
}

/// A target is a path, a URL of the web, or `*` where all of a server is meant (RFC 9112, 3.2).
fn check_target(method: &Method, target: &Uri) -> Result<(), Refusal> {
    let web = [Scheme::HTTP, Scheme::HTTPS];
    match (target.scheme(), target.authority()) {
        (Some(scheme), _) if !web.contains(scheme) => Err(bad("the target is no URL of the web")),
        (None, Some(_)) => Err(bad("the target does not begin with a slash")),
        _ if target.path() == "*" && method != Method::OPTIONS => Err(bad("only OPTIONS asks for *")),
        _ => Ok(()),
    }
}

/// The host that a target in absolute form names. It counts for more than the header (RFC 9112, 3.2.2).
pub(crate) fn host_of_target(authority: &Authority) -> Result<HeaderValue, Refusal> {
    let refusal = bad("the target names no proper host");
    if authority.as_str().contains('@') {
        return Err(refusal);
    }
    HeaderValue::from_str(authority.as_str()).map_err(|_| refusal)
}

/// Refuses what must not be handed on.
pub(crate) fn check(parts: &Parts) -> Result<(), Refusal> {
    check_method(&parts.method)?;
    check_target(&parts.method, &parts.uri)?;
    check_host(&parts.headers, parts.version)?;
    check_coding(&parts.headers)
}

#[cfg(test)]
mod tests {
    use super::{check, host_of_target};
    use http::{Request, Version};

    fn asked(method: &str, target: &str, version: Version, lines: &[(&str, &str)]) -> u16 {
        let request = Request::builder().method(method).uri(target).version(version);
        let request = lines.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        let (parts, ()) = request.body(()).unwrap().into_parts();
        check(&parts).map_or_else(|refusal| refusal.status.as_u16(), |()| 200)
    }

    fn verdict(version: Version, lines: &[(&str, &str)]) -> u16 {
        asked("GET", "/", version, lines)
    }

    #[test]
    fn hosts() {
        assert_eq!(verdict(Version::HTTP_11, &[("host", "a.test:80")]), 200);
        assert_eq!(verdict(Version::HTTP_11, &[("host", "[::1]:80")]), 200);
        assert_eq!(verdict(Version::HTTP_11, &[("host", "")]), 200);
        assert_eq!(verdict(Version::HTTP_11, &[]), 400);
        assert_eq!(verdict(Version::HTTP_10, &[]), 200);
        assert_eq!(verdict(Version::HTTP_11, &[("host", "a"), ("host", "a")]), 400);
        for bad in ["a b", "a/b", "user@a", "a,b", "a\"", "a?b", "a#b"] {
            assert_eq!(verdict(Version::HTTP_11, &[("host", bad)]), 400, "{bad}");
        }
    }

    #[test]
    fn codings() {
        let with = |coding| verdict(Version::HTTP_11, &[("host", "a"), ("transfer-encoding", coding)]);
        assert_eq!(with("chunked"), 200);
        assert_eq!(with("Chunked"), 200);
        assert_eq!(with("gzip, chunked"), 501);
        assert_eq!(with("chunked, chunked"), 501);
        let twice = [("host", "a"), ("transfer-encoding", "chunked"), ("transfer-encoding", "chunked")];
        assert_eq!(verdict(Version::HTTP_11, &twice), 501);
    }

    #[test]
    fn methods_and_targets() {
        for (method, target, status) in [
            ("CONNECT", "a:80", 405),
            ("BREW", "/", 200),
            ("M-SEARCH", "/", 200),
            ("get", "/", 400),
            ("GET1", "/", 400),
            ("OPTIONS", "*", 200),
            ("GET", "*", 400),
            ("GET", "index.html", 400),
            ("GET", "http://a/", 200),
            ("GET", "HTTPS://a/", 200),
            ("GET", "ftp://a/", 400),
        ] {
            assert_eq!(
                asked(method, target, Version::HTTP_11, &[("host", "a")]),
                status,
                "{method} {target}"
            );
        }
        assert_eq!(host_of_target(&"a.test:80".parse().unwrap()).unwrap(), "a.test:80");
        assert!(host_of_target(&"user@a.test".parse().unwrap()).is_err());
    }
}
