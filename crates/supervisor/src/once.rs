//! What a program is given that runs once as a service, while nobody here looks after it.

use std::io;
use std::net::Ipv4Addr;
use std::sync::Arc;

use backlot_process::{PortClaim, Program};
use backlot_view::Router;

use crate::addresses::Addresses;
use crate::container::ContainerRun;
use crate::driver::Own;
use crate::runbook::{AddressPlan, ProcessRun, Runbook};

/// The addresses that such programs share, above those of replicas and below the machine's.
const FIRST: u16 = 0xff01;
const COUNT: u32 = 0xfc;

/// Where the addresses of services lead while no supervisor runs them: to the servers among them.
pub fn router(runbook: &Runbook) -> Arc<dyn Router> {
    let addresses = Addresses::default();
    addresses.take(runbook);
    Arc::new(addresses)
}

impl AddressPlan {
    /// An address for the program of the process `pid`. Nobody asks for it, so two may well have the same.
    pub fn for_one_more(&self, pid: u32) -> Ipv4Addr {
        let place = FIRST + u16::try_from(pid % COUNT).unwrap_or_default();
        let [high, low] = place.to_be_bytes();
        Ipv4Addr::new(127, self.machine.octets()[1], high, low)
    }
}

impl ProcessRun {
    /// Its program, to be run by itself: at the ports that its file says where its addresses are its own, else at free ones.
    ///
    /// # Errors
    /// When no port is free.
    pub fn alone(&self) -> io::Result<Program> {
        let name = self.container.as_ref().map(|container| container.one_more("run"));
        self.alone_as(name.as_deref())
    }

    /// The same in a container, with the name that that is to have.
    pub fn alone_contained(&self, container: &ContainerRun) -> io::Result<(Program, String)> {
        let name = container.one_more("run");
        Ok((self.alone_as(Some(&name))?, name))
    }

    fn alone_as(&self, name: Option<&str>) -> io::Result<Program> {
        let own = self.ports.iter().map(|port| {
            if self.has_addresses { Ok(port.target) } else { PortClaim::any().map(|claim| claim.port()) }
        });
        let own = own.collect::<io::Result<Vec<u16>>>()?;
        let filling = Own::new(self, &own, name);
        let arguments = self.arguments.iter().map(|argument| argument.fill(&filling));
        let first = own.first().map(u16::to_string);
        let told = self.port_variables.iter().filter_map(|name| Some((name, first.clone()?)));
        Ok(Program::new(&self.program)
            .args(arguments)
            .envs(self.environment())
            .envs(told)
            .current_dir(&self.directory))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::net::Ipv4Addr;

    use crate::runbook::AddressPlan;

    #[test]
    fn one_more_has_an_address_that_no_replica_and_no_service_has() {
        let machine = Ipv4Addr::new(127, 20, 0xff, 0xfe);
        let plan = AddressPlan { machine, services: BTreeMap::new(), names: BTreeMap::new() };
        for pid in 0..1000 {
            let own = plan.for_one_more(pid);
            assert!(own > Ipv4Addr::new(127, 20, 0xff, 0) && own < machine, "{own}");
        }
    }
}
