//! The ports that an `up` wants: they are tried before anything is started.

mod tenant;

use std::collections::BTreeSet;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use backlot_hint::{self, Explain, Hint};
use backlot_process::{PortHolder, address_holder, command_lines_up_from, try_address, try_port};
use backlot_project::{Environment, Location};
use backlot_stack::Claim;
use backlot_state::{EngineError, Site};

use crate::claims::tenant::tenant;
pub use crate::claims::tenant::{Tenant, tenant_of};

/// How long the holder of a port may take to end that is about to.
const ENDING: Duration = Duration::from_secs(5);
/// And one that nobody knows.
const UNKNOWN: Duration = Duration::from_millis(500);
const STEP: Duration = Duration::from_millis(5);

/// A port that cannot be had.
#[derive(Debug, thiserror::Error)]
#[error("port {}, which service {service} publishes, is {trouble}", named(*.address))]
pub struct PortError {
    /// The address.
    pub address: SocketAddr,
    /// The service that wants it.
    pub service: String,
    /// Where that is defined.
    pub at: Location,
    /// Why it cannot have it.
    pub trouble: PortTrouble,
    /// A setting of another port for one run: `POSTGRES_PORT=5433`.
    pub other: Option<String>,
}

/// All ports that cannot be had, at least one.
#[derive(Debug, thiserror::Error)]
#[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n  "))]
pub struct PortErrors(pub Vec<PortError>);

/// Why a port cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum PortTrouble {
    /// Somebody listens there.
    #[error("in use{}", by(.holder.as_ref(), .tenant.as_ref()))]
    InUse {
        /// Who, as far as the system tells.
        holder: Option<PortHolder>,
        /// The environment of Backlot that this belongs to, if it is one.
        tenant: Option<Tenant>,
    },
    /// Only root may listen there.
    #[error("not open to this account")]
    Forbidden,
    /// The address is another machine's.
    #[error("at no address of this machine")]
    Elsewhere,
}

impl PortError {
    fn is_by_one_that_has_ended(&self) -> bool {
        matches!(&self.trouble, PortTrouble::InUse { holder: Some(holder), tenant: None } if has_ended(holder))
    }

    /// The way out.
    pub fn hint(&self) -> Hint {
        let Self { service, at, other, .. } = self;
        let way = match &self.trouble {
            PortTrouble::InUse { tenant: Some(tenant), .. } => tenant.way_down(),
            PortTrouble::InUse { holder: Some(PortHolder::Process { pid, .. }), .. } => {
                format!("stop it: kill {pid}").into()
            }
            PortTrouble::InUse { holder: Some(PortHolder::Account(_)) | None, .. } => {
                "stop what uses it".into()
            }
            PortTrouble::Forbidden => "run backlot as root".into(),
            PortTrouble::Elsewhere => "name one of this machine's addresses".into(),
        };
        let way = way.then(format!("; or publish another port for {service} ({at})"));
        match other {
            Some(other) => way.then(format!("; or choose another one for this run: {other} backlot …")),
            None => way,
        }
    }
}

/// The port, with its address where that is not the usual one.
fn named(address: SocketAddr) -> String {
    if address.ip() == Ipv4Addr::LOCALHOST { address.port().to_string() } else { address.to_string() }
}

fn by(holder: Option<&PortHolder>, tenant: Option<&Tenant>) -> String {
    match (holder, tenant) {
        (Some(holder), Some(tenant)) => {
            let (name, place) = (&tenant.name, tenant.project.as_ref().unwrap_or(&tenant.dir).display());
            let process = holder.pid().map(|pid| format!(" (process {pid})")).unwrap_or_default();
            format!(" by {name} of {place}{process}")
        }
        (Some(holder), None) => format!(" by {holder}"),
        (None, _) => String::new(),
    }
}

