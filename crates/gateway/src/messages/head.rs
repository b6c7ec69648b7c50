//! What the headers of a message say about the message itself.

use httparse::Header;

use crate::messages::body::Framing;
use crate::messages::rules::{MAX_HEADERS, Role, names_nothing, role, words};

/// Room for the headers of one message.
pub(crate) type Room<'a> = [std::mem::MaybeUninit<Header<'a>>; MAX_HEADERS];

/// Room that nothing was written to.
#[expect(
    clippy::large_stack_arrays,
    reason = "only the beginning is ever touched, and it lives as long as one head is read"
)]
pub(crate) const fn room<'a>() -> Room<'a> {
    [const { std::mem::MaybeUninit::uninit() }; MAX_HEADERS]
}

/// Lengths that a message claims to have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Length {
    None,
    Of(u64),
    /// No number, or several.
    Bad,
}

/// What the headers of a message say.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is said by a header of its own")]
pub(crate) struct Survey<'a> {
    headers: &'a [Header<'a>],
    pub(crate) hosts: u32,
    pub(crate) host: Option<&'a [u8]>,
    pub(crate) length: Length,
    pub(crate) codings: u32,
    /// The last of them.
    pub(crate) coding: &'a [u8],
    says_close: bool,
    says_keep_alive: bool,
    /// `Connection` names headers that stay on it.
    names: bool,
    says_upgrade: bool,
    upgrade: Option<&'a [u8]>,
    is_h2c: bool,
    pub(crate) takes_trailers: bool,
    pub(crate) has_trailers: bool,
    pub(crate) expects: bool,
    pub(crate) is_spoken_for: bool,
    pub(crate) has_date: bool,
}

impl<'a> Survey<'a> {
    pub(crate) fn of(headers: &'a [Header<'a>]) -> Self {
        let mut survey = Self {
            headers,
            hosts: 0,
            host: None,
            length: Length::None,
            codings: 0,
            coding: b"",
            says_close: false,
            says_keep_alive: false,
            names: false,
            says_upgrade: false,
            upgrade: None,
            is_h2c: false,
            takes_trailers: false,
            has_trailers: false,
            expects: false,
            is_spoken_for: false,
            has_date: false,
        };
        for header in headers {
            survey.see(header);
        }
        survey
    }

    fn see(&mut self, header: &Header<'a>) {
        let value = header.value;
        match role(header.name.as_bytes()) {
            Role::Plain | Role::Hop | Role::Disguised => {}
            Role::Connection => self.see_connection(value),
            Role::Te => {
                self.takes_trailers |= words(value).any(|word| word.eq_ignore_ascii_case(b"trailers"));
            }
            Role::Coding => {
                self.codings += 1;
                self.coding = value;
            }
            Role::Length => {
                self.length = match (self.length, number(value)) {
                    (Length::None, Some(one)) => Length::Of(one),
                    (Length::Of(other), Some(one)) if other == one => Length::Of(one),
                    (Length::None | Length::Of(_) | Length::Bad, _) => Length::Bad,
                };
            }
            Role::Upgrade => {
                self.is_h2c |= words(value).any(|word| word.eq_ignore_ascii_case(b"h2c"));
                if self.upgrade.is_none() {
                    self.upgrade = words(value).next().is_some().then_some(value);
                }
            }
            Role::Host => {
                self.hosts += 1;
                self.host = Some(value);
            }
            Role::Expect => self.expects |= value.eq_ignore_ascii_case(b"100-continue"),
            Role::Trailer => self.has_trailers = true,
            Role::Date => self.has_date = true,
            Role::Claim => self.is_spoken_for = true,
        }
    }

    fn see_connection(&mut self, value: &[u8]) {
        for word in words(value) {
            self.says_close |= word.eq_ignore_ascii_case(b"close");
            self.says_keep_alive |= word.eq_ignore_ascii_case(b"keep-alive");
            self.says_upgrade |= word.eq_ignore_ascii_case(b"upgrade");
            self.names |= !names_nothing(word);
        }
    }

    /// Whether the connection is there for another message; with `is_old` the message is of HTTP/1.0. To close it counts for
    /// more (RFC 9112, 9.3).
    pub(crate) fn stays(&self, is_old: bool) -> bool {
        !self.says_close && (!is_old || self.says_keep_alive)
    }

    /// Whether the last coding is that of chunks, so that one sees where the body ends.
    pub(crate) fn ends_in_chunks(&self) -> bool {
        words(self.coding).last().is_some_and(|word| word.eq_ignore_ascii_case(b"chunked"))
    }

    /// The protocol that is to be changed to. HTTP/2 is not one of them: what follows could not be looked at.
    pub(crate) fn upgrade(&self) -> Option<&'a [u8]> {
        self.upgrade.filter(|_| self.says_upgrade && !self.is_h2c)
    }

    /// The same of a response, which need not say more than the protocol.
    pub(crate) fn changed_to(&self) -> Option<&'a [u8]> {
        self.upgrade
    }

    /// Whether `Connection` says of a header that it is meant for the connection.
    fn is_named(&self, name: &str) -> bool {
        let lists = self.headers.iter().filter(|header| role(header.name.as_bytes()) == Role::Connection);
        lists
            .flat_map(|header| words(header.value))
            .any(|word| word.eq_ignore_ascii_case(name.as_bytes()) && !names_nothing(word))
    }

    /// Headers that are meant for whoever gets the message in the end, with what they are. How the body is framed, and what
    /// is said anew for the next connection, is not among them.
    pub(crate) fn kept(&self) -> impl Iterator<Item = (Role, &Header<'a>)> {
        self.headers.iter().filter_map(|header| {
            let role = role(header.name.as_bytes());
            let goes = match role {
                Role::Connection | Role::Hop | Role::Te | Role::Coding | Role::Length | Role::Upgrade => true,
                Role::Plain
                | Role::Host
                | Role::Expect
                | Role::Trailer
                | Role::Date
                | Role::Claim
                | Role::Disguised => self.names && self.is_named(header.name),
            };
            (!goes).then_some((role, header))
        })
    }

    /// Whether somebody else asks, as what is kept of the headers says.
    pub(crate) fn is_still_spoken_for(&self) -> bool {
        self.is_spoken_for && self.kept().any(|(role, _)| role == Role::Claim)
    }
}

/// A length: digits and nothing else.
fn number(value: &[u8]) -> Option<u64> {
    let is_number = !value.is_empty() && value.iter().all(u8::is_ascii_digit);
    is_number.then(|| std::str::from_utf8(value).ok()?.parse().ok()).flatten()
}

/// Writes one header.
pub(crate) fn write_line(out: &mut Vec<u8>, name: &[u8], value: &[u8]) {
    for part in [name, b": ", value, b"\r\n"] {
        out.extend_from_slice(part);
    }
}

/// Writes how a body is framed. One that ends with the connection is said so by that.
pub(crate) fn write_framing(out: &mut Vec<u8>, framing: Framing) {
    match framing {
        Framing::Length(length) => {
            write_line(out, b"Content-Length", length.to_string().as_bytes());
        }
        Framing::Chunked => out.extend_from_slice(b"Transfer-Encoding: chunked\r\n"),
        Framing::Close => {}
    }
}
