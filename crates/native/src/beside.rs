//! Commands beside a service, in the view that it has.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use backlot_process::{ProcessId, Program, end_all_with_variable};
use backlot_state::{Beside, EngineError, Exec, Site};
use backlot_supervisor::Routes;
use backlot_view::{Network, Route, Router, Transport, View};

use crate::supervise::connect;
use crate::views::describe;

/// By this variable, which has the environment's folder, commands beside services are known: they end with what they are beside.
const BESIDE: &str = "BACKLOT_BESIDE";
/// How long they may take for that.
const GRACE: Duration = Duration::from_millis(500);

/// Ends all commands beside services of the environment at `site`.
pub(crate) fn end_all(site: &Site) {
    end_all_with_variable(BESIDE, &site.dir().display().to_string(), GRACE);
}

/// How a command is run beside a service: in the very view of a process of it, if one runs.
pub(crate) fn exec(
    site: &Site,
    beside: &Beside,
    caller: &BTreeMap<String, String>,
) -> Result<Exec, EngineError> {
    let mut described = describe(site, &beside.service, caller)?;
    described.variables.extend(beside.variables.clone());
    described.variables.insert(BESIDE.to_owned(), site.dir().display().to_string());
    if let Some((program, name, variables)) = described.container {
        return Ok(Exec::Elsewhere(in_container(beside, &program, &name, &variables)));
    }
    let directory = beside.directory.clone().unwrap_or_else(|| described.directory.clone());
    let Some(made) = described.view(&directory)? else {
        return Ok(Exec::Here { variables: described.variables, directory, view: None });
    };
    let living = described.process.filter(ProcessId::is_alive);
    let mut view = living.and_then(|process| View::of(process.pid, &directory).ok()).unwrap_or(made);
    if let Some(own) = described.own {
        view = with_addresses(view, own, Supervised::new(site.clone(), None))?;
    }
    Ok(Exec::Here { variables: described.variables, directory, view: Some(Arc::new(view)) })
}

/// The client that has the command run in a container.
fn in_container(
    beside: &Beside,
    program: &Path,
    name: &str,
    variables: &BTreeMap<String, String>,
) -> Program {
    let terminal = if beside.terminal { &["--interactive", "--tty"][..] } else { &["--interactive"] };
    let exec = Program::new(program).arg("exec").args(terminal.iter().copied());
    let exec = beside.directory.iter().fold(exec, |exec, directory| exec.arg("--workdir").arg(directory));
    // Their values are the client's variables, and not its arguments, which everybody sees.
    let exec = beside.variables.keys().fold(exec, |exec, name| exec.arg("--env").arg(name));
    exec.arg(name).args(beside.command.iter().cloned()).envs(variables).envs(&beside.variables)
}

/// The same world, in which addresses mean what they do in the environment.
pub(crate) fn with_addresses(view: View, own: Ipv4Addr, router: Supervised) -> Result<View, EngineError> {
    let network = Network::new(own, BTreeMap::new(), Arc::new(router));
    view.with_network(Arc::new(network)).map_err(EngineError::Network)
}

/// The addresses of an environment, as its supervisor knows them.
pub(crate) struct Supervised {
    site: Site,
    /// Who knows them while there is none.
    otherwise: Option<Arc<dyn Router>>,
    routes: Mutex<Option<Routes>>,
}

impl Supervised {
    pub(crate) fn new(site: Site, otherwise: Option<Arc<dyn Router>>) -> Self {
        Self { site, otherwise, routes: Mutex::default() }
    }
}

impl Router for Supervised {
    fn route(&self, from: Ipv4Addr, to: Ipv4Addr, port: u16, transport: Transport) -> Route {
        let mut routes = self.routes.lock().unwrap_or_else(PoisonError::into_inner);
        let known = routes.as_mut().and_then(|routes| routes.ask(from, to, port, transport).ok());
        let found = known.or_else(|| {
            // Another one may have come since it was asked last.
            *routes = connect(&self.site).ok().and_then(|client| client.routes().ok());
            routes.as_mut()?.ask(from, to, port, transport).ok()
        });
        // It is gone, and with it all that could be reached; or there was none.
        let otherwise = || self.otherwise.as_ref().map(|known| known.route(from, to, port, transport));
        found.or_else(otherwise).unwrap_or(Route::Nobody)
    }
}
