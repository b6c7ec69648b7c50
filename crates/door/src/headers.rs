//! What is said on behalf of a client, and what is meant for one connection alone.
//!
//! hyper has already refused what is no HTTP, and of two ways to tell a body's length it has kept one, which is written anew.

use http::header::{CONNECTION, EXPECT, HOST, TE, TRANSFER_ENCODING, UPGRADE, VIA};
use http::uri::{Authority, Scheme};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri, Version, request};

use crate::names::{Asked, asked};

/// Who hands requests on, as is said in `Via`.
const THIS: &str = "1.1 backlot-door";
/// A request that has come by so often goes round in a circle.
const ROUNDS: usize = 5;

/// A request that is not handed on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) status: StatusCode,
    pub(crate) why: &'static str,
}

const fn refused(status: StatusCode, why: &'static str) -> Refusal {
    Refusal { status, why }
}

/// What a request asks for, by its host.
pub(crate) fn wanted(parts: &request::Parts) -> Result<Asked, Refusal> {
    let bad = |why| refused(StatusCode::BAD_REQUEST, why);
    if parts.method == Method::CONNECT {
        return Err(refused(StatusCode::METHOD_NOT_ALLOWED, "CONNECT is not offered"));
    }
    let mut hosts = parts.headers.get_all(HOST).iter();
    let host = match (hosts.next(), hosts.next()) {
        (Some(host), None) => host.to_str().map_err(|_| bad("the Host header is not a host"))?,
        (Some(_), Some(_)) => return Err(bad("there is more than one Host header")),
        (None, _) if parts.version == Version::HTTP_11 => return Err(bad("there is no Host header")),
        (None, _) => "",
    };
    if parts.uri.scheme().is_some_and(|scheme| ![Scheme::HTTP, Scheme::HTTPS].contains(scheme)) {
        return Err(bad("the target is no URL of the web"));
    }
    // Two readers could take it for two things.
    if parts.uri.authority().is_some_and(|target| !target.as_str().eq_ignore_ascii_case(host)) {
        return Err(bad("the target names another host than the Host header"));
    }
    if parts
        .headers
        .get_all(TRANSFER_ENCODING)
        .iter()
        .any(|coding| !coding.as_bytes().eq_ignore_ascii_case(b"chunked"))
    {
        return Err(refused(StatusCode::NOT_IMPLEMENTED, "no transfer encoding but chunked is understood"));
    }
    let rounds = parts.headers.get_all(VIA).iter().filter_map(|via| via.to_str().ok());
    if rounds.flat_map(|via| via.split(',')).filter(|via| via.trim() == THIS).count() >= ROUNDS {
        return Err(refused(
            StatusCode::LOOP_DETECTED,
            "the request goes round in a circle: a service sends it here again with the host it came with (a proxy of a development server needs changeOrigin)",
        ));
    }
    Ok(asked(host))
}

/// The comma-separated words of all headers of a name.
fn words(headers: &HeaderMap, name: HeaderName) -> impl Iterator<Item = &str> {
    let values = headers.get_all(name).into_iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',').map(str::trim).filter(|word| !word.is_empty()))
}

/// The protocol that is changed to, other than HTTP/2, where nobody could look into what follows.
pub(crate) fn upgrade(headers: &HeaderMap) -> Option<HeaderValue> {
    let asks = words(headers, CONNECTION).any(|word| word.eq_ignore_ascii_case("upgrade"));
    let is_http = words(headers, UPGRADE).any(|word| word.eq_ignore_ascii_case("h2c"));
    headers.get(UPGRADE).filter(|_| asks && !is_http).cloned()
}

/// Removes what was meant for one connection (RFC 9110, 7.6.1), but for the protocol that is changed to.
pub(crate) fn strip(headers: &mut HeaderMap, upgrade: Option<HeaderValue>) {
    let takes_trailers = words(headers, TE).any(|word| word.eq_ignore_ascii_case("trailers"));
    let named: Vec<HeaderName> = words(headers, CONNECTION)
        .filter_map(|word| HeaderName::from_bytes(word.as_bytes()).ok())
        // The message would not be the same without them.
        .filter(|name| !["host", "content-length", "content-type"].contains(&name.as_str()))
        .collect();
    let always = [
        "connection",
        "keep-alive",
        "proxy-connection",
        "proxy-authenticate",
        "proxy-authorization",
        "te",
        "transfer-encoding",
        "upgrade",
    ];
    for name in named.into_iter().chain(always.map(HeaderName::from_static)) {
        headers.remove(name);
    }
    if takes_trailers {
        headers.insert(TE, HeaderValue::from_static("trailers"));
        headers.insert(CONNECTION, HeaderValue::from_static("TE"));
    }
    if let Some(protocol) = upgrade {
        headers.insert(UPGRADE, protocol);
        headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
    }
}

/// Says for whom a request is, in place of whatever the client says of that. Its host stays as it came.
pub(crate) fn speak_for(headers: &mut HeaderMap, peer: &str, scheme: &'static str) {
    let claims: Vec<HeaderName> =
        headers.keys().filter(|name| is_claim(&name.as_str().replace('_', "-"))).cloned().collect();
    for name in claims {
        headers.remove(name);
    }
    headers.remove(EXPECT);
    if let Ok(peer) = HeaderValue::from_str(peer) {
        headers.insert("x-forwarded-for", peer);
    }
    headers.insert("x-forwarded-proto", HeaderValue::from_static(scheme));
    if let Some(host) = headers.get(HOST).cloned() {
        headers.insert("x-forwarded-host", host);
    }
    headers.append(VIA, HeaderValue::from_static(THIS));
}

