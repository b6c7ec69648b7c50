//! Parts of a service that can still be wrong once their types are right.

use super::nodes::text;
use super::{Image, Port, PortRange, Protocol};
use backlot_compose::{Error, Problem, port_range, split_words};
use backlot_plan::RestartPolicy;
use backlot_yaml::{Node, Problem as YamlProblem, Value};

/// The largest number of copies that anyone can mean.
const MAX_REPLICAS: i128 = 10_000;

/// Takes an image's name apart.
pub(super) fn image(name: &str) -> Image {
    let (name, digest) = match name.split_once('@') {
        Some((name, digest)) => (name, Some(digest.to_owned())),
        None => (name, None),
    };
    // A colon before the last slash belongs to a registry's port.
    let last = name.rfind('/').map_or(0, |slash| slash + 1);
    match name[last..].split_once(':') {
        Some((short, tag)) => {
            let repository = format!("{}{short}", &name[..last]);
            Image { repository, tag: Some(tag.to_owned()).filter(|tag| !tag.is_empty()), digest }
        }
        None => Image { repository: name.to_owned(), tag: None, digest },
    }
}

/// The words of a command; `None` when it is null.
pub(super) fn words(node: &Node) -> Result<Option<Vec<String>>, Error> {
    match &node.value {
        Value::Null => Ok(None),
        Value::List(items) => Ok(Some(items.iter().filter_map(|item| item.value.scalar_text()).collect())),
        Value::String(line) => split_words(line).map(Some).map_err(|reason| {
            let problem = Problem::Command { value: line.clone(), reason };
            node.span.error(problem).with_hint("write the command as a list of words")
        }),
        Value::Bool(_) | Value::Int(_) | Value::Float(_) | Value::Map(_) => {
            Err(node.wrong_type("a command", "a string or a list"))
        }
    }
}

/// A port in long form.
pub(super) fn port(node: &Node) -> Result<Option<Port>, Error> {
    let Some(target_node) = node.get("target") else {
        return Err(node.span.error(YamlProblem::KeyMissing { at: "a port".to_owned(), key: "target" }));
    };
    let fail = |node: &Node, reason: &str| {
        let value = node.value.scalar_text().unwrap_or_default();
        node.span.error(Problem::Port { value, reason: reason.to_owned() })
    };
    let target = target_node.as_int().and_then(|port| u16::try_from(port).ok()).filter(|port| *port != 0);
    let target = target.ok_or_else(|| fail(target_node, "a port is a number from 1 to 65535"))?;
    let published = match node.get("published").filter(|node| !node.is_null()) {
        None => None,
        Some(node) => match node.value.scalar_text().filter(|text| !text.is_empty()) {
            None => None,
            // Port 0 asks for any, as no port does.
            Some(text) => match port_range(&text).map_err(|reason| fail(node, reason))? {
                (0, 0) => None,
                (first, last) => Some(PortRange { first, last }),
            },
        },
    };
    let protocol = match text(node, "protocol").map(|text| text.to_ascii_lowercase()).as_deref() {
        None | Some("tcp") => Protocol::Tcp,
        Some("udp") => Protocol::Udp,
        Some("sctp") => Protocol::Sctp,
        Some(_) => {
            return Err(fail(node.get("protocol").unwrap_or(node), "the protocol is not tcp, udp or sctp"));
        }
    };
    let (host_ip, app_protocol) = (text(node, "host_ip"), text(node, "app_protocol"));
    Ok(Some(Port { target, published, host_ip, protocol, app_protocol }))
}

/// `restart`, else what `deploy.restart_policy` says.
pub(super) fn restart(service: &Node) -> Result<RestartPolicy, Error> {
    let Some(node) = service.get("restart").filter(|node| !node.is_null()) else {
        return Ok(deploy_restart(service));
    };
    let text = node.as_str().unwrap_or_default();
    let (policy, retries) =
        text.split_once(':').map_or((text, None), |(policy, retries)| (policy, Some(retries)));
    match (policy, retries) {
        ("" | "no", None) => Ok(RestartPolicy::No),
        ("always", None) => Ok(RestartPolicy::Always),
        ("unless-stopped", None) => Ok(RestartPolicy::UnlessStopped),
        ("on-failure", None) => Ok(RestartPolicy::OnFailure(None)),
        ("on-failure", Some(retries)) if retries.parse::<u32>().is_ok() => {
            Ok(RestartPolicy::OnFailure(retries.parse().ok().filter(|retries| *retries != 0)))
        }
        _ => {
            let allowed = ["no", "always", "on-failure", "on-failure:3", "unless-stopped"];
            let hint = format!("write one of {}", allowed.join(", "));
            Err(node.not_allowed("restart", &allowed).with_hint(hint))
        }
    }
}

fn deploy_restart(service: &Node) -> RestartPolicy {
    let Some(policy) = service.get("deploy").and_then(|deploy| deploy.get("restart_policy")) else {
        return RestartPolicy::No;
    };
    let max_retries = policy.get("max_attempts").and_then(|node| node.value.scalar_text()?.parse().ok());
    match text(policy, "condition").as_deref() {
        Some("none") => RestartPolicy::No,
        Some("on-failure") => RestartPolicy::OnFailure(max_retries),
        _ => RestartPolicy::Always,
    }
}

/// `scale`, else `deploy.replicas`, else one.
pub(super) fn replicas(service: &Node) -> Result<u32, Error> {
    let deployed = || service.get("deploy").and_then(|deploy| deploy.get("replicas"));
    let Some(node) = service.get("scale").or_else(deployed).filter(|node| !node.is_null()) else {
        return Ok(1);
    };
    if let Some(count) = node.as_int().filter(|count| (0..=MAX_REPLICAS).contains(count)) {
        return Ok(u32::try_from(count).unwrap_or(1));
    }
    let value = node.value.scalar_text().unwrap_or_default();
    let (at, expected) = ("the number of replicas".to_owned(), "from 0 to 10000");
    Err(node.span.error(YamlProblem::Cast { at, expected, value }))
}

#[cfg(test)]
mod tests {
    use super::image;

    #[test]
    fn images_are_taken_apart() {
        let cases = [
            ("postgres", "postgres", None, None),
            ("postgres:16", "postgres", Some("16"), None),
            ("r.example:5000/a/b", "r.example:5000/a/b", None, None),
            ("r.example:5000/a/b:1.2", "r.example:5000/a/b", Some("1.2"), None),
            ("a:1@sha256:ff", "a", Some("1"), Some("sha256:ff")),
            ("postgres:", "postgres", None, None),
        ];
        for (name, repository, tag, digest) in cases {
            let image = image(name);
            let parts = (image.repository.as_str(), image.tag.as_deref(), image.digest.as_deref());
            assert_eq!(parts, (repository, tag, digest), "{name}");
        }
    }
}
