//! A request, from a client to a replica that answers it.

use std::sync::Arc;

use http::{Request, Response};
use http_body::Body;
use hyper::body::Incoming;
use tokio::time::Instant;

use crate::balancing::recheck::unreachable;
use crate::http::answer::{Trouble, answer};
use crate::http::attempt::{Attempt, Cause, Failure, Reply, ReplyContent};
use crate::http::client::{Client, Switch, Ticket};
use crate::http::headers::{Outgoing, for_client};
use crate::http::response_body::ResponseBody;
use crate::http::retry::{ATTEMPTS, BodyLeft, Reached, is_idempotent, may_repeat};
use crate::upstream::request_body::Upload;

/// Answers a request, in whatever way.
pub(crate) async fn forward(client: Arc<Client>, request: Request<Incoming>) -> Response<ResponseBody> {
    let (parts, incoming) = request.into_parts();
    let mut ticket = Ticket::new(Arc::clone(&client), &parts.method, &parts.uri, parts.version);
    let has_body = !incoming.is_end_stream();
    let outgoing = match Outgoing::new(parts, has_body, &client) {
        Ok(outgoing) => outgoing,
        Err(refusal) => return answer(&client.shared, &Trouble::Refused(refusal), ticket),
    };
    let upload = has_body.then(|| Upload::new(incoming, client.shared.limits.stall_timeout));
    match seek(&client, &outgoing, upload.as_ref(), &mut ticket).await {
        Ok(reply) => respond(&client, reply, ticket),
        Err(trouble) => {
            if let Some(upload) = &upload
                && !outgoing.waits
            {
                upload.discard().await;
            }
            answer(&client.shared, &trouble, ticket)
        }
    }
}

/// Asks replicas until one answers, or until the request cannot be given to another one.
async fn seek(
    client: &Arc<Client>,
    outgoing: &Outgoing,
    upload: Option<&Upload>,
    ticket: &mut Ticket,
) -> Result<Reply, Trouble> {
    let shared = &client.shared;
    let idempotent = is_idempotent(outgoing.method());
    let waited = shared.limits.queue_wait;
    let deadline = Instant::from_std(ticket.begun) + waited;
    let mut tried = Vec::new();
    let mut sends = 0;
    let mut last = None;
    loop {
        let Some(in_flight) = shared.rotation.acquire(&tried, deadline).await else {
            return Err(Trouble::NoReplica { waited, last });
        };
        let replica = Arc::clone(in_flight.replica());
        ticket.attempts += 1;
        ticket.replica = Some(Arc::clone(&replica));
        // A connection at rest may be closed at any moment, and only what can be repeated survives that.
        let repeatable = idempotent && upload.is_none() && outgoing.upgrade.is_none();
        let pooled = repeatable && ticket.attempts == 1;
        let failure = match (Attempt { shared, worker: client.worker, outgoing, upload, pooled })
            .run(in_flight)
            .await
        {
            Ok(reply) => return Ok(reply),
            Err(failure) => failure,
        };
        if matches!(&failure.cause, Cause::Connect(error) if error.blames_replica()) {
            unreachable(shared, &replica);
        }
        sends += u32::from(failure.reached == Reached::Replica);
        let left = if upload.is_none_or(Upload::is_untouched) { BodyLeft::All } else { BodyLeft::Part };
        let again = helps_elsewhere(&failure) && may_repeat(idempotent, left, failure.reached, sends);
        if !again || ticket.attempts >= ATTEMPTS {
            return Err(Trouble::Failed { replica: replica.id.clone(), cause: failure.cause });
        }
        last = Some((replica.id.clone(), failure.cause));
        tried.push(replica);
    }
}

/// Whether another replica might do better.
fn helps_elsewhere(failure: &Failure) -> bool {
    match &failure.cause {
        Cause::Connect(error) => error.blames_replica(),
        Cause::Died(_) => true,
        // It answered, if badly; it may still be at work; or it was the client.
        Cause::Garbled(_) | Cause::Switched | Cause::Silent(_) | Cause::Client(_) => false,
    }
}

/// Gives the client what a replica answered.
fn respond(client: &Client, reply: Reply, mut ticket: Ticket) -> Response<ResponseBody> {
    let Reply { mut parts, content } = reply;
    for_client(&mut parts);
    ticket.status = Some(parts.status);
    let body = match content {
        ReplyContent::Whole(bytes) => ResponseBody::whole(bytes, ticket),
        ReplyContent::Streamed(streamed) => ResponseBody::streamed(streamed, ticket),
        ReplyContent::Switched { upstream, read, in_flight } => {
            client.set_switch(Switch { upstream, read, in_flight, ticket });
            return Response::from_parts(parts, ResponseBody::nothing());
        }
    };
    Response::from_parts(parts, body)
}