/// Tries the ports of `claims`, for the environment at `site`; those that cannot be had. What that has already, it keeps. `open` are its endpoints
/// where the system does not tell whose a port is.
pub(super) fn check(
    claims: &[Claim],
    site: &Site,
    open: &[u16],
    environment: &Environment,
) -> Vec<PortError> {
    let tried = |claim: &Claim| match try_patiently(claim.address) {
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
            let mut error = in_use(claim, address_holder(claim.address), environment);
            // It was killed since it was looked at.
            if error.is_by_one_that_has_ended() {
                try_patiently(claim.address).err()?;
                error = in_use(claim, address_holder(claim.address), environment);
            }
            let is_ours = match &mut error.trouble {
                PortTrouble::InUse { tenant: Some(tenant), .. } => {
                    tenant.called = tenant.other_name(site);
                    tenant.dir == site.dir()
                }
                PortTrouble::InUse { holder: None, .. } => open.contains(&claim.address.port()),
                PortTrouble::InUse { .. } | PortTrouble::Forbidden | PortTrouble::Elsewhere => false,
            };
            (!is_ours).then_some(error)
        }
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            Some(error_of(claim, PortTrouble::Forbidden, environment))
        }
        // Not every machine has both of its own.
        Err(error) if error.kind() == io::ErrorKind::AddrNotAvailable && !claim.is_twin(claims) => {
            Some(error_of(claim, PortTrouble::Elsewhere, environment))
        }
        // Whatever else may be wrong with it, whoever listens there will find out and tell.
        Ok(()) | Err(_) => None,
    };
    told_once(claims.iter().filter_map(tried))
}

/// What one environment has of a port, at however many addresses, is in the way once.
fn told_once(all: impl Iterator<Item = PortError>) -> Vec<PortError> {
    let mut told = BTreeSet::new();
    let mut is_first = |error: &PortError| match &error.trouble {
        PortTrouble::InUse { tenant: Some(tenant), .. } => {
            told.insert((error.service.clone(), error.address.port(), tenant.dir.clone()))
        }
        PortTrouble::InUse { .. } | PortTrouble::Forbidden | PortTrouble::Elsewhere => true,
    };
    all.filter(|error| is_first(error)).collect()
}

/// Tries a port. One whose holder is about to end, such as a supervisor that was just killed, is tried again for a moment.
fn try_patiently(address: SocketAddr) -> io::Result<()> {
    let start = Instant::now();
    loop {
        match try_address(address) {
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
                let patience = match address_holder(address) {
                    _ if cfg!(not(target_os = "linux")) => Duration::ZERO,
                    // It has let go meanwhile, or nobody tells who it is.
                    None => UNKNOWN,
                    Some(holder) if has_ended(&holder) => ENDING,
                    Some(_) => Duration::ZERO,
                };
                if start.elapsed() >= patience {
                    return Err(error);
                }
            }
            tried => return tried,
        }
        std::thread::sleep(STEP);
    }
}

/// A process that ends has no command line any more before its files are closed.
fn has_ended(holder: &PortHolder) -> bool {
    let is_nothing =
        |pid| command_lines_up_from(pid).first().is_none_or(|words| words.iter().all(String::is_empty));
    holder.pid().is_some_and(is_nothing)
}

/// That somebody holds a port.
pub(super) fn in_use(claim: &Claim, holder: Option<PortHolder>, environment: &Environment) -> PortError {
    let tenant =
        holder.as_ref().and_then(PortHolder::pid).and_then(|pid| tenant(&command_lines_up_from(pid)));
    error_of(claim, PortTrouble::InUse { holder, tenant }, environment)
}

fn error_of(claim: &Claim, trouble: PortTrouble, environment: &Environment) -> PortError {
    let Claim { service, address, at } = claim.clone();
    PortError { address, service, at, trouble, other: another(address.port(), environment) }
}

/// A variable that has this port, and of which the files make one that is published, set to the next one that is free.
fn another(port: u16, environment: &Environment) -> Option<String> {
    let value = port.to_string();
    let texts: Vec<String> =
        environment.files.iter().filter_map(|file| backlot_files::text(file).ok()).collect();
    let is_published = |name: &str| texts.iter().any(|text| text.lines().any(|line| publishes(line, name)));
    let mut variables = environment.variables.iter();
    let (name, _) = variables
        .find(|(name, variable)| name.ends_with("PORT") && variable.value == value && is_published(name))?;
    let free = (port.checked_add(1)?..=u16::MAX).find(|port| try_port(*port).is_ok())?;
    Some(format!("{name}={free}"))
}

