//! Commands beside a service, in the view that it has.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use backlot_process::{ProcessId, Program, end_all_with_variable};
use backlot_state::{Beside, EngineError, Exec, Site};
use backlot_supervisor::{Answer, Request};
use backlot_view::{Network, Route, Router, Transport, View};

use crate::views::{ask_now, describe};

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
        view = with_addresses(view, own, Supervised { site: site.clone(), otherwise: None })?;
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
    pub(crate) site: Site,
    /// Who knows them while there is none.
    pub(crate) otherwise: Option<Arc<dyn Router>>,
}

impl Router for Supervised {
    fn route(&self, from: Ipv4Addr, to: Ipv4Addr, port: u16, transport: Transport) -> Route {
        match ask_now(&self.site, &Request::Route { from, to, port, transport }) {
            Ok(Answer::Route(route)) => route,
            // It is gone, and with it all that could be reached; or there was none.
            Ok(_) | Err(_) => match &self.otherwise {
                Some(otherwise) => otherwise.route(from, to, port, transport),
                None => Route::Nobody,
            },
        }
    }
}
