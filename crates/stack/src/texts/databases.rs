//! Where databases are, in texts that lead to them.

use backlot_facts::address::{Address, HERE};

use crate::translation::Translation;

impl Translation<'_> {
    /// A text of a service with the databases' addresses in its URLs and lists of parameters.
    pub(super) fn led(&self, text: &str) -> String {
        let all = self.other_addresses().into_iter().chain(self.address());
        all.fold(text.to_owned(), |text, address| address.led(&text))
    }

    /// Where the databases beside the environment's own are.
    pub(super) fn other_addresses(&self) -> Vec<Address<'_>> {
        let others = self.databases.iter().skip(1);
        let port = |name: &str| self.server(name).map_or(0, |database| database.port);
        others.map(|service| Address { service, host: "127.0.0.1", port: port(service), here: &[] }).collect()
    }

    /// Where the database is; before it runs, at a port that is nobody's.
    pub(super) fn address(&self) -> Option<Address<'_>> {
        let (host, port) = ("127.0.0.1", self.database().map_or(0, |database| database.port));
        self.databases.first().map(|service| Address { service, host, port, here: self.here() })
    }

    fn here(&self) -> &'static [&'static str] {
        if self.throwaway { &HERE } else { &[] }
    }
}
