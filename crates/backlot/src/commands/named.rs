//! What the services of an environment are called at the front door.

use backlot_engine::{
    Authority, Door, Entrance, Event, House, Site, door_names as names, entrances, house, open_door,
    standing_door,
};
use backlot_supervisor::{EndpointReport, ServiceReport};

use backlot_process::shell_quote;

use crate::context::Context;
use crate::error::CommandError;

/// An environment that can be reached by name.
#[derive(Debug)]
pub struct Named {
    door: Door,
    house: House,
    scheme: &'static str,
}

impl Named {
    /// The environment at `site`, if the door is open.
    pub fn of(site: &Site) -> Option<Self> {
        Some(Self { door: standing_door(site.home())?, house: house(site)?, scheme: "http" })
    }

    /// The same; the door is opened for it. That it cannot be is told, and no reason to do nothing else.
    pub fn opened(site: &Site, services: &[ServiceReport], context: &Context) -> Option<Self> {
        if entrances(services).is_empty() {
            return None;
        }
        match open_door(site.home(), &context.caller.variables) {
            Ok(door) => {
                let door = door?;
                if let Some(wanted) = door.instead_of {
                    let text = format!("the front door is at port {}: {wanted} cannot be had", door.port);
                    context.progress().show(Event::Warning(text));
                }
                Some(Self { door, house: house(site)?, scheme: "http" })
            }
            Err(error) => {
                let text = format!("services have no names: {}", backlot_process::in_full(&error));
                context.progress().show(Event::Warning(text));
                None
            }
        }
    }

    /// The same over TLS, with the local authority, which is made when there is none; and how it is trusted.
    pub fn over_tls(self, context: &Context) -> Result<Self, CommandError> {
        let authority = Authority::made(self.house.site.home())?;
        let path = shell_quote(&authority.path().to_string_lossy()).into_owned();
        for line in trusting(&path) {
            context.progress().say(&line);
        }
        Ok(Self { scheme: "https", ..self })
    }

    /// The environment's name.
    pub fn environment(&self) -> &str {
        &self.house.environment
    }

    /// What of the environment can be reached, and its URLs.
    pub fn urls(&self, services: &[ServiceReport]) -> Vec<(Entrance, String)> {
        let url = |entrance: &Entrance| {
            names::url(self.scheme, &format!("{}.{}", entrance.label, self.house.name), self.door.port)
        };
        entrances(services)
            .into_iter()
            .map(|entrance| (url(&entrance), entrance))
            .map(|(url, one)| (one, url))
            .collect()
    }
}

/// How the certificate at `path` is trusted here.
fn trusting(path: &str) -> Vec<String> {
    if cfg!(target_os = "macos") {
        return vec![format!(
            "  trusted by: security add-trusted-cert -r trustRoot -k ~/Library/Keychains/login.keychain-db {path}"
        )];
    }
    vec![
        format!(
            "  trusted by Chrome and Chromium:  certutil -d sql:$HOME/.pki/nssdb -A -t C,, -n backlot -i {path}"
        ),
        format!(
            "  by this machine, curl included:  sudo cp {path} /usr/local/share/ca-certificates/backlot.crt && sudo update-ca-certificates"
        ),
    ]
}

/// The addresses of services as people open them, with what is their name for it: those at the door, where that is open; else the
/// endpoints' own, published ones first.
pub fn addresses(named: Option<&Named>, services: &[ServiceReport]) -> Vec<(String, String)> {
    if let Some(named) = named {
        let urls = named.urls(services).into_iter();
        return urls.map(|(entrance, url)| (entrance.service, url)).collect();
    }
    let of = |service: &ServiceReport| {
        let mut endpoints: Vec<&EndpointReport> = service.endpoints.iter().collect();
        endpoints.sort_by_key(|endpoint| !endpoint.published);
        let urls = endpoints.into_iter().map(EndpointReport::url).filter(|url| url.starts_with("http"));
        urls.map(|url| (service.name.clone(), url)).collect::<Vec<_>>()
    };
    services.iter().filter(|service| !service.replicas.is_empty()).flat_map(of).collect()
}
