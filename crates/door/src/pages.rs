//! What the door says itself: pages for people, JSON and lines for programs. No script, and nothing from elsewhere.

use std::fmt::Write;
use std::path::Path;

use bytes::Bytes;
use http::header::{
    ACCEPT, ALLOW, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, RETRY_AFTER, X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderMap, HeaderValue, Response, StatusCode};
use http_body_util::{Either, Full};
use hyper::body::Incoming;
use serde_json::{Value, json};

use crate::entrances::{Condition, Entrance};
use crate::houses::House;
use crate::names::url;
use crate::street::Inhabited;

/// What an answer is made of: a service's own, or one of the door.
pub(crate) type Body = Either<Incoming, Full<Bytes>>;

/// In which form somebody wants to be told something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    Page,
    Json,
    Line,
}

impl Form {
    /// The form that a client names first; a line where it takes anything.
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        let accepted = headers.get_all(ACCEPT).into_iter().filter_map(|value| value.to_str().ok());
        let mut kinds =
            accepted.flat_map(|value| value.split(',')).filter_map(|range| range.split(';').next());
        let form = |kind: &str| match kind.trim() {
            "text/html" | "application/xhtml+xml" => Some(Self::Page),
            "application/json" => Some(Self::Json),
            _ => None,
        };
        kinds.find_map(form).unwrap_or(Self::Line)
    }
}

/// How the door is reached by whoever asks.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reached {
    pub(crate) scheme: &'static str,
    pub(crate) port: u16,
    pub(crate) form: Form,
}

impl Reached {
    fn url(self, name: &str) -> String {
        url(self.scheme, name, self.port)
    }
}

/// Text as it can stand in a page, also between quotes.
fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            c => safe.push(c),
        }
    }
    safe
}

const STYLE: &str = "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}\
h1{font-size:1.4rem}h2{font-size:1.1rem;margin:1.5rem 0 .3rem}td{padding:.1rem 1.5rem .1rem 0}\
code{background:#8882;padding:.1rem .3rem}small{opacity:.7}@media(prefers-color-scheme:dark){body{background:#111;color:#ddd}a{color:#8bf}}";

fn html(title: &str, content: &str, again: bool) -> String {
    let again = if again { "<meta http-equiv=\"refresh\" content=\"1\">" } else { "" };
    let title = escaped(title);
    format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">\
         {again}<title>{title}</title><style>{STYLE}</style></head><body><h1>{title}</h1>\n{content}</body></html>\n"
    )
}

fn response(status: StatusCode, kind: &'static str, text: String) -> Response<Body> {
    let mut response = Response::new(Either::Right(Full::new(Bytes::from(text))));
    *response.status_mut() = status;
    let policy = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'";
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(policy));
    if status == StatusCode::SERVICE_UNAVAILABLE {
        headers.insert(RETRY_AFTER, HeaderValue::from_static("1"));
    }
    if status == StatusCode::METHOD_NOT_ALLOWED {
        headers.insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
    }
    response
}

const HTML: &str = "text/html; charset=utf-8";
const JSON: &str = "application/json";
const TEXT: &str = "text/plain; charset=utf-8";

/// Something that went otherwise than was asked for.
#[derive(Debug)]
pub(crate) struct Trouble<'a> {
    pub(crate) status: StatusCode,
    pub(crate) why: String,
    /// What can be done, as a command line.
    pub(crate) command: Option<String>,
    /// Names that may have been meant.
    pub(crate) instead: Vec<&'a str>,
    /// Whether a page looks again by itself.
    pub(crate) again: bool,
}

impl Trouble<'_> {
    pub(crate) fn new(status: StatusCode, why: impl Into<String>) -> Self {
        Self { status, why: why.into(), command: None, instead: Vec::new(), again: false }
    }

    /// It as an answer.
    pub(crate) fn answer(&self, reached: Reached) -> Response<Body> {
        let urls: Vec<String> = self.instead.iter().map(|name| reached.url(name)).collect();
        match reached.form {
            Form::Page => {
                let mut content = format!("<p>{}</p>", escaped(&self.why));
                if let Some(command) = &self.command {
                    let _ = write!(content, "<p><code>{}</code></p>", escaped(command));
                }
                for url in &urls {
                    let url = escaped(url);
                    let _ = write!(content, "<p><a href=\"{url}\">{url}</a></p>");
                }
                let door = escaped(&reached.url(""));
                let _ = write!(content, "<p><small><a href=\"{door}\">all that is up</a></small></p>");
                let reason = self.status.canonical_reason().unwrap_or("Error");
                response(
                    self.status,
                    HTML,
                    html(&format!("{} {reason}", self.status.as_u16()), &content, self.again),
                )
            }
            Form::Json => {
                let body =
                    json!({ "error": { "message": self.why, "command": self.command, "instead": urls } });
                response(self.status, JSON, format!("{body}\n"))
            }
            Form::Line => {
                let hint = self.command.iter().map(|command| format!("  {command}\n"));
                let instead = urls.iter().map(|url| format!("  {url}\n"));
                let lines: String = hint.chain(instead).collect();
                response(self.status, TEXT, format!("{}\n{lines}", self.why))
            }
        }
    }
}

