//! Images that a project builds itself.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use backlot_process::{ProcessError, Program};

use crate::client::Client;
use crate::error::ContainersError;

/// How long a build may take.
const LIMIT: Duration = Duration::from_hours(1);

/// What an image is built of.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Recipe {
    /// Its name.
    pub image: String,
    /// The folder that the builder is given, or a URL.
    pub context: PathBuf,
    /// The Dockerfile.
    pub dockerfile: PathBuf,
    /// Its text, in the place of a file.
    pub inline: Option<String>,
    /// The stage.
    pub target: Option<String>,
    /// The arguments.
    pub arguments: BTreeMap<String, String>,
    /// For which platform.
    pub platform: Option<String>,
}

impl Recipe {
    /// The builder's command line. Values of arguments are told by its environment.
    fn program(&self, client: &Client) -> Program {
        let mut words: Vec<String> = ["build", "--tag", &self.image].map(str::to_owned).into();
        let mut say = |option: &str, value: &str| words.extend([option.to_owned(), value.to_owned()]);
        match self.inline {
            Some(_) => say("--file", "-"),
            None => say("--file", &self.dockerfile.display().to_string()),
        }
        self.target.iter().for_each(|target| say("--target", target));
        self.platform.iter().for_each(|platform| say("--platform", platform));
        self.arguments.keys().for_each(|name| say("--build-arg", name));
        words.push(self.context.display().to_string());
        client.command(words).envs(&self.arguments).envs(&client.variables)
    }
}

/// Builds an image of `service`; `line` hears how it goes.
///
/// # Errors
/// [`ContainersError::Build`] with what the builder says.
pub fn build(
    client: &Client,
    (service, recipe): (&str, &Recipe),
    interrupted: &AtomicBool,
    line: &mut dyn FnMut(&str),
) -> Result<(), ContainersError> {
    let mut told = 0;
    let mut go_on = |printed: backlot_process::Printed<'_>| {
        told = crate::client::tell_lines(printed.stdout, told, line);
        !interrupted.load(Ordering::Relaxed)
    };
    let input = recipe.inline.clone().unwrap_or_default();
    match recipe.program(client).output_while(input.as_bytes(), LIMIT, &mut go_on) {
        Ok(output) if output.status.success() => Ok(()),
        Ok(output) => {
            let (service, last_lines) = (service.to_owned(), output.last_lines(15));
            Err(ContainersError::Build { service, image: recipe.image.clone(), last_lines })
        }
        Err(ProcessError::AskedToStop { .. }) => Err(ContainersError::Interrupted),
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::Recipe;
    use crate::client::{Client, Kind};

    #[test]
    fn no_value_is_on_the_command_line() {
        let client = Client {
            kind: Kind::Docker,
            program: "docker".into(),
            variables: BTreeMap::new(),
            is_rootless: false,
        };
        let recipe = Recipe {
            image: "a-web".into(),
            context: "/p".into(),
            dockerfile: "/p/Dockerfile".into(),
            target: Some("dev".into()),
            arguments: BTreeMap::from([("TOKEN".to_owned(), "s3cret".to_owned())]),
            ..Recipe::default()
        };
        let program = recipe.program(&client);
        let expected = "docker build --tag a-web --file /p/Dockerfile --target dev --build-arg TOKEN /p";
        assert_eq!(program.to_string(), expected);
        assert_eq!(program.variable("TOKEN").unwrap(), "s3cret");
        let inline = Recipe { inline: Some("FROM x".into()), ..recipe };
        assert!(inline.program(&client).to_string().contains("--file - "));
    }
}
