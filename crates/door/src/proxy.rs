//! A request, to the service that its host names.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use backlot_near::nearest;
use backlot_state::EngineKind;
use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, Method, Request, Response, StatusCode, Version};
use http_body_util::{Either, Empty};
use hyper::body::{Body as _, Incoming};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::{Client, Error};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::io::copy_bidirectional;
use tokio::time::sleep;

use crate::entrances::{Condition, Entrance};
use crate::headers::{speak_for, strip, target, upgrade, wanted};
use crate::houses::House;
use crate::names::Asked;
use crate::pages::{Body, Form, Reached, Trouble, command, index, names};
use crate::street::{Found, Inhabited, Street};
use crate::tls::Tls;

/// A message may have so many headers.
pub(crate) const MOST_HEADERS: usize = 1000;
/// How long a service may take to accept a connection.
const CONNECT_LIMIT: Duration = Duration::from_secs(5);
/// How long a connection is kept for the next request that could be repeated: less than servers keep theirs.
const KEPT: Duration = Duration::from_secs(2);
/// How soon it is looked after a service that does not answer; later, less often.
const LOOK: Duration = Duration::from_millis(300);
const LAST_LOOK: Duration = Duration::from_secs(5);
/// So many names are told of instead of one that there is not.
const INSTEAD: usize = 10;

type Sent = Either<Incoming, Empty<Bytes>>;

/// Hands requests on.
#[derive(Debug)]
pub(crate) struct Proxy {
    pub(crate) street: Arc<Street>,
    pub(crate) tls: Tls,
    port: u16,
    /// For requests that can be repeated.
    kept: Client<HttpConnector, Sent>,
    /// For all others: a service may close a connection at the very moment at which it is used again.
    fresh: Client<HttpConnector, Sent>,
}

/// Whose request it is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asker {
    pub(crate) peer: SocketAddr,
    pub(crate) scheme: &'static str,
}

impl Proxy {
    pub(crate) fn new(street: Arc<Street>, tls: Tls, port: u16) -> Self {
        let client = |idle: usize| {
            let mut connector = HttpConnector::new();
            connector.set_nodelay(true);
            connector.set_connect_timeout(Some(CONNECT_LIMIT));
            Client::builder(TokioExecutor::new())
                .pool_timer(TokioTimer::new())
                .pool_idle_timeout(KEPT)
                .pool_max_idle_per_host(idle)
                .http1_title_case_headers(true)
                .http1_max_headers(MOST_HEADERS)
                .set_host(false)
                .build(connector)
        };
        Self { street, tls, port, kept: client(32), fresh: client(0) }
    }

    /// Answers a request, in whatever way.
    pub(crate) async fn answer(&self, request: Request<Incoming>, asker: Asker) -> Response<Body> {
        let (parts, body) = request.into_parts();
        let reached = Reached { scheme: asker.scheme, port: self.port, form: Form::of(&parts.headers) };
        match wanted(&parts) {
            Err(refusal) => Trouble::new(refusal.status, refusal.why).answer(reached),
            Ok(Asked::Foreign) => misdirected(reached),
            Ok(Asked::Door) => self.index(&parts, reached, |_| true).await,
            Ok(Asked::Name(name)) => match self.street.find(&name).await {
                Found::House(house) => self.index(&parts, reached, |one| one.house.name == house.name).await,
                Found::Entrance(house, entrance) => {
                    let errand = Errand { name: &name, house, entrance, asker, reached };
                    self.hand_on(errand, parts, body).await
                }
                absent => self.absent(absent, &name, reached).await,
            },
        }
    }

    /// What is said where a name leads to no service that is up.
    async fn absent(&self, found: Found, name: &str, reached: Reached) -> Response<Body> {
        match found {
            Found::NoService { house, label, why } => self.no_service(&house, &label, why, reached).await,
            Found::NotUp { root, environment } => {
                let trouble =
                    Trouble::new(StatusCode::SERVICE_UNAVAILABLE, format!("{environment} is not up"));
                Trouble { command: Some(command(&root, &environment, "up")), ..trouble }.answer(reached)
            }
            Found::Nothing | Found::House(_) | Found::Entrance(..) => {
                self.nothing(name, format!("nothing is called {name}.localhost"), reached).await
            }
        }
    }

    async fn index(
        &self,
        parts: &Parts,
        reached: Reached,
        of: impl Fn(&Inhabited) -> bool,
    ) -> Response<Body> {
        if parts.method != Method::GET && parts.method != Method::HEAD {
            return Trouble::new(StatusCode::METHOD_NOT_ALLOWED, "this page is only read").answer(reached);
        }
        if parts.uri.path() != "/" {
            return Trouble::new(StatusCode::NOT_FOUND, "the front door has no such page").answer(reached);
        }
        let mut all = self.street.all().await;
        all.retain(of);
        index(&all, reached)
    }