/// A command line about an environment's project, to be copied.
pub(crate) fn command(root: &Path, environment: &str, words: &str) -> String {
    let root = root.to_string_lossy();
    format!("backlot -C {} -e {environment} {words}", backlot_process::shell_quote(&root))
}

/// How something does, in a word.
fn word(condition: &Condition) -> &'static str {
    match condition {
        Condition::Ready => "ready",
        Condition::Starting => "starting",
        Condition::Down(_) => "down",
    }
}

/// What of a house is shown, by its services' names.
fn title(house: &House) -> String {
    let branch = house.branch.iter().map(|branch| format!(" on {branch}"));
    format!("{}{}: {}", house.project, branch.collect::<String>(), house.environment)
}

fn full_name(entrance: &Entrance, house: &House) -> String {
    format!("{}.{}", entrance.label, house.name)
}

/// All that can be reached, or what can be of one environment.
pub(crate) fn index(all: &[Inhabited], reached: Reached) -> Response<Body> {
    if reached.form == Form::Json {
        let environments: Vec<Value> = all.iter().map(|one| in_json(one, reached)).collect();
        let body = json!({ "port": reached.port, "environments": environments });
        return response(StatusCode::OK, JSON, format!("{body}\n"));
    }
    let mut content = String::new();
    for Inhabited { house, entrances } in all {
        let _ = write!(content, "<h2>{} <small>{}</small></h2>", escaped(&title(house)), house.engine);
        match entrances {
            Ok(entrances) if entrances.is_empty() => {
                content.push_str("<p>No service that speaks HTTP is up.</p>");
            }
            Ok(entrances) => {
                content.push_str("<table>");
                for entrance in entrances.iter() {
                    let (name, state) = (escaped(&entrance.service), word(&entrance.condition));
                    let url = escaped(&reached.url(&full_name(entrance, house)));
                    let _ = write!(
                        content,
                        "<tr><td>{name}</td><td><a href=\"{url}\">{url}</a></td><td>{state}</td></tr>"
                    );
                }
                content.push_str("</table>");
            }
            Err(error) => {
                let _ = write!(content, "<p>{}</p>", escaped(error));
            }
        }
    }
    if all.is_empty() {
        content.push_str("<p>Nothing is up.</p>");
    }
    response(StatusCode::OK, HTML, html("Backlot", &content, false))
}

fn in_json(Inhabited { house, entrances }: &Inhabited, reached: Reached) -> Value {
    let service = |entrance: &Entrance| {
        json!({
            "service": entrance.service,
            "target": entrance.target,
            "state": word(&entrance.condition),
            "url": reached.url(&full_name(entrance, house)),
        })
    };
    let (services, error) = match entrances {
        Ok(all) => (all.iter().map(service).collect(), None),
        Err(error) => (Vec::new(), Some(error)),
    };
    json!({
        "project": house.project,
        "branch": house.branch,
        "environment": house.environment,
        "engine": house.engine.to_string(),
        "name": house.name,
        "services": services,
        "error": error,
    })
}

/// The names that can be asked for.
pub(crate) fn names(all: &[Inhabited]) -> Vec<String> {
    let of = |one: &Inhabited| {
        let entrances = one.entrances.iter().flat_map(|all| all.iter());
        entrances.map(|entrance| full_name(entrance, &one.house)).collect::<Vec<_>>()
    };
    all.iter().flat_map(of).collect()
}

#[cfg(test)]
mod tests {
    use super::{Form, Reached, Trouble, escaped};
    use http::header::ACCEPT;
    use http::{HeaderMap, HeaderValue, StatusCode};
    use http_body_util::BodyExt;

    #[test]
    fn the_form_is_what_the_client_names_first() {
        for (accept, form) in [
            ("text/html,application/xhtml+xml,*/*;q=0.8", Form::Page),
            ("application/json", Form::Json),
            ("application/json, text/plain, */*", Form::Json),
            ("*/*", Form::Line),
            ("image/avif", Form::Line),
        ] {
            let headers: HeaderMap = [(ACCEPT, HeaderValue::from_static(accept))].into_iter().collect();
            assert_eq!(Form::of(&headers), form, "{accept}");
        }
        assert_eq!(Form::of(&HeaderMap::new()), Form::Line);
    }

    #[tokio::test]
    async fn nothing_that_is_said_becomes_a_part_of_the_page() {
        assert_eq!(escaped("<a href='x'>\"&"), "&lt;a href=&#39;x&#39;&gt;&quot;&amp;");
        let trouble =
            Trouble { command: Some("<b>".into()), ..Trouble::new(StatusCode::NOT_FOUND, "<script>") };
        let answer = trouble.answer(Reached { scheme: "http", port: 7355, form: Form::Page });
        let text = answer.into_body().collect().await.unwrap().to_bytes();
        let text = String::from_utf8(text.to_vec()).unwrap();
        assert!(
            text.contains("&lt;script&gt;") && text.contains("&lt;b&gt;") && !text.contains("<script"),
            "{text}"
        );
    }
}
