//! Where the ports of a program really are.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddrV4};

use crate::calls::network::Transport;

/// A port as the program has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Key {
    pub(crate) transport: Transport,
    /// Whether it is of those sockets that take the newer addresses only: a program may have both kinds at one port.
    pub(crate) is_six_only: bool,
    pub(crate) port: u16,
}

/// A place, and whether somebody listens there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) place: SocketAddrV4,
    pub(crate) listens: bool,
}

/// The ports of a program.
#[derive(Debug)]
pub(crate) struct Table {
    own: Ipv4Addr,
    /// Ports that have a place of their own, whatever else is free.
    fixed: BTreeMap<u16, SocketAddrV4>,
    entries: BTreeMap<Key, Entry>,
}

impl Table {
    pub(crate) fn new(own: Ipv4Addr, fixed: BTreeMap<u16, SocketAddrV4>) -> Self {
        Self { own, fixed, entries: BTreeMap::new() }
    }

    /// The places at which a socket may be bound that is to have the port of `key`, to be tried in this order. A port of 0 is
    /// any that is free.
    pub(crate) fn places(&self, key: Key) -> Vec<SocketAddrV4> {
        let fixed = self.fixed.get(&key.port).filter(|_| key.transport == Transport::Tcp && !key.is_six_only);
        let known = self.entries.get(&key).map(|entry| entry.place);
        let any = SocketAddrV4::new(self.own, 0);
        // One that it has already has to be had again at the same place, or not at all.
        match known.or(fixed.copied()) {
            Some(place) => vec![place],
            // The same port of the same address is another socket's.
            None if key.is_six_only || key.port == 0 => vec![any],
            // Somebody who listens on every address has it at ours, too; or it is one of those below 1024.
            None => vec![SocketAddrV4::new(self.own, key.port), any],
        }
    }

    /// That a socket was bound: `asked` is what the program thinks, `place` is where it is.
    pub(crate) fn bound(&mut self, asked: Key, place: SocketAddrV4) {
        let port = if asked.port == 0 { place.port() } else { asked.port };
        self.entries
            .entry(Key { port, ..asked })
            .and_modify(|entry| entry.place = place)
            .or_insert(Entry { place, listens: asked.transport == Transport::Udp });
    }

    /// That the program listens at a place; which of its ports that is.
    pub(crate) fn listens(&mut self, place: SocketAddrV4) -> Option<u16> {
        let mut all = self.entries.iter_mut();
        let (key, entry) =
            all.find(|(key, entry)| key.transport == Transport::Tcp && entry.place == place)?;
        entry.listens = true;
        Some(key.port)
    }

    /// That somebody listens for it.
    pub(crate) fn serves(&mut self, port: u16, place: SocketAddrV4) {
        let key = Key { transport: Transport::Tcp, is_six_only: false, port };
        self.entries.insert(key, Entry { place, listens: true });
    }

    /// That nobody listens there any more.
    pub(crate) fn forget(&mut self, place: SocketAddrV4) {
        self.entries.retain(|_, entry| entry.place != place);
    }

    /// Where a port is; the newer addresses are asked first where a program has named one.
    pub(crate) fn find(&self, transport: Transport, port: u16, is_six: bool) -> Option<SocketAddrV4> {
        let at = |is_six_only| self.entries.get(&Key { transport, is_six_only, port });
        let six = at(true);
        let first = if is_six { six.or(at(false)) } else { at(false) };
        first.filter(|entry| entry.listens).map(|entry| entry.place)
    }

    /// The port that the program takes a place for, where that is another one.
    pub(crate) fn port_of(&self, transport: Transport, place: SocketAddrV4) -> Option<u16> {
        let mut all = self.entries.iter();
        let (key, _) = all.find(|(key, entry)| key.transport == transport && entry.place == place)?;
        Some(key.port).filter(|port| *port != place.port())
    }

    /// The ports at which it listens, and where each is.
    pub(crate) fn listening(&self) -> impl Iterator<Item = (u16, SocketAddrV4)> {
        let all = self.entries.iter().filter(|(key, entry)| key.transport == Transport::Tcp && entry.listens);
        let is_twin = |key: &Key| {
            let first = Key { is_six_only: false, ..*key };
            key.is_six_only && self.entries.get(&first).is_some_and(|entry| entry.listens)
        };
        all.filter(move |(key, _)| !is_twin(key)).map(|(key, entry)| (key.port, entry.place))
    }
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, SocketAddrV4};

    use super::{Key, Table};
    use crate::calls::network::Transport;

    const OWN: Ipv4Addr = Ipv4Addr::new(127, 9, 0, 7);

    fn at(port: u16) -> SocketAddrV4 {
        SocketAddrV4::new(OWN, port)
    }

    fn tcp(port: u16) -> Key {
        Key { transport: Transport::Tcp, is_six_only: false, port }
    }

    #[test]
    fn a_port_is_had_at_the_own_address_or_anywhere() {
        let table = Table::new(OWN, [(80, SocketAddrV4::new(Ipv4Addr::LOCALHOST, 8080))].into());
        assert_eq!(table.places(tcp(8000)), [at(8000), at(0)]);
        assert_eq!(table.places(tcp(0)), [at(0)]);
        assert_eq!(table.places(Key { is_six_only: true, ..tcp(8000) }), [at(0)]);
        assert_eq!(table.places(tcp(80)), [SocketAddrV4::new(Ipv4Addr::LOCALHOST, 8080)]);
        assert_eq!(table.places(Key { transport: Transport::Udp, ..tcp(80) }), [at(80), at(0)]);
    }

    #[test]
    fn one_that_is_elsewhere_is_found_there_as_soon_as_it_listens() {
        let mut table = Table::new(OWN, [].into());
        table.bound(tcp(80), at(40123));
        assert_eq!(table.find(Transport::Tcp, 80, false), None);
        assert_eq!(table.places(tcp(80)), [at(40123)]);
        assert_eq!(table.listens(at(40123)), Some(80));
        assert_eq!(table.find(Transport::Tcp, 80, true), Some(at(40123)));
        assert_eq!(table.find(Transport::Udp, 80, false), None);
        assert_eq!(table.listening().collect::<Vec<_>>(), [(80, at(40123))]);
        table.forget(at(40123));
        assert_eq!(table.places(tcp(80)), [at(80), at(0)]);
        assert_eq!(table.listens(at(1)), None);
    }

    #[test]
    fn any_port_keeps_its_number() {
        let mut table = Table::new(OWN, [].into());
        table.bound(tcp(0), at(41000));
        table.listens(at(41000));
        assert_eq!(table.find(Transport::Tcp, 41000, false), Some(at(41000)));
    }

    #[test]
    fn sockets_of_both_kinds_share_a_port() {
        let mut table = Table::new(OWN, [].into());
        let six = Key { is_six_only: true, ..tcp(80) };
        table.bound(six, at(2));
        table.listens(at(2));
        assert_eq!(table.find(Transport::Tcp, 80, false), None);
        assert_eq!(table.listening().collect::<Vec<_>>(), [(80, at(2))]);
        table.bound(tcp(80), at(80));
        table.listens(at(80));
        assert_eq!(table.find(Transport::Tcp, 80, false), Some(at(80)));
        assert_eq!(table.find(Transport::Tcp, 80, true), Some(at(2)));
        assert_eq!(table.listening().collect::<Vec<_>>(), [(80, at(80))]);
    }
}