/// Whether a line of a Compose file publishes the port that a variable has: in a list of `ports`, or as `published`.
fn publishes(line: &str, name: &str) -> bool {
    let Some((before, _)) =
        line.split_once(&format!("${{{name}")).or_else(|| line.split_once(&format!("${name}")))
    else {
        return false;
    };
    let is_item = before.trim_start().starts_with('-') && !before.contains('=');
    is_item || before.contains("ports:") || before.contains("published:")
}

impl Explain for PortError {
    fn code(&self) -> &'static str {
        "port-in-use"
    }

    fn hint(&self) -> Option<Hint> {
        Some(Self::hint(self))
    }
}

impl Explain for PortErrors {
    fn code(&self) -> &'static str {
        "port-in-use"
    }

    fn hint(&self) -> Option<Hint> {
        self.0.iter().map(PortError::hint).reduce(|one, other| one.then("\n").then(other))
    }
}

impl From<PortErrors> for EngineError {
    fn from(errors: PortErrors) -> Self {
        Self::of(errors)
    }
}

impl From<Box<PortError>> for EngineError {
    fn from(error: Box<PortError>) -> Self {
        Self::of(*error)
    }
}

#[cfg(test)]
mod tests {
    use super::publishes;
    #[cfg(target_os = "linux")]
    use super::{PortHolder, has_ended};

    #[test]
    fn a_variable_is_named_where_a_port_is_made_of_it() {
        for (line, expected) in [
            ("      - \"${DB_PORT}:5432\"", true),
            ("      - 127.0.0.1:${DB_PORT:-5432}:5432", true),
            ("    ports: ['$DB_PORT:5432']", true),
            ("        published: ${DB_PORT}", true),
            ("      - 5432:5432", false),
            ("      - URL=postgres://db:${DB_PORT}/x", false),
            ("      DB_PORT: ${DB_PORT}", false),
        ] {
            assert_eq!(publishes(line, "DB_PORT"), expected, "{line}");
        }
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_process_that_was_killed_is_about_to_let_its_ports_go() {
        use backlot_process::{Program, Signal, SpawnOptions};
        let mut child = Program::new("/bin/sleep").arg("60").spawn(SpawnOptions::default()).unwrap();
        let process = child.id();
        let holder = PortHolder::Process { pid: process.pid, command: String::new(), account: None };
        assert!(!has_ended(&holder));
        process.signal(Signal::SIGKILL).unwrap();
        assert!(process.wait_gone(std::time::Duration::from_secs(10)));
        assert!(has_ended(&holder), "nobody has waited for it yet");
        child.kill().unwrap();
    }

    /// It goes on as a program without a command line, as the system shows one that ends, and has the port until its input ends.
    #[cfg(target_os = "linux")]
    const ENDS_SLOWLY: &str = "$^F = 99; $| = 1;
        $door = IO::Socket::INET->new(Listen => 1, LocalAddr => '127.0.0.1', LocalPort => 0);
        print $door->sockport, qq(\n);
        exec { '/bin/cat' } '';";

    #[test]
    #[cfg(target_os = "linux")]
    fn a_port_is_waited_for_whose_holder_takes_its_time_to_end() {
        use backlot_process::{Program, SpawnOptions, Stream};
        use std::io::{BufRead, BufReader};
        let options = SpawnOptions { stdin: Stream::Pipe, stdout: Stream::Pipe, ..SpawnOptions::default() };
        let arguments = ["-MIO::Socket::INET", "-e", ENDS_SLOWLY];
        let mut child = Program::new("/usr/bin/perl").args(arguments).spawn(options).unwrap();
        let (input, output) = (child.take_stdin().unwrap(), child.take_stdout().unwrap());
        let mut line = String::new();
        BufReader::new(output).read_line(&mut line).unwrap();
        let address = std::net::SocketAddr::from(([127, 0, 0, 1], line.trim().parse().unwrap()));
        while !super::address_holder(address).is_some_and(|holder| has_ended(&holder)) {
            std::thread::sleep(super::STEP);
        }
        let ends = std::thread::spawn(move || {
            std::thread::sleep(super::UNKNOWN * 2);
            drop(input);
        });
        super::try_patiently(address).unwrap();
        ends.join().unwrap();
        child.kill().unwrap();
    }
}
