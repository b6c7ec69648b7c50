//! Answers that the gateway gives itself: short, plain, and with the endpoint's name.

use std::time::Duration;

use bytes::Bytes;
use http::header::{ALLOW, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderValue, Response, StatusCode};

use crate::balancing::replica::ReplicaId;
use crate::http::attempt::Cause;
use crate::http::client::Ticket;
use crate::http::response_body::ResponseBody;
use crate::http::screen::Refusal;
use crate::shared::Shared;
use crate::upstream::request_body::Fault;

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
    pub(crate) fn status(&self) -> StatusCode {
        match self {
            Trouble::Refused(refusal) => refusal.status,
            Trouble::NoReplica { .. } => StatusCode::SERVICE_UNAVAILABLE,
            Trouble::Failed { cause, .. } => match cause {
                Cause::Connect(error) if !error.blames_replica() => StatusCode::SERVICE_UNAVAILABLE,
                Cause::Connect(_) | Cause::Died(_) | Cause::Garbled(_) | Cause::Switched => {
                    StatusCode::BAD_GATEWAY
                }
                Cause::Silent(_) => StatusCode::GATEWAY_TIMEOUT,
                Cause::Client(Fault::Broken) => StatusCode::BAD_REQUEST,
                Cause::Client(Fault::Stalled(_)) => StatusCode::REQUEST_TIMEOUT,
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

/// The answer to a request that no replica answers.
pub(crate) fn answer(shared: &Shared, trouble: &Trouble, mut ticket: Ticket) -> Response<ResponseBody> {
    let status = trouble.status();
    let reason = status.canonical_reason().unwrap_or("Error");
    let text = format!("{} {reason}\nendpoint {}: {}\n", status.as_u16(), shared.name, trouble.text());
    ticket.status = Some(status);
    let mut response = Response::new(ResponseBody::whole(Bytes::from(text), ticket));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    if status == StatusCode::SERVICE_UNAVAILABLE {
        headers.insert(RETRY_AFTER, HeaderValue::from_static("1"));
    }
    if status == StatusCode::METHOD_NOT_ALLOWED {
        headers.insert(ALLOW, HeaderValue::from_static("GET, HEAD, OPTIONS, POST, PUT, PATCH, DELETE"));
    }
    response
}