    async fn no_service(
        &self,
        house: &House,
        label: &str,
        why: Option<String>,
        reached: Reached,
    ) -> Response<Body> {
        let of = format!("{} of {}", house.environment, house.project);
        if let Some(why) = why {
            let trouble =
                Trouble::new(StatusCode::SERVICE_UNAVAILABLE, format!("{of} does not say what is up: {why}"));
            return trouble.answer(reached);
        }
        let all = self.street.all().await;
        let is_empty = all.iter().any(|one| {
            one.house.name == house.name && one.entrances.as_ref().is_ok_and(|entrances| entrances.is_empty())
        });
        if is_empty {
            let why = format!("no service of {of} that speaks HTTP is up");
            let up = command(&house.root, &house.environment, "up");
            return Trouble { command: Some(up), ..Trouble::new(StatusCode::SERVICE_UNAVAILABLE, why) }
                .answer(reached);
        }
        self.nothing(
            &format!("{label}.{}", house.name),
            format!("{of} has no service {label} that speaks HTTP"),
            reached,
        )
        .await
    }

    /// That there is nothing of that name, and what there is.
    async fn nothing(&self, name: &str, why: String, reached: Reached) -> Response<Body> {
        let names = names(&self.street.all().await);
        let near = nearest(name, names.iter().map(String::as_str));
        let end = |name: &str| name.rsplit('.').next().unwrap_or_default().to_owned();
        let mut instead: Vec<&str> =
            names.iter().map(String::as_str).filter(|other| end(other) == end(name)).collect();
        if instead.is_empty() {
            instead = names.iter().map(String::as_str).collect();
        }
        instead.sort_by_key(|name| Some(*name) != near);
        instead.truncate(INSTEAD);
        Trouble { instead, ..Trouble::new(StatusCode::NOT_FOUND, why) }.answer(reached)
    }

    /// Looks where the service is now, and how it does.
    async fn look_again(&self, errand: &mut Errand<'_>) {
        self.street.doubt(&errand.house);
        if let Found::Entrance(house, entrance) = self.street.find(errand.name).await {
            (errand.house, errand.entrance) = (house, entrance);
        }
    }

    /// Waits until nobody is there any more who could answer, and says so: an endpoint stays open while its service is gone.
    async fn lost(&self, errand: &Errand<'_>) -> Response<Body> {
        let (mut pause, mut silent) = (LOOK, false);
        loop {
            sleep(pause).await;
            pause = (pause * 2).min(LAST_LOOK);
            self.street.doubt(&errand.house);
            match self.street.find(errand.name).await {
                Found::Entrance(house, entrance) => {
                    let now = Errand { house, entrance, ..errand.clone() };
                    if now.is_in_vain() {
                        return now.not_ready();
                    }
                    silent = false;
                }
                // Once may be chance: the machine is busy.
                Found::NoService { house, label, why } if why.is_some() && silent => {
                    return self.no_service(&house, &label, why, errand.reached).await;
                }
                Found::NoService { why, .. } => silent = why.is_some(),
                Found::House(_) | Found::NotUp { .. } | Found::Nothing => silent = false,
            }
        }
    }

    async fn hand_on(&self, mut errand: Errand<'_>, mut parts: Parts, body: Incoming) -> Response<Body> {
        if errand.is_in_vain() {
            // It may have come up since that was seen.
            self.look_again(&mut errand).await;
            if errand.is_in_vain() {
                return errand.not_ready();
            }
        }
        let has_body = !body.is_end_stream();
        let protocol = upgrade(&parts.headers).filter(|_| !has_body && parts.version == Version::HTTP_11);
        let client_side = protocol.as_ref().map(|_| {
            let mut request = Request::from_parts(parts.clone(), ());
            hyper::upgrade::on(&mut request)
        });
        strip(&mut parts.headers, protocol);
        speak_for(
            &mut parts.headers,
            &errand.asker.peer.ip().to_canonical().to_string(),
            errand.asker.scheme,
        );
        parts.version = Version::HTTP_11;
        let may_repeat = !has_body && client_side.is_none() && is_idempotent(&parts.method);
        let (client, sent) = if may_repeat {
            (&self.kept, Either::Right(Empty::new()))
        } else {
            (&self.fresh, Either::Left(body))
        };
        let outcome = tokio::select! {
            outcome = errand.send(client, &parts, sent) => outcome,
            lost = self.lost(&errand) => return lost,
        };
        let outcome = match outcome {
            Err(_) if may_repeat => {
                self.look_again(&mut errand).await;
                errand.send(&self.fresh, &parts, Either::Right(Empty::new())).await
            }
            outcome => outcome,
        };
        match outcome {
            Ok(response) => errand.pass_back(response, client_side),
            Err(error) => {
                // Its environment may have gone down since that was seen.
                self.street.doubt(&errand.house);
                match self.street.find(errand.name).await {
                    Found::Entrance(..) | Found::House(_) => errand.failed(&error),
                    absent => self.absent(absent, errand.name, errand.reached).await,
                }
            }
        }
    }
}

