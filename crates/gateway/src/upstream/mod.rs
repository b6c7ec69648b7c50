//! The way to a replica: connections to it, at rest and at work, and the bodies that go over them.

pub(crate) mod link;
pub(crate) mod pool;
pub(crate) mod request_body;
