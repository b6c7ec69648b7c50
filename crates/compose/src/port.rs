//! The short form of a service's ports: `ip:host:container/protocol`, each of them a port or a range.

use std::net::IpAddr;

use backlot_yaml::{Map, Node, Span, Value};

use crate::error::{Error, Problem};

/// A range of ports, both ends included.
pub(crate) type Range = (u16, u16);

/// Expands a short port into long ones, one for each port of the container.
pub(crate) fn expand_port(text: &str, span: &Span) -> Result<Vec<Node>, Error> {
    let fail = |reason: &str| {
        span.error(Problem::Port { value: text.to_owned(), reason: reason.to_owned() }).with_hint(
            "write CONTAINER, HOST:CONTAINER or IP:HOST:CONTAINER, as in \"127.0.0.1:8080:80/tcp\"",
        )
    };
    let (addresses, protocol) = text.split_once('/').unwrap_or((text, "tcp"));
    let protocol = protocol.to_ascii_lowercase();
    if !matches!(protocol.as_str(), "tcp" | "udp" | "sctp") {
        return Err(fail("the protocol is not tcp, udp or sctp"));
    }
    let (before, container) = addresses.rsplit_once(':').unwrap_or(("", addresses));
    let (ip, host) = before.rsplit_once(':').unwrap_or(("", before));
    let ip = ip.strip_prefix('[').and_then(|ip| ip.strip_suffix(']')).unwrap_or(ip);
    if !ip.is_empty() && ip.parse::<IpAddr>().is_err() {
        return Err(fail("what stands before the host's port is no IP address"));
    }
    let (first, last) = range(container).map_err(fail)?;
    let host = if host.is_empty() { None } else { Some(range(host).map_err(fail)?) };
    let one_of_many = host.filter(|host| host.1 > host.0 && first == last);
    if let Some(host) = host
        && one_of_many.is_none()
        && host.1 - host.0 != last - first
    {
        return Err(fail("the host's range and the container's differ in length"));
    }
    let mut ports: Vec<(u16, Option<String>)> = (0..=last - first)
        .map(|offset| {
            let published = match one_of_many {
                Some((first, last)) => Some(format!("{first}-{last}")),
                None => host.map(|host| (host.0 + offset).to_string()),
            };
            (first + offset, published)
        })
        .collect();
    // Compose sorts the ports of a range by their text.
    ports.sort_by_key(|(target, _)| target.to_string());
    Ok(ports.into_iter().map(|(target, published)| long(ip, target, published, &protocol, span)).collect())
}

fn long(ip: &str, target: u16, published: Option<String>, protocol: &str, span: &Span) -> Node {
    let mut map = Map::default();
    map.set("mode", Value::String("ingress".to_owned()), span);
    if !ip.is_empty() {
        map.set("host_ip", Value::String(ip.to_owned()), span);
    }
    map.set("target", Value::Int(i128::from(target)), span);
    if let Some(published) = published {
        map.set("published", Value::String(published), span);
    }
    map.set("protocol", Value::String(protocol.to_owned()), span);
    Node::new(Value::Map(map), span.clone())
}

/// A port or a range of them.
pub fn range(text: &str) -> Result<Range, &'static str> {
    const REASON: &str = "a port is a number from 0 to 65535";
    let port = |text: &str| {
        let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        if digits { text.parse::<u16>().map_err(|_| REASON) } else { Err(REASON) }
    };
    if text.is_empty() {
        return Err("the container's port is missing");
    }
    let (first, last) = match text.split_once('-') {
        Some((first, last)) => (port(first)?, port(last)?),
        None => (port(text)?, port(text)?),
    };
    if last < first { Err("the range ends before it begins") } else { Ok((first, last)) }
}