/// Whether a header says for whom a request is.
fn is_claim(name: &str) -> bool {
    name == "forwarded" || name == "x-real-ip" || name.starts_with("x-forwarded-")
}

/// Where a request is sent that is for `authority`.
pub(crate) fn target(uri: &Uri, authority: &str) -> Option<Uri> {
    let authority: Authority = authority.parse().ok()?;
    let path = uri.path_and_query().cloned().unwrap_or_else(|| http::uri::PathAndQuery::from_static("/"));
    Uri::builder().scheme("http").authority(authority).path_and_query(path).build().ok()
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, HeaderName, HeaderValue, Request, Version};

    use super::{Asked, speak_for, strip, target, upgrade, wanted};

    fn map(lines: &[(&str, &str)]) -> HeaderMap {
        let line = |(name, value): &(&str, &str)| {
            (name.parse::<HeaderName>().unwrap(), value.parse::<HeaderValue>().unwrap())
        };
        lines.iter().map(line).collect()
    }

    fn verdict(method: &str, uri: &str, version: Version, lines: &[(&str, &str)]) -> Result<Asked, u16> {
        let mut request = Request::builder().method(method).uri(uri).version(version).body(()).unwrap();
        *request.headers_mut() = map(lines);
        wanted(&request.into_parts().0).map_err(|refusal| refusal.status.as_u16())
    }

    #[test]
    fn what_is_refused() {
        let name = || Ok(Asked::Name("web.shop".into()));
        let host = ("host", "web.shop.localhost");
        for (method, uri, version, lines, expected) in [
            ("GET", "/", Version::HTTP_11, &[host][..], name()),
            ("GET", "http://web.shop.localhost/a", Version::HTTP_11, &[host], name()),
            ("GET", "http://evil.example/a", Version::HTTP_11, &[host], Err(400)),
            ("GET", "ftp://web.shop.localhost/a", Version::HTTP_11, &[host], Err(400)),
            ("GET", "http://web.shop.localhost/", Version::HTTP_11, &[("host", "evil.example")], Err(400)),
            ("GET", "/", Version::HTTP_11, &[host, host], Err(400)),
            ("GET", "/", Version::HTTP_11, &[], Err(400)),
            ("GET", "/", Version::HTTP_10, &[], Ok(Asked::Foreign)),
            ("GET", "/", Version::HTTP_11, &[("host", "evil.example")], Ok(Asked::Foreign)),
            ("CONNECT", "web.shop.localhost:80", Version::HTTP_11, &[host], Err(405)),
            ("GET", "/", Version::HTTP_11, &[host, ("transfer-encoding", "gzip, chunked")], Err(501)),
            ("GET", "/", Version::HTTP_11, &[host, ("via", "1.1 a, 1.1 backlot-door")], name()),
            ("GET", "/", Version::HTTP_11, &[host, ("via", &["1.1 backlot-door"; 5].join(", "))], Err(508)),
        ] {
            assert_eq!(verdict(method, uri, version, lines), expected, "{method} {uri} {lines:?}");
        }
    }

    #[test]
    fn what_is_for_one_connection_goes() {
        let mut headers = map(&[
            ("host", "a"),
            ("connection", "keep-alive, X-Mine, host"),
            ("keep-alive", "timeout=5"),
            ("transfer-encoding", "chunked"),
            ("upgrade", "websocket"),
            ("x-mine", "1"),
            ("te", "trailers, gzip"),
            ("accept", "*/*"),
        ]);
        assert_eq!(upgrade(&headers), None);
        strip(&mut headers, None);
        let mut names: Vec<_> = headers.keys().map(HeaderName::as_str).collect();
        names.sort_unstable();
        assert_eq!(names, ["accept", "connection", "host", "te"]);
        let mut headers = map(&[("connection", "Upgrade"), ("upgrade", "websocket")]);
        let protocol = upgrade(&headers);
        strip(&mut headers, protocol);
        assert_eq!(
            (&headers["connection"], &headers["upgrade"]),
            (&"upgrade".parse().unwrap(), &"websocket".parse().unwrap())
        );
        assert_eq!(upgrade(&map(&[("connection", "upgrade"), ("upgrade", "h2c")])), None);
    }

    #[test]
    fn a_client_is_spoken_for() {
        let claims = ["x-forwarded-for", "x_forwarded_host", "forwarded", "x-real-ip", "x-forwarded-prefix"];
        let mut headers = map(&claims.map(|name| (name, "10.0.0.1")));
        headers.insert("host", HeaderValue::from_static("web.shop.localhost:7355"));
        speak_for(&mut headers, "127.0.0.1", "https");
        assert_eq!(headers["x-forwarded-for"], "127.0.0.1");
        assert_eq!(headers["x-forwarded-proto"], "https");
        assert_eq!(headers["x-forwarded-host"], "web.shop.localhost:7355");
        assert_eq!(headers["host"], "web.shop.localhost:7355");
        for gone in ["forwarded", "x_forwarded_host", "x-real-ip", "x-forwarded-prefix"] {
            assert!(!headers.contains_key(gone), "{gone}");
        }
    }

    #[test]
    fn where_a_request_is_sent() {
        let sent = |uri: &str| target(&uri.parse().unwrap(), "127.0.0.1:8000").unwrap().to_string();
        assert_eq!(sent("/a?b=c"), "http://127.0.0.1:8000/a?b=c");
        assert_eq!(sent("http://web.shop.localhost/a"), "http://127.0.0.1:8000/a");
        assert_eq!(target(&"*".parse().unwrap(), "127.0.0.1:8000").unwrap().path(), "*");
    }
}
