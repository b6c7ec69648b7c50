//! From a container's configuration to one that runs natively.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::config::Config;
use crate::error::Place;
use crate::parse::{Directive, print};
use crate::paths::{quoted, relocated};

/// Directives whose argument is a URL or an address to pass requests to.
const PASSES: [&str; 6] =
    ["proxy_pass", "grpc_pass", "fastcgi_pass", "uwsgi_pass", "scgi_pass", "memcached_pass"];
/// Blocks whose lines are data: the first word of one is any text, and no directive.
const TABLES: [&str; 5] = ["map", "geo", "types", "split_clients", "charset_map"];
/// Docker's own name server: there is none natively.
const DOCKER_RESOLVER: &str = "127.0.0.11";

/// What is put into the place of what.
#[derive(Debug, Clone, Default)]
pub struct Rewrite {
    /// The native port of each service and container port, on 127.0.0.1.
    pub endpoints: BTreeMap<(String, u16), u16>,
    /// The native port for each port that nginx listens on.
    pub listens: BTreeMap<u16, u16>,
    /// A directory of nginx's own, for its pid and temporary files.
    pub dir: PathBuf,
    /// Whether nginx is started by root: then its workers stay root, as they could not reach private directories.
    pub as_root: bool,
}

/// A configuration that runs natively.
#[derive(Debug, Clone)]
pub struct Rewritten {
    /// Its text.
    pub text: String,
    /// Where each line of it comes from.
    pub(crate) places: Vec<Place>,
}

/// A host and port that a directive leads to.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Reference<'d> {
    /// Which of the directive's words it is in.
    word: usize,
    /// What is before the host in that word.
    before: &'d str,
    pub(crate) host: &'d str,
    pub(crate) port: u16,
    /// What is after the port.
    after: &'d str,
}

/// The host that a directive passes requests to, if it names one.
pub(crate) fn reference(directive: &Directive) -> Option<Reference<'_>> {
    let name = directive.name();
    let word = match name {
        "server" if directive.block.is_none() => 1,
        "set" => 2,
        _ if PASSES.contains(&name) => 1,
        _ => return None,
    };
    let text = directive.words.get(word)?;
    let quotes = usize::from(text.starts_with(['"', '\'']));
    let begin = text.find("://").map_or(quotes, |at| at + 3);
    // A variable may well hold something that is no address.
    if name == "set" && begin == quotes {
        return None;
    }
    let (before, rest) = text.split_at(begin);
    let end = rest.find(['/', '?', '$', '"', '\'']).unwrap_or(rest.len());
    let (authority, after) = rest.split_at(end);
    if before.contains("unix:") || authority.starts_with("unix:") || authority.is_empty() {
        return None;
    }
    let implied = if before.ends_with("https://") || before.ends_with("grpcs://") { 443 } else { 80 };
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) => (host, port.parse().ok()?),
        None => (authority, implied),
    };
    Some(Reference { word, before, host, port, after })
}

/// The port of a `listen`.
pub(crate) fn listen_port(directive: &Directive) -> Option<u16> {
    if directive.name() != "listen" || directive.argument().starts_with("unix:") {
        return None;
    }
    let argument = directive.argument();
    let port = argument.rsplit_once(':').map_or(argument, |(_, port)| port);
    // An address without a port means port 80.
    if argument.contains('.') && !argument.contains(':') || argument.ends_with(']') {
        return Some(80);
    }
    port.parse().ok()
}

impl Config {
    /// The configuration with native addresses and files.
    pub fn rewrite(&self, how: &Rewrite) -> Rewritten {
        let mut directives = rewritten(self, &self.directives, how);
        let file: Arc<Path> = Arc::from(Path::new("(set by backlot)"));
        let own = |words: &[&str]| Directive {
            words: words.iter().map(|word| (*word).to_owned()).collect(),
            block: None,
            file: Arc::clone(&file),
            line: 1,
        };
        let path = |name: &str| quoted(&how.dir.join(name).display().to_string());
        let mut main = vec![own(&["daemon", "off"]), own(&["pid", &path("nginx.pid")])];
        if how.as_root {
            main.push(own(&["user", "root"]));
        }
        if !directives.iter().any(|directive| directive.name() == "error_log") {
            main.push(own(&["error_log", "stderr", "notice"]));
        }
        for directive in &mut directives {
            if directive.name() == "http"
                && let Some(block) = &mut directive.block
            {
                let mut http: Vec<Directive> = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
                    .iter()
                    .map(|kind| own(&[&format!("{kind}_temp_path"), &path(kind)]))
                    .collect();
                if !block.iter().any(|directive| directive.name() == "access_log") {
                    http.push(own(&["access_log", "/dev/stdout"]));
                }
                http.append(block);
                *block = http;
            }
        }
        main.append(&mut directives);
        let (text, places) = print(&main);
        Rewritten { text, places }
    }
}

fn rewritten(config: &Config, directives: &[Directive], how: &Rewrite) -> Vec<Directive> {
    let has_own_listen = |port: u16| {
        directives.iter().any(|other| listen_port(other) == Some(port) && !other.argument().starts_with('['))
    };
    directives
        .iter()
        .filter_map(|directive| {
            let mut new = directive.clone();
            if let Some(port) = listen_port(directive) {
                // The IPv6 twin of an IPv4 address: both would be the same now.
                if directive.argument().starts_with('[') && has_own_listen(port) {
                    return None;
                }
                new = listen(directive, how.listens.get(&port).copied().unwrap_or(port));
            } else if let Some(found) = reference(directive) {
                if let Some(port) = how.endpoints.get(&(found.host.to_owned(), found.port)) {
                    let mut words = directive.words.clone();
                    words[found.word] = format!("{}127.0.0.1:{port}{}", found.before, found.after);
                    new = directive.with(words);
                }
            } else if directive.name() == "resolver" {
                return resolver(directive);
            } else {
                new = relocated(directive, &config.mounts, &how.dir)?;
            }
            if let Some(block) = directive.block.as_ref().filter(|_| !TABLES.contains(&directive.name())) {
                new.block = Some(rewritten(config, block, how));
            }
            Some(new)
        })
        .collect()
}

fn listen(directive: &Directive, port: u16) -> Directive {
    let mut words = vec!["listen".to_owned(), format!("127.0.0.1:{port}")];
    let only_ipv6 = |word: &&String| !word.starts_with("ipv6only=");
    words.extend(directive.words.iter().skip(2).filter(only_ipv6).cloned());
    directive.with(words)
}

/// Without Docker's name server; all of it, if there is no other.
fn resolver(directive: &Directive) -> Option<Directive> {
    let words: Vec<String> =
        directive.words.iter().filter(|word| !word.starts_with(DOCKER_RESOLVER)).cloned().collect();
    let has_address = words.iter().skip(1).any(|word| !word.contains('='));
    has_address.then(|| directive.with(words))
}
