//! How the images of services come here that run as containers beside processes.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use backlot_containers::{Client, ContainersError, Image, Pull, Recipe, build, find, pull};
use backlot_plan::Told;
use backlot_process::is_offline;
use backlot_project::Service;
use backlot_stack::{Cast, Translation};
use backlot_state::{EngineError, Event, Obstacles, Report, Wishes, tell};

use crate::deployment::NativeStack;

/// How an image comes here.
enum Step {
    Pull(String),
    Build(Box<Recipe>),
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pull(image) => write!(f, "pull the image {image}"),
            Self::Build(recipe) => write!(f, "build the image {}", recipe.image),
        }
    }
}

impl Told for Step {
    fn heading(&self) -> &'static str {
        "image"
    }
}

impl NativeStack<'_> {
    /// How the images of `cast` come here that are not, in words. What cannot be had is left out as by [`Self::bring_images`].
    pub(super) fn image_steps(&self, cast: &mut Cast, wishes: &Wishes) -> Result<Vec<String>, EngineError> {
        let (mut steps, mut left_out) = (Vec::new(), Vec::new());
        let Some(client) = self.client_of(cast) else { return Ok(steps) };
        let mut see = |name: &str| {
            let (_, _, step) = self.image_step(client, self.service(name)?, wishes)?;
            let step = step.map(|step| step.to_string()).filter(|step| !steps.contains(step));
            steps.extend(step);
            Ok(())
        };
        self.for_each(cast, wishes, &mut see, &mut left_out)?;
        steps.extend(left_out);
        Ok(steps)
    }

    /// How the image of a container comes here first, in a word, if it has to.
    pub(super) fn image_comes(
        &self,
        cast: &Cast,
        name: &str,
        wishes: &Wishes,
    ) -> Result<Option<&'static str>, EngineError> {
        let Some(client) = self.client_of(cast) else { return Ok(None) };
        let (_, _, step) = self.image_step(client, self.service(name)?, wishes)?;
        Ok(step.map(|step| match step {
            Step::Pull(_) => "pulled",
            Step::Build(_) => "built",
        }))
    }

    /// Does something for each container of `cast`. Where it fails for an image, its services are left out, which is said in
    /// `left_out`; what cannot be done without is told at once.
    fn for_each(
        &self,
        cast: &mut Cast,
        wishes: &Wishes,
        act: &mut dyn FnMut(&str) -> Result<(), EngineError>,
        left_out: &mut Vec<String>,
    ) -> Result<(), EngineError> {
        let mut failed: Vec<(String, BTreeSet<String>, EngineError)> = Vec::new();
        for name in &cast.containers {
            let image = self.image_name(self.service(name)?);
            if let Some((_, names, _)) = failed.iter_mut().find(|(known, ..)| *known == image) {
                names.insert(name.clone());
            } else if let Err(error) = act(name) {
                self.ground.go_on()?;
                failed.push((image, [name.clone()].into(), error));
            }
        }
        let translation = self.translation(&[], wishes, BTreeMap::new());
        // What is left out itself needs nothing more.
        while let Some(at) = failed
            .iter()
            .position(|(_, names, _)| self.can_do_without(names, &cast.services, (&translation, wishes)))
        {
            let (_, names, error) = failed.remove(at);
            left_out.extend(names.iter().map(|name| self.left_out(name, &error)));
            cast.services.retain(|name| !names.contains(name));
            cast.containers.retain(|name| !names.contains(name));
        }
        let faulty = failed.iter().flat_map(|(_, names, _)| names.iter().cloned()).collect();
        let rest = translation.rest(&wishes.services, &cast.services, &faulty);
        Obstacles::none(failed.into_iter().map(|(.., error)| error).collect(), rest)
    }

    /// Whether nobody has asked for any of `names`, and nothing else of `services` needs one. What the project builds is its own:
    /// without it, it is not up.
    fn can_do_without(
        &self,
        names: &BTreeSet<String>,
        services: &BTreeSet<String>,
        (translation, wishes): (&Translation<'_>, &Wishes),
    ) -> bool {
        let others: BTreeSet<String> = services.difference(names).cloned().collect();
        let can = |name: &String| {
            self.service(name).is_ok_and(|service| service.build.is_none())
                && translation.needs(name, &others).is_none()
        };
        wishes.services.is_empty() && names.iter().all(can)
    }

    /// Has all images here that `cast` needs, before anything else is done. What cannot be had is left out where nobody has asked
    /// for it or needs it.
    pub(super) fn bring_images(
        &self,
        cast: &mut Cast,
        wishes: &Wishes,
        report: Report<'_>,
    ) -> Result<BTreeMap<String, Image>, EngineError> {
        let mut images = BTreeMap::new();
        let Some(client) = self.client_of(cast) else { return Ok(images) };
        let mut left_out = Vec::new();
        let mut bring = |name: &str| {
            images.insert(name.to_owned(), self.bring_image(client, name, wishes, report)?);
            Ok(())
        };
        let outcome = self.for_each(cast, wishes, &mut bring, &mut left_out);
        for said in left_out {
            report(Event::Warning(said));
        }
        outcome?;
        Ok(images)
    }

    /// That a service without an image is left out, with what was said last, why it is no process, and the place.
    fn left_out(&self, name: &str, error: &EngineError) -> String {
        let hint = error.hint().map(|hint| hint.render("")).unwrap_or_default();
        let said = hint.lines().take_while(|line| !line.starts_with("or ")).filter(|line| !line.is_empty());
        let said = said.last().map(|line| format!(" ({line})"));
        let process = self.translation(&[], &Wishes::default(), BTreeMap::new()).why_no_process(name);
        let process =
            process.map(|why| format!("; as a process it does not run, either: {why}")).unwrap_or_default();
        let place =
            self.environment.stack.services.get(name).map(|service| format!(" ({})", service.location));
        format!(
            "{error}{}: {name} is left out{}{process}",
            said.unwrap_or_default(),
            place.unwrap_or_default()
        )
    }

    fn bring_image(
        &self,
        client: &Client,
        name: &str,
        wishes: &Wishes,
        report: Report<'_>,
    ) -> Result<Image, EngineError> {
        let service = self.service(name)?;
        let (image, found, step) = self.image_step(client, service, wishes)?;
        let is_wanted = || Image { name: image.clone(), ..Image::default() };
        let Some(step) = step else { return Ok(found.unwrap_or_else(is_wanted)) };
        let platform = self.said(service, "platform");
        tell(&step, report, |report| {
            let mut line = |text: &str| report(Event::Said(text));
            let interrupted = self.ground.interrupted;
            match &step {
                Step::Pull(image) => {
                    pull(client, (name, image), platform.as_deref(), interrupted, &mut line)?;
                }
                Step::Build(recipe) => build(client, (name, recipe), interrupted, &mut line)?,
            }
            Ok(image.clone())
        })?;
        Ok(find(client, &image)?.unwrap_or_else(is_wanted))
    }

    /// The image of a service, and how it is brought here if it has to be.
    fn image_step(
        &self,
        client: &Client,
        service: &Service,
        wishes: &Wishes,
    ) -> Result<(String, Option<Image>, Option<Step>), EngineError> {
        let name = self.image_name(service);
        let found = find(client, &name)?;
        let is_here = found.is_some();
        let offline = is_offline(self.ground.caller);
        let policy = match self.said(service, "pull_policy").as_deref() {
            _ if offline => Pull::Never,
            Some("always") => Pull::Always,
            Some("never") => Pull::Never,
            Some(_) | None => Pull::Missing,
        };
        let builds = wishes.build || self.said(service, "pull_policy").as_deref() == Some("build");
        let step = match service.build {
            Some(_) if wishes.no_build && !is_here => {
                let (service, why) = (service.name.clone(), "nothing is to be built (--no-build)");
                return Err(ContainersError::NotHere { service, image: name, why }.into());
            }
            Some(_) if wishes.no_build => None,
            Some(_) if builds || !is_here => Some(Step::Build(Box::new(self.recipe(service, &name)))),
            Some(_) => None,
            None => match policy {
                Pull::Never if !is_here => {
                    let service = service.name.clone();
                    let why = if offline {
                        "nothing is to be fetched (--offline)"
                    } else {
                        "its pull_policy is `never`"
                    };
                    return Err(ContainersError::NotHere { service, image: name, why }.into());
                }
                Pull::Missing if !is_here => Some(Step::Pull(name.clone())),
                Pull::Always => Some(Step::Pull(name.clone())),
                Pull::Missing | Pull::Never => None,
            },
        };
        Ok((name, found, step))
    }

    /// As Compose calls it: what the file says, else what is built of it.
    pub(super) fn image_name(&self, service: &Service) -> String {
        let said = self.said(service, "image").filter(|name| !name.is_empty());
        said.unwrap_or_else(|| format!("{}-{}", self.environment.stack.name, service.name))
    }

    fn recipe(&self, service: &Service, image: &str) -> Recipe {
        let Some(build) = &service.build else { return Recipe::default() };
        let value = |(name, value): (&String, &Option<String>)| {
            let value = value.as_ref().or_else(|| self.ground.caller.get(name))?;
            Some((name.clone(), value.clone()))
        };
        Recipe {
            image: image.to_owned(),
            context: build.context.clone(),
            dockerfile: build.dockerfile.clone(),
            inline: build.dockerfile_inline.clone(),
            target: build.target.clone(),
            arguments: build.args.iter().filter_map(value).collect(),
            platform: self.said(service, "platform"),
        }
    }
}
