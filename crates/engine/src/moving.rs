//! Published ports of a checkout beside others: the main checkout keeps those that its files say, and a linked worktree has
//! others in their place, always the same ones.
//!
//! In a linked worktree a port moves if the main checkout publishes it, whether that is up or not: who comes first must not
//! decide who has which address. What only the worktree's branch publishes moves if somebody has it. A plain second clone has
//! no main checkout; its ports move while another environment of a project of the same name has them. In all other checkouts a
//! port that is in use is in the way, as it was.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::io;
use std::net::{Ipv6Addr, SocketAddr};
use std::ops::Range;

use backlot_facts::container::Container;
use backlot_native::tenant_of;
use backlot_plan::Protocol;
use backlot_process::{try_address, try_port};
use backlot_project::stack::{Move, Moved, Port as ServicePort};
use backlot_project::{Environment, EnvironmentName, Project, ScenarioName};
use backlot_state::checkout::{Port, Why};
use backlot_state::{Checkout, Checkouts, EngineError, Home, Known, Site, short_hash};

/// The ports in the place of others: clear of those that are tried where any will do.
const PORTS: Range<u16> = 16_000..20_000;

/// A published port that is another one than the files say.
#[derive(Debug, Clone)]
pub struct MovedPort {
    /// The service that publishes it.
    pub service: String,
    /// The port that the files say.
    pub from: u16,
    /// The port in its place.
    pub to: u16,
    /// The address as people open it.
    pub address: String,
    /// Why.
    pub why: Why,
}

impl fmt::Display for MovedPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let whose = match self.why {
            Why::Main => "is the main checkout's",
            Why::Taken | Why::Own => "was somebody else's",
        };
        write!(f, "{}: {} {whose}, so {}", self.service, self.from, self.address)
    }
}

/// Moves the published ports of an environment to where they are known to be, or would be; and gives a linked worktree volumes
/// of its own where the files give them names that all checkouts would share.
pub fn apply_known(home: &Home, project: &Project, environment: &mut Environment) {
    let name = environment.name.clone();
    let moving = Moving { home, project, name: &name, key: key(project, &name) };
    let checkout = Checkout::of(project.root());
    if let Some(worktree) = checkout.linked().filter(|_| !environment.apart && !project.is_named()) {
        environment.set_apart(&end_of(worktree));
    }
    let Some(wanted) = moving.wanted(environment) else { return };
    let known = Checkouts::of(home).at(project.root());
    if known.as_ref().is_none_or(|known| known.ports.is_empty()) && checkout.linked().is_none() {
        return;
    }
    let mut moves = Moved::new();
    let mut unknown = Vec::new();
    for range in wanted {
        match known.as_ref().and_then(|known| moving.port_of(known, range)) {
            Some(port) if port.port != range.0 => {
                moves.insert(range.0, Move { to: port.port, count: port.count });
            }
            Some(_) => {}
            None => unknown.push(range),
        }
    }
    if !unknown.is_empty() && checkout.linked().is_some() {
        let mains = moving.published_by_main(&checkout);
        let mut taken = moving.taken_by(&Checkouts::of(home).all());
        for range in unknown.into_iter().filter(|range| overlaps(&mains, *range)) {
            if let Some(to) = moving.choose(range, &taken) {
                let to = Move { to, count: count(range) };
                taken.extend(to.to..to.to + to.count);
                moves.insert(range.0, to);
            }
        }
    }
    environment.move_ports(&moves);
}

/// Moves the published ports of an environment that is to be brought up to where they can be had, and `keeps` where that is;
/// else it is only looked at what an `up` would do.
///
/// # Errors
/// When it cannot be kept.
pub fn settle(
    home: &Home,
    project: &Project,
    environment: &mut Environment,
    keeps: bool,
) -> Result<(), EngineError> {
    let name = environment.name.clone();
    let moving = Moving { home, project, name: &name, key: key(project, &name) };
    let Some(published) = moving.wanted(environment) else { return Ok(()) };
    let checkout = Checkout::of(project.root());
    let site = Site::new(home, project, name.as_str());
    let runs = site.is_supervised()? || site.is_running()?;
    let is_linked = checkout.linked().is_some();
    let settling = Settling { moving, is_linked, mains: BTreeSet::new(), site, runs };
    // Nothing is kept of what is as its files say.
    let is_plain = !is_linked && environment.moved.is_empty();
    if is_plain && !published.iter().any(|range| settling.is_namesakes(*range)) {
        return Ok(());
    }
    let settling = Settling { mains: settling.moving.published_by_main(&checkout), ..settling };
    let checkouts = Checkouts::of(home);
    let moves = if keeps {
        checkouts.keep(project.root(), &project.directory_name(), |known, others| {
            let taken = settling.moving.taken_by(&[others(), vec![known.clone()]].concat());
            settling.decide(environment, known.ports.entry(settling.moving.key.clone()).or_default(), taken)
        })?
    } else {
        let known =
            checkouts.at(project.root()).and_then(|known| known.ports.get(&settling.moving.key).cloned());
        let taken = settling.moving.taken_by(&checkouts.all());
        settling.decide(environment, &mut known.unwrap_or_default(), taken)
    };
    environment.move_ports(&moves);
    Ok(())
}

