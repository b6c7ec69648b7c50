//! Headers that are meant for one connection and not for the message (RFC 9110, 7.6.1).

use http::header::{CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, HOST, TE, UPGRADE};
use http::{HeaderMap, HeaderName, HeaderValue};

/// Whether a header is always for one connection.
fn is_hop(name: &HeaderName) -> bool {
    matches!(
        name.as_str(),
        "connection"
            | "keep-alive"
            | "proxy-connection"
            | "proxy-authenticate"
            | "proxy-authorization"
            | "te"
            | "transfer-encoding"
            | "upgrade"
    )
}

/// Naming these in `Connection` removes nothing: the message would not be the same without them.
const NEVER: [HeaderName; 3] = [HOST, CONTENT_LENGTH, CONTENT_TYPE];

/// The comma-separated words of all headers of a name.
fn words(headers: &HeaderMap, name: HeaderName) -> impl Iterator<Item = &str> {
    headers.get_all(name).into_iter().filter_map(|value| value.to_str().ok()).flat_map(|value| {
        value.split(',').map(|word| word.trim_matches([' ', '\t'])).filter(|word| !word.is_empty())
    })
}

/// Whether a header holds a word.
pub(crate) fn has_word(headers: &HeaderMap, name: HeaderName, wanted: &str) -> bool {
    words(headers, name).any(|word| word.eq_ignore_ascii_case(wanted))
}

/// The protocol that a request asks to change to. HTTP/2 is not one of them: what follows could not be looked at.
pub(crate) fn wanted_upgrade(headers: &HeaderMap) -> Option<HeaderValue> {
    let protocol = headers.get(UPGRADE)?;
    let asks = has_word(headers, CONNECTION, "upgrade") && words(headers, UPGRADE).next().is_some();
    (asks && !has_word(headers, UPGRADE, "h2c")).then(|| protocol.clone())
}

/// Removes what was meant for the connection that a message came on. `Trailer` stays, because trailers are handed on; a
/// request's `TE: trailers` is said anew for the same reason.
pub(crate) fn strip(headers: &mut HeaderMap) {
    // Most messages have none or one of them, and to look at the few names there are costs less than to ask for each.
    let hops: Vec<HeaderName> = headers.keys().filter(|name| is_hop(name)).cloned().collect();
    if hops.is_empty() {
        return;
    }
    let trailers = has_word(headers, TE, "trailers");
    let named: Vec<HeaderName> = words(headers, CONNECTION)
        .filter(|word| !word.eq_ignore_ascii_case("keep-alive") && !word.eq_ignore_ascii_case("close"))
        .filter_map(|word| HeaderName::from_bytes(word.as_bytes()).ok())
        .filter(|name| !NEVER.contains(name))
        .collect();
    for name in named.into_iter().chain(hops) {
        headers.remove(name);
    }
    if trailers {
        headers.insert(TE, HeaderValue::from_static("trailers"));
        headers.insert(CONNECTION, HeaderValue::from_static("TE"));
    }
}

#[cfg(test)]
mod tests {
    use super::{strip, wanted_upgrade};
    use http::{HeaderMap, HeaderName, HeaderValue};

    fn map(lines: &[(&str, &str)]) -> HeaderMap {
        lines
            .iter()
            .map(|(name, value)| (name.parse::<HeaderName>().unwrap(), value.parse::<HeaderValue>().unwrap()))
            .collect()
    }

    fn names(headers: &HeaderMap) -> Vec<&str> {
        let mut names: Vec<_> = headers.keys().map(HeaderName::as_str).collect();
        names.sort_unstable();
        names
    }

    #[test]
    fn what_is_for_the_connection_goes() {
        let mut headers = map(&[
            ("connection", "keep-alive, X-Mine"),
            ("connection", "x-other"),
            ("keep-alive", "timeout=5"),
            ("proxy-connection", "keep-alive"),
            ("proxy-authorization", "Basic eA=="),
            ("proxy-authenticate", "Basic"),
            ("te", "gzip"),
            ("transfer-encoding", "chunked"),
            ("upgrade", "websocket"),
            ("x-mine", "1"),
            ("x-other", "1"),
            ("trailer", "x-sum"),
            ("x-stays", "1"),
            ("accept", "*/*"),
        ]);
        strip(&mut headers);
        assert_eq!(names(&headers), ["accept", "trailer", "x-stays"]);
    }

    #[test]
    fn what_the_message_is_made_of_stays() {
        let mut headers =
            map(&[("connection", "host, content-length, close"), ("host", "a"), ("content-length", "0")]);
        strip(&mut headers);
        assert_eq!(names(&headers), ["content-length", "host"]);
    }

    #[test]
    fn trailers_are_asked_for_anew() {
        let mut headers = map(&[("connection", "TE"), ("te", "gzip;q=0.5, trailers")]);
        strip(&mut headers);
        assert_eq!(headers["te"], "trailers");
        assert_eq!(headers["connection"], "TE");
    }

    #[test]
    fn upgrades() {
        let asks = |lines| wanted_upgrade(&map(lines));
        assert_eq!(
            asks(&[("connection", "keep-alive, Upgrade"), ("upgrade", "websocket")]).unwrap(),
            "websocket"
        );
        assert!(asks(&[("upgrade", "websocket")]).is_none());
        assert!(asks(&[("connection", "upgrade")]).is_none());
        assert!(asks(&[("connection", "upgrade, http2-settings"), ("upgrade", "h2c")]).is_none());
        assert!(asks(&[("connection", "upgrade"), ("upgrade", "")]).is_none());
    }
}
