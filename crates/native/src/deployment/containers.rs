//! What has to be there before services run as containers beside processes.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::thread::JoinHandle;

use backlot_containers::{Client, ContainersError, Image, Way, find, know_volume, network, remove_all};
use backlot_facts::NoService;
use backlot_project::Service;
use backlot_stack::{Cast, Containers, Looked, StackError, Translation};
use backlot_state::{EngineError, Taken, Wishes, short_hash};
use serde_json::Value as Json;

use crate::DatabaseService;
use crate::containers::{clear, identity};
use crate::deployment::NativeStack;
use crate::deployment::fault::Fault;
use crate::programs;

/// What containers are run with, as soon as there is a network for them.
pub(super) struct Coming {
    containers: Containers,
    network: Option<JoinHandle<Result<Way, ContainersError>>>,
}

impl Coming {
    /// Waits for the network.
    pub(super) fn wait(mut self) -> Result<Containers, EngineError> {
        let way = self.network.take().and_then(|network| network.join().ok());
        let way = way.unwrap_or(Err(ContainersError::Interrupted))?;
        Ok(Containers { way, ..self.containers.clone() })
    }
}

impl Drop for Coming {
    /// Nothing is made any more when what was made is removed.
    fn drop(&mut self) {
        let _ = self.network.take().map(JoinHandle::join);
    }
}

