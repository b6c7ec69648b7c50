//! Removal of what belongs to an environment, always by its label.

use std::time::{Duration, Instant};

use crate::client::{Client, Kind, label};
use crate::error::ContainersError;
use crate::image::find;

/// How long containers may take to go.
const LIMIT: Duration = Duration::from_secs(20);
const STEP: Duration = Duration::from_millis(50);

/// The words that remove containers at once, whatever they do.
pub fn remove(kind: Kind) -> Vec<String> {
    let words: &[&str] = match kind {
        Kind::Docker => &["rm", "--force", "--volumes"],
        // It would ask them to end first, for ten seconds.
        Kind::Podman => &["rm", "--force", "--volumes", "--time", "0"],
    };
    words.iter().map(|word| (*word).to_owned()).collect()
}

/// Removes all containers of an environment, and with `networks` its networks, and what it knows as volumes, too.
///
/// # Errors
/// When the engine does not answer, or something lives on.
pub fn remove_all(client: &Client, environment: &str, networks: bool) -> Result<(), ContainersError> {
    let filter = format!("label={}", label(environment));
    let list = ["ps", "--all", "--quiet", "--no-trunc", "--filter", &filter];
    until_none(client, &list, &remove(client.kind))?;
    if networks {
        let list = ["network", "ls", "--quiet", "--filter", &filter];
        until_none(client, &list, &["network", "rm"].map(str::to_owned))?;
        // What is in them are folders of ours.
        let list = ["volume", "ls", "--quiet", "--filter", &filter];
        until_none(client, &list, &["volume", "rm"].map(str::to_owned))?;
    }
    Ok(())
}

/// What is on its way out already is only waited for.
fn until_none(client: &Client, list: &[&str], remove: &[String]) -> Result<(), ContainersError> {
    let start = Instant::now();
    loop {
        let text = client.ask(list)?;
        let found: Vec<String> = text.split_whitespace().map(str::to_owned).collect();
        if found.is_empty() {
            return Ok(());
        }
        let outcome = client.ask(remove.iter().cloned().chain(found));
        if let Err(error) = outcome
            && start.elapsed() > LIMIT
        {
            return Err(error);
        }
        std::thread::sleep(STEP);
    }
}

/// Removes an image; `false` when there is none of that name.
///
/// # Errors
/// When it cannot be removed, as somebody uses it.
pub fn remove_image(client: &Client, name: &str) -> Result<bool, ContainersError> {
    if find(client, name)?.is_none() {
        return Ok(false);
    }
    client.ask(["image", "rm", name]).map(|_| true)
}