/// A request whose service is known.
#[derive(Clone)]
struct Errand<'a> {
    name: &'a str,
    house: Arc<House>,
    entrance: Entrance,
    asker: Asker,
    reached: Reached,
}

impl Errand<'_> {
    /// Whether nobody is there who could answer. On Docker that is for the container to say.
    fn is_in_vain(&self) -> bool {
        self.house.engine == EngineKind::Native && matches!(self.entrance.condition, Condition::Down(_))
    }

    async fn send(
        &self,
        client: &Client<HttpConnector, Sent>,
        parts: &Parts,
        body: Sent,
    ) -> Result<Response<Incoming>, Fault> {
        let uri = target(&parts.uri, &self.entrance.address.to_string()).ok_or(Fault::Target)?;
        let mut request = Request::new(body);
        *request.method_mut() = parts.method.clone();
        *request.uri_mut() = uri;
        *request.version_mut() = parts.version;
        *request.headers_mut() = parts.headers.clone();
        client.request(request).await.map_err(Fault::Client)
    }

    fn pass_back(
        &self,
        mut response: Response<Incoming>,
        client_side: Option<hyper::upgrade::OnUpgrade>,
    ) -> Response<Body> {
        let is_starting = self.entrance.condition == Condition::Starting;
        if response.status() == StatusCode::SERVICE_UNAVAILABLE
            && is_starting
            && self.reached.form == Form::Page
        {
            return self.not_ready();
        }
        let protocol =
            upgrade(response.headers()).filter(|_| response.status() == StatusCode::SWITCHING_PROTOCOLS);
        if let (Some(client), true) = (client_side, protocol.is_some()) {
            let service = hyper::upgrade::on(&mut response);
            // Whichever side breaks it off: nobody is left to be told.
            tokio::spawn(async move {
                let (Ok(client), Ok(service)) = (client.await, service.await) else { return };
                let _ = copy_bidirectional(&mut TokioIo::new(client), &mut TokioIo::new(service)).await;
            });
        }
        let (mut parts, body) = response.into_parts();
        let keeps_length = !parts.headers.contains_key(http::header::TRANSFER_ENCODING);
        strip(&mut parts.headers, protocol);
        drop_length(&mut parts.headers, keeps_length);
        parts.version = Version::HTTP_11;
        Response::from_parts(parts, Either::Left(body))
    }

    /// That its service is not up, or not yet.
    fn not_ready(&self) -> Response<Body> {
        let (service, environment) = (&self.entrance.service, &self.house.environment);
        let of = format!("{service} of {} ({environment})", self.house.project);
        let (why, words, again) = match &self.entrance.condition {
            Condition::Starting | Condition::Ready => {
                (format!("{of} is starting"), format!("logs {service}"), true)
            }
            Condition::Down(Some(reason)) => {
                (format!("{of} is down: {reason}"), format!("logs {service}"), true)
            }
            Condition::Down(None) => (format!("{of} is not up"), format!("up -d {service}"), true),
        };
        let command = Some(command(&self.house.root, environment, &words));
        Trouble { command, again, ..Trouble::new(StatusCode::SERVICE_UNAVAILABLE, why) }.answer(self.reached)
    }

    fn failed(&self, fault: &Fault) -> Response<Body> {
        let (service, address) = (&self.entrance.service, self.entrance.address);
        let why =
            format!("{service} of {} does not answer at {address}: {}", self.house.project, fault.text());
        let logs = command(&self.house.root, &self.house.environment, &format!("logs {service}"));
        Trouble { command: Some(logs), ..Trouble::new(StatusCode::BAD_GATEWAY, why) }.answer(self.reached)
    }
}

/// Why a service has not answered.
enum Fault {
    Target,
    Client(Error),
}

impl Fault {
    fn text(&self) -> String {
        match self {
            Self::Target => "the target is none".to_owned(),
            Self::Client(error) => {
                backlot_process::causes(error).last().cloned().unwrap_or_else(|| error.to_string())
            }
        }
    }
}

/// Of a length beside chunks, the chunks count (RFC 9112, 6.3).
fn drop_length(headers: &mut HeaderMap, keeps_length: bool) {
    if !keeps_length {
        headers.remove(http::header::CONTENT_LENGTH);
    }
}

fn is_idempotent(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS | Method::TRACE)
}

/// A name that leads here by somebody else's doing gets nothing of this machine.
fn misdirected(reached: Reached) -> Response<Body> {
    let why =
        format!("only names under .localhost are answered here, such as http://localhost:{}/", reached.port);
    Trouble::new(StatusCode::MISDIRECTED_REQUEST, why).answer(reached)
}