/// What decides where the ports of an environment are.
struct Settling<'a> {
    moving: Moving<'a>,
    is_linked: bool,
    mains: BTreeSet<(u16, u16)>,
    site: Site,
    /// Whether it is up: then it has its ports.
    runs: bool,
}

impl Settling<'_> {
    /// Where published ports go that cannot stay where they are; `kept` has it, too.
    fn decide(
        &self,
        environment: &Environment,
        kept: &mut BTreeMap<u16, Port>,
        mut taken: BTreeSet<u16>,
    ) -> Moved {
        let mut moves = Moved::new();
        for (first, last) in environment.stack.published() {
            let asked = environment.moved.iter().find(|(_, moved)| moved.to == first);
            let from = asked.map_or(first, |(asked, _)| *asked);
            let range = (from, from + (last - first));
            let is_mains = self.is_linked && overlaps(&self.mains, range);
            let stays = if self.is_linked {
                let is_free = |port: u16| self.has(port) && !taken.contains(&port);
                !(is_mains && first == from) && (first..=last).all(is_free)
            } else {
                !self.is_namesakes((first, last))
            };
            let to = if stays { Some(first) } else { self.moving.choose(range, &taken) };
            // Without one it is an obstacle.
            let Some(to) = to else { continue };
            let count = count(range);
            taken.extend(to..to + count);
            if to != first {
                moves.insert(first, Move { to, count });
            }
            let now = match (to == from, is_mains) {
                (true, _) => Why::Own,
                (false, true) => Why::Main,
                (false, false) => Why::Taken,
            };
            let before = kept.get(&from).filter(|port| port.port == to).map(|port| port.why);
            if self.is_linked || to != from {
                kept.insert(from, Port { port: to, count, why: before.unwrap_or(now) });
            }
        }
        moves
    }

    /// Whether it has a port, or can have it.
    fn has(&self, port: u16) -> bool {
        self.runs || !is_taken(port) || self.moving.is_ours(port, &self.site)
    }

    /// Whether another checkout of a project of this name has one of these ports.
    fn is_namesakes(&self, (first, last): (u16, u16)) -> bool {
        !self.runs && (first..=last).any(|port| self.moving.has_namesake(port, &self.site))
    }
}

/// The ports of an environment that are others than its files say.
pub fn moved(home: &Home, project: &Project, environment: &Environment) -> Vec<MovedPort> {
    if environment.moved.is_empty() {
        return Vec::new();
    }
    let known = Checkouts::of(home).at(project.root());
    let kept = known.as_ref().and_then(|known| known.ports.get(&key(project, &environment.name)));
    let mut all: Vec<MovedPort> = Vec::new();
    for (from, moved) in &environment.moved {
        let (to, why) = (moved.to, kept.and_then(|kept| kept.get(from)).map_or(Why::Main, |port| port.why));
        for service in environment.stack.services.values() {
            let is_it = |port: &&ServicePort| port.published.is_some_and(|range| range.first == to);
            let Some(port) = service.ports.iter().find(is_it) else { continue };
            let address = match Container::of(service, project.root()).protocol(port.target) {
                Protocol::Tcp => format!("127.0.0.1:{to}"),
                Protocol::Http | Protocol::Auto => format!("http://127.0.0.1:{to}"),
            };
            all.push(MovedPort { service: service.name.clone(), from: *from, to, address, why });
        }
    }
    all
}

/// Gives an environment names of its own where another checkout has those of its files on Docker. Natively nothing is shared
/// that would need one.
pub fn apply_name_on_docker(home: &Home, project: &Project, environment: &mut Environment) {
    if environment.apart || project.is_named() {
        return;
    }
    let site = Site::new(home, project, environment.name.as_str());
    let end = Checkouts::of(home).end_on_docker(&site.key(), project.root(), &environment.stack.name);
    if let Some(end) = end {
        environment.set_apart(&end);
    }
}

/// By what it is known which environment of a checkout has ports.
fn key(project: &Project, name: &EnvironmentName) -> String {
    format!("{}/{name}", project.name())
}

struct Moving<'a> {
    home: &'a Home,
    project: &'a Project,
    name: &'a EnvironmentName,
    key: String,
}