impl NativeStack<'_> {
    /// Why it cannot run natively, with containers beside where there can be some, when `wishes` are asked for; none when it can.
    ///
    /// # Errors
    /// For a service that is not there.
    pub fn obstacle(&self, wishes: &Wishes) -> Result<Option<EngineError>, EngineError> {
        let wanted = |service: &&DatabaseService<'_>| {
            wishes.services.is_empty()
                || wishes.services.contains(&service.database().service)
                || wishes.database_only
        };
        // Another engine may well understand it.
        let is_wanted = |fault: &&Fault| {
            fault.is_own || wishes.services.is_empty() || wishes.services.contains(&fault.service)
        };
        if let Some(fault) = self.faults.iter().find(is_wanted) {
            return Ok(Some(EngineError::of(Arc::clone(&fault.error))));
        }
        if let Err(error) = programs::missing(self.database.iter().filter(wanted)) {
            return Ok(Some(error));
        }
        for service in self.database.iter().filter(wanted) {
            let checked = service.missing().and_then(|missing| service.check_extension(&missing));
            if let Err(error) = checked {
                return Ok(Some(error));
            }
        }
        if wishes.database_only {
            return Ok(None);
        }
        let translation = self.translation(&[], wishes, BTreeMap::new());
        let contains = translation.wants_containers(&wishes.services)? && self.client().is_ok();
        let translation = Translation { contains, ..translation };
        Ok(translation.why_not(&wishes.services)?.map(EngineError::from))
    }

    /// What an `up` runs, with containers where they are needed and can be had.
    pub(super) fn cast(&self, wishes: &Wishes) -> Result<Cast, EngineError> {
        self.cast_with(self.translation(&[], wishes, BTreeMap::new()), wishes)
    }

    /// The same with a `translation` that may be of other files.
    pub(super) fn cast_with(
        &self,
        translation: Translation<'_>,
        wishes: &Wishes,
    ) -> Result<Cast, EngineError> {
        self.with_containers(translation, wishes)?.cast(&wishes.services)
    }

    /// The same, with all that is in the way.
    pub(super) fn look(&self, wishes: &Wishes) -> Result<Looked, EngineError> {
        let translation = self.translation(&[], wishes, BTreeMap::new());
        Ok(self.with_containers(translation, wishes)?.look(&wishes.services)?)
    }

    /// With what there is to be had of containers, where some are needed.
    fn with_containers<'t>(
        &'t self,
        translation: Translation<'t>,
        wishes: &Wishes,
    ) -> Result<Translation<'t>, EngineError> {
        if !translation.wants_containers(&wishes.services)? {
            return Ok(translation);
        }
        let (contains, no_containers) = match self.client() {
            Ok(_) => (true, None),
            Err(why) => (false, Some(why)),
        };
        Ok(Translation { contains, no_containers, ..translation })
    }

    /// The engine for containers, looked for once; else why there is none.
    pub(super) fn client(&self) -> Result<&Client, &str> {
        let find = || {
            if !self.contains {
                return Err("--engine native has no containers".to_owned());
            }
            Client::find(self.ground.caller).map_err(|error| error.to_string())
        };
        self.client.get_or_init(find).as_ref().map_err(String::as_str)
    }

    /// Why services of `cast` are left out that could be containers, to be told with each.
    pub(super) fn no_containers(&self) -> Option<&str> {
        self.client.get()?.as_ref().err().map(String::as_str)
    }

    /// The engine that `cast` needs; none is asked where nothing needs it.
    pub(super) fn client_of(&self, cast: &Cast) -> Option<&Client> {
        if cast.containers.is_empty() {
            return None;
        }
        self.client().ok()
    }

    /// What the resolved file says under a key of a service.
    pub(super) fn said(&self, service: &Service, key: &str) -> Option<String> {
        let model: &Json = &self.environment.stack.resolved()["services"][service.name.as_str()];
        model[key].as_str().map(str::to_owned)
    }

    pub(super) fn service(&self, name: &str) -> Result<&Service, EngineError> {
        let stack = &self.environment.stack;
        Ok(stack.services.get(name).ok_or_else(|| StackError::from(NoService::of(name, stack)))?)
    }

    /// What the containers of `cast` are run with; with `taken`, what of it is not there is made.
    pub(super) fn prepare(
        &self,
        cast: &Cast,
        taken: Option<&Taken>,
    ) -> Result<Option<Containers>, EngineError> {
        let Some(client) = self.client_of(cast) else { return Ok(None) };
        let mut images = BTreeMap::new();
        for name in &cast.containers {
            let image = self.image_name(self.service(name)?);
            let found = find(client, &image)?;
            images.insert(name.clone(), found.unwrap_or(Image { name: image, ..Image::default() }));
        }
        self.begin(cast, images, taken)?.map(Coming::wait).transpose()
    }

    /// The same with images that are known, begun: a network takes its time, in which a database can be started.
    pub(super) fn begin(
        &self,
        cast: &Cast,
        images: BTreeMap<String, Image>,
        taken: Option<&Taken>,
    ) -> Result<Option<Coming>, EngineError> {
        let Some(client) = self.client_of(cast) else { return Ok(None) };
        if let Some(taken) = taken {
            // Whoever comes after a kill has to know whom to ask.
            let before = self.site.containers::<Client>()?;
            if before.is_some_and(|before| before.program != client.program) {
                clear(taken, true)?;
            }
            taken.note_containers(client)?;
        }
        let (mark, identity, is_made) = (self.network_name(), identity(&self.site), taken.is_some());
        let places = self.translation(&[], &Wishes::default(), BTreeMap::new()).places(&cast.containers);
        let more = places.values().copied().max().unwrap_or(0);
        let containers = Containers {
            client: client.clone(),
            images,
            way: Way::Loopback { network: None, host: String::new() },
            places,
            prefix: self.environment.stack.name.clone(),
            mark: mark.clone(),
        };
        let client = client.clone();
        let make = move || network(&client, (&mark, &identity), more, is_made);
        let network = std::thread::Builder::new().name("network".into()).spawn(make);
        let network = network.map_err(ContainersError::Thread)?;
        Ok(Some(Coming { containers, network: Some(network) }))
    }

    /// After a start that failed: nothing of what was begun for it is left.
    pub(super) fn give_up(&self, cast: &Cast) {
        if let Some(client) = self.client_of(cast) {
            let _ = remove_all(client, &identity(&self.site), true);
        }
    }

    /// Makes the folders of services that keep data, and has the engine of containers know those that it is told of by name.
    pub(super) fn make_places(&self, translation: &Translation<'_>, cast: &Cast) -> Result<(), EngineError> {
        self.make_folders(translation, cast)?;
        for (name, folder) in translation.known_volumes() {
            if let Some(containers) = translation.containers {
                know_volume(&containers.client, (&name, &identity(&self.site)), &folder)?;
            }
        }
        Ok(())
    }

    fn network_name(&self) -> String {
        let hash = short_hash(identity(&self.site).as_bytes());
        format!("{}-{}", self.environment.stack.name, hash.get(..8).unwrap_or(&hash))
    }
}
