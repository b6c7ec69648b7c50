//! Images: what they say of themselves, and how they come here.

use std::sync::atomic::AtomicBool;
use std::time::Duration;

use backlot_process::ProcessError;
use serde_json::Value as Json;

use crate::client::{Client, Kind};
use crate::error::ContainersError;

/// How long an image may take to come: some are gigabytes.
const PULL_LIMIT: Duration = Duration::from_mins(30);

/// An image that is here.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Image {
    /// The name that the engine knows it by.
    pub name: String,
    /// Its id, which changes with what is in it.
    pub id: String,
    /// The TCP ports that it exposes.
    pub ports: Vec<u16>,
    /// Its health check, as Docker writes it: `["CMD-SHELL", "…"]`.
    pub check: Vec<String>,
    /// That one's times in nanoseconds: interval, timeout, start period, start interval.
    pub check_times: [Option<u64>; 4],
    /// After how many failures it is not well.
    pub check_retries: Option<u64>,
    /// What it keeps in a volume of its own.
    pub volumes: Vec<String>,
}

/// Whether an image is pulled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pull {
    /// If it is not here.
    Missing,
    /// Each time.
    Always,
    /// It has to be here.
    Never,
}

/// The whole name of an image that Docker would take from its own registry; none for one that names another place.
pub(crate) fn hub_name(name: &str) -> Option<String> {
    let first = name.split('/').next().unwrap_or_default();
    if name.contains('/') && (first.contains(['.', ':']) || first == "localhost") {
        return None;
    }
    Some(if name.contains('/') { format!("docker.io/{name}") } else { format!("docker.io/library/{name}") })
}

/// The image `name`, if it is here.
///
/// # Errors
/// When the engine does not answer, or says what is no description.
pub fn find(client: &Client, name: &str) -> Result<Option<Image>, ContainersError> {
    // Podman knows no registry unless it is told one; in a Compose file it is Docker's.
    let whole = hub_name(name).filter(|_| client.kind == Kind::Podman);
    for name in [Some(name.to_owned()), whole].into_iter().flatten() {
        match client.ask(["image", "inspect", &name]) {
            Ok(text) => return read(&name, &text).map(Some),
            Err(ContainersError::Failed { said, command }) => {
                let is_missing = said.iter().any(|line| {
                    let line = line.to_ascii_lowercase();
                    line.contains("no such image")
                        || line.contains("not known")
                        || line.contains("did not resolve")
                });
                if !is_missing {
                    return Err(ContainersError::Failed { said, command });
                }
            }
            Err(error) => return Err(error),
        }
    }
    Ok(None)
}

/// Pulls the image of `service`; `line` hears how it goes.
///
/// # Errors
/// [`ContainersError::NoImage`] with what the engine says.
pub fn pull(
    client: &Client,
    (service, name): (&str, &str),
    platform: Option<&str>,
    interrupted: &AtomicBool,
    line: &mut dyn FnMut(&str),
) -> Result<(), ContainersError> {
    let whole = hub_name(name).filter(|_| client.kind == Kind::Podman).unwrap_or_else(|| name.to_owned());
    let mut words = vec!["pull"];
    words.extend(platform.iter().flat_map(|platform| ["--platform", *platform]));
    words.push(&whole);
    let (service, image) = (service.to_owned(), name.to_owned());
    match client.long(&words, PULL_LIMIT, interrupted, line) {
        Ok(output) if output.status.success() => Ok(()),
        Ok(output) => {
            let last_lines = output.last_lines(5);
            Err(ContainersError::NoImage { service, image, engine: client.kind, last_lines })
        }
        Err(ProcessError::TimedOut { limit, last_lines, .. }) => {
            Err(ContainersError::SlowImage { service, image, limit, last_lines })
        }
        Err(ProcessError::AskedToStop { .. }) => Err(ContainersError::Interrupted),
        Err(error) => Err(error.into()),
    }
}

fn read(name: &str, text: &str) -> Result<Image, ContainersError> {
    let garbage = || ContainersError::Garbage {
        command: "image inspect".to_owned(),
        expected: "description of an image",
        begin: text.chars().take(100).collect(),
    };
    let all: Json = serde_json::from_str(text).map_err(|_| garbage())?;
    let image = all.get(0).ok_or_else(garbage)?;
    let id = image["Id"].as_str().ok_or_else(garbage)?.to_owned();
    let config = &image["Config"];
    // Podman has it beside the rest.
    let check = [&config["Healthcheck"], &image["Healthcheck"]].into_iter().find(|check| check.is_object());
    let check = check.unwrap_or(&Json::Null);
    let keys = |node: &Json| -> Vec<String> {
        node.as_object().map(|map| map.keys().cloned().collect()).unwrap_or_default()
    };
    let port = |key: String| match key.split_once('/') {
        Some((port, "tcp")) => port.parse().ok(),
        Some(_) => None,
        None => key.parse().ok(),
    };
    Ok(Image {
        name: name.to_owned(),
        id,
        ports: keys(&config["ExposedPorts"]).into_iter().filter_map(port).collect(),
        check: check["Test"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|word| word.as_str().map(str::to_owned))
            .collect(),
        check_times: ["Interval", "Timeout", "StartPeriod", "StartInterval"]
            .map(|key| check[key].as_u64().filter(|time| *time > 0)),
        check_retries: check["Retries"].as_u64().filter(|count| *count > 0),
        volumes: keys(&config["Volumes"]),
    })
}

#[cfg(test)]
mod tests {
    use super::{hub_name, read};

    #[test]
    fn names_without_a_place_are_of_the_hub() {
        for (name, whole) in [
            ("adminer", Some("docker.io/library/adminer")),
            ("dpage/pgadmin4:8", Some("docker.io/dpage/pgadmin4:8")),
            ("ghcr.io/a/b", None),
            ("localhost/x", None),
            ("here:5000/x", None),
        ] {
            assert_eq!(hub_name(name).as_deref(), whole, "{name}");
        }
    }

    #[test]
    fn an_image_tells_of_its_ports_and_its_check() {
        let text = r#"[{"Id": "sha256:1", "Config": {"ExposedPorts": {"8080/tcp": {}, "53/udp": {}}, "Volumes": {"/data": {}},
            "Healthcheck": {"Test": ["CMD-SHELL", "true"], "Interval": 2000000000}}}]"#;
        let image = read("x", text).unwrap();
        assert_eq!((image.id.as_str(), &image.ports[..]), ("sha256:1", &[8080][..]));
        assert_eq!(
            (image.check.join(" ").as_str(), image.check_times[0]),
            ("CMD-SHELL true", Some(2_000_000_000))
        );
        assert_eq!(image.volumes, ["/data"]);
        // As Podman has it.
        let podman =
            read("x", r#"[{"Id": "1", "Healthcheck": {"Test": ["CMD", "a"]}, "Config": {}}]"#).unwrap();
        assert_eq!(podman.check, ["CMD", "a"]);
        assert!(read("x", "<html>").is_err() && read("x", "[]").is_err());
    }
}