impl Moving<'_> {
    /// The published ports that an environment wants for itself; none of one that takes free ones anyway.
    fn wanted(&self, environment: &Environment) -> Option<BTreeSet<(u16, u16)>> {
        let is_scenario = ScenarioName::of_environment(self.name.as_str()).is_some();
        let published = environment.stack.published();
        (!is_scenario && !environment.stack.throwaway && !published.is_empty()).then_some(published)
    }

    fn port_of<'k>(&self, known: &'k Known, range: (u16, u16)) -> Option<&'k Port> {
        known.ports.get(&self.key)?.get(&range.0).filter(|port| port.count == count(range))
    }

    /// The ports that the main checkout publishes; all of them where its files cannot be read.
    fn published_by_main(&self, checkout: &Checkout) -> BTreeSet<(u16, u16)> {
        let Some(main) = checkout.main() else { return BTreeSet::new() };
        let Ok(project) = self.project.beside(&main) else { return BTreeSet::new() };
        // One that was found above it is another project.
        if project.root() != main {
            return BTreeSet::new();
        }
        let mut names = project.environments();
        if !names.contains(self.name) {
            names.push(self.name.clone());
        }
        let published = names
            .into_iter()
            .map(|name| project.environment(&name).map(|environment| environment.stack.published()));
        published
            .collect::<Result<Vec<_>, _>>()
            .map_or_else(|_| BTreeSet::from([(0, u16::MAX)]), |all| all.into_iter().flatten().collect())
    }

    /// The ports that other checkouts have for themselves, and other environments of this one.
    fn taken_by(&self, others: &[Known]) -> BTreeSet<u16> {
        let own = self.project.root();
        let of = |known: &Known| {
            let is_own = known.root == own;
            let environments = known.ports.iter().filter(move |(name, _)| !is_own || **name != self.key);
            environments.flat_map(|(_, ports)| ports.values()).flat_map(Port::all).collect::<Vec<_>>()
        };
        others.iter().flat_map(of).collect()
    }

    /// Ports that are nobody's, the same ones each time.
    fn choose(&self, range: (u16, u16), taken: &BTreeSet<u16>) -> Option<u16> {
        let size = u32::from(PORTS.end - PORTS.start);
        let seed = format!("{}\0{}\0{}", self.project.root().display(), self.key, range.0);
        let begin = u32::from_str_radix(&short_hash(seed.as_bytes()), 16).unwrap_or_default();
        let all = (0..size)
            .map(|step| PORTS.start + u16::try_from((begin.wrapping_add(step)) % size).unwrap_or_default());
        let count = count(range);
        let is_free = |port: u16| !taken.contains(&port) && !is_taken(port);
        all.filter(|first| *first + count <= PORTS.end).find(|first| (*first..*first + count).all(is_free))
    }

    /// Whether the environment at `site` has a port.
    fn is_ours(&self, port: u16, site: &Site) -> bool {
        tenant_of(port).is_some_and(|tenant| {
            let other = Site::at(self.home, &tenant.dir);
            other.environment_dir() == site.environment_dir()
        })
    }

    /// Whether another checkout of a project of this name has a port.
    fn has_namesake(&self, port: u16, site: &Site) -> bool {
        if !is_taken(port) {
            return false;
        }
        let name = |site: &Site| {
            let project = site.environment_dir().parent()?.file_name()?.to_string_lossy().into_owned();
            Some(project.rsplit_once('-')?.0.to_owned())
        };
        let is_beside = |other: &Site| {
            other.environment_dir().parent() != site.environment_dir().parent() && name(other) == name(site)
        };
        tenant_of(port).is_some_and(|tenant| is_beside(&Site::at(self.home, &tenant.dir)))
            || self.has_namesake_on_docker(port)
    }

    /// The same of one that has it on Docker.
    fn has_namesake_on_docker(&self, port: u16) -> bool {
        let checkouts = Checkouts::of(self.home);
        let own = checkouts.at(self.project.root());
        let called = own.map_or_else(|| self.project.directory_name(), |own| own.called);
        let is_beside = |other: &Known| other.root != self.project.root() && other.called == called;
        let all = checkouts.all();
        let mut docker = all.iter().filter(|other| is_beside(other)).flat_map(|other| other.docker.values());
        docker.any(|other| other.ports.contains(&port))
    }
}

/// The name of a worktree as names can end with it.
fn end_of(worktree: &str) -> String {
    let fits = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' };
    let end: String = worktree.chars().map(fits).collect();
    // Two that differ in other letters alone differ here, too.
    if worktree == end { end } else { format!("{end}-{}", short_hash(worktree.as_bytes())) }
}

fn count((first, last): (u16, u16)) -> u16 {
    (last - first).saturating_add(1)
}

fn overlaps(all: &BTreeSet<(u16, u16)>, (first, last): (u16, u16)) -> bool {
    all.iter().any(|(one, other)| *one <= last && first <= *other)
}

/// Whether somebody listens at a port of this machine.
fn is_taken(port: u16) -> bool {
    let in_use = |tried: io::Result<()>| tried.is_err_and(|error| error.kind() == io::ErrorKind::AddrInUse);
    in_use(try_port(port)) || in_use(try_address(SocketAddr::from((Ipv6Addr::LOCALHOST, port))))
}
