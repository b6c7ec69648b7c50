//! What a replica is sent for what a client sent, and the other way round.

use std::sync::Arc;

use backlot_sockets::Interim;
use http::header::{CONNECTION, CONTENT_LENGTH, EXPECT, HOST, TRANSFER_ENCODING, UPGRADE, VIA};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode, Uri, Version, response};
use hyper::ext::on_informational;

use crate::http::client::Client;
use crate::http::screen::{Refusal, check, host_of_target};
use crate::http::{forwarded, hop};
use crate::upstream::request_body::RequestBody;

const THIS: HeaderValue = HeaderValue::from_static("1.1 backlot");

/// A request in the form in which replicas get it, as often as needed.
#[derive(Debug)]
pub(crate) struct Outgoing {
    parts: Parts,
    /// The client sends its body only when it is told to.
    pub(crate) waits: bool,
    /// The protocol that the client wants to change to.
    pub(crate) upgrade: Option<HeaderValue>,
    /// Where interim responses go; nowhere if the client is of HTTP/1.0, which has none.
    interim: Option<Arc<Interim>>,
}

impl Outgoing {
    /// Makes the request for a replica; `has_body` tells whether the client sends one.
    pub(crate) fn new(mut parts: Parts, has_body: bool, client: &Client) -> Result<Self, Refusal> {
        check(&parts)?;
        if let Some(authority) = parts.uri.authority() {
            parts.headers.insert(HOST, host_of_target(authority)?);
            let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
            parts.uri = path.parse().unwrap_or_else(|_| Uri::from_static("/"));
        } else if !parts.headers.contains_key(HOST) {
            parts.headers.insert(HOST, client.shared.default_host.clone());
        }
        let interim = (parts.version == Version::HTTP_11).then(|| Arc::clone(&client.interim));
        let may_upgrade = parts.version == Version::HTTP_11 && !has_body;
        let upgrade = if may_upgrade { hop::wanted_upgrade(&parts.headers) } else { None };
        hop::strip(&mut parts.headers);
        if let Some(protocol) = &upgrade {
            parts.headers.insert(UPGRADE, protocol.clone());
            parts.headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
        }
        // The client is told to go on as soon as a replica has the head, see hyper's body.
        let waits = parts
            .headers
            .get(EXPECT)
            .is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"100-continue"));
        if waits {
            parts.headers.remove(EXPECT);
        }
        forwarded::tell(&mut parts.headers, &client.address, client.trusted);
        parts.headers.append(VIA, THIS);
        parts.version = Version::HTTP_11;
        Ok(Self { parts, waits, upgrade, interim })
    }

    pub(crate) fn method(&self) -> &Method {
        &self.parts.method
    }

    /// One request to one replica.
    pub(crate) fn request(&self, body: RequestBody) -> Request<RequestBody> {
        let mut request = Request::from_parts(self.parts.clone(), body);
        if let Some(interim) = self.interim.clone() {
            on_informational(&mut request, move |response| {
                // hyper tells the client itself to go on with its body.
                if response.status() != StatusCode::CONTINUE {
                    interim.add(&head(response.status(), response.headers()));
                }
            });
        }
        request
    }
}

/// An interim response as it is written.
fn head(status: StatusCode, headers: &HeaderMap) -> Vec<u8> {
    let mut headers = headers.clone();
    hop::strip(&mut headers);
    // It has no body, whatever it says.
    headers.remove(CONTENT_LENGTH);
    let mut head =
        format!("HTTP/1.1 {} {}\r\n", status.as_str(), status.canonical_reason().unwrap_or_default())
            .into_bytes();
    for (name, value) in &headers {
        for piece in [name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"] {
            head.extend_from_slice(piece);
        }
    }
    head.extend_from_slice(b"\r\n");
    head
}

/// Makes a replica's response one for the client.
pub(crate) fn for_client(parts: &mut response::Parts) {
    parts.version = Version::HTTP_11;
    let protocol = switches(parts.status, &parts.headers);
    // The body was read by its chunks (RFC 9112, 6.3), and is written anew.
    if parts.headers.contains_key(TRANSFER_ENCODING) {
        parts.headers.remove(CONTENT_LENGTH);
    }
    hop::strip(&mut parts.headers);
    if let Some(protocol) = protocol {
        parts.headers.insert(UPGRADE, protocol);
        parts.headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
    }
}

fn switches(status: StatusCode, headers: &HeaderMap) -> Option<HeaderValue> {
    (status == StatusCode::SWITCHING_PROTOCOLS).then(|| headers.get(UPGRADE).cloned()).flatten()
}
