//! What is sent, and what is to come of it.

mod answers;
mod bodies;
mod requests;

pub(crate) use answers::ANSWERS;
pub(crate) use bodies::BODIES;
pub(crate) use requests::REQUESTS;

/// Bytes, and the status that a client gets for them.
#[allow(dead_code, reason = "only one of the tests that use it looks at all of it")]
pub(crate) struct Exchange {
    pub(crate) bytes: &'static str,
    pub(crate) gateway: u16,
    pub(crate) nginx: u16,
    /// Why the two differ, if they do.
    pub(crate) why: Option<&'static str>,
}

const fn same(status: u16, bytes: &'static str) -> Exchange {
    Exchange { bytes, gateway: status, nginx: status, why: None }
}

const fn differs(gateway: u16, nginx: u16, why: &'static str, bytes: &'static str) -> Exchange {
    Exchange { bytes, gateway, nginx, why: Some(why) }
}
