//! Whether a request may be given to a replica once more. Pure.

use http::Method;

/// How far a request got.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reached {
    /// Not one byte of it was written.
    Nobody,
    /// At least one byte was written to a replica.
    Replica,
}

/// What is left of a request's body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BodyLeft {
    /// All of it (or there is none).
    All,
    /// Something was taken from it, and it is not kept.
    Part,
}

/// A request that reached a replica is given to this many replicas at most. It might be what kills them.
pub(crate) const SENDS: u32 = 3;

/// A request is tried this often in all.
pub(crate) const ATTEMPTS: u32 = 16;

/// Whether doing it twice is the same as doing it once (RFC 9110, 9.2.2).
pub(crate) fn is_idempotent(method: &Method) -> bool {
    matches!(
        *method,
        Method::GET | Method::HEAD | Method::OPTIONS | Method::TRACE | Method::PUT | Method::DELETE
    )
}

/// Whether a request whose attempt failed may be tried again. `sends` counts the attempts that reached a replica.
pub(crate) fn may_repeat(idempotent: bool, body: BodyLeft, reached: Reached, sends: u32) -> bool {
    match (body, reached) {
        (BodyLeft::Part, Reached::Nobody | Reached::Replica) => false,
        (BodyLeft::All, Reached::Nobody) => true,
        (BodyLeft::All, Reached::Replica) => idempotent && sends < SENDS,
    }
}

#[cfg(test)]
mod tests {
    use super::{BodyLeft, Reached, SENDS, is_idempotent, may_repeat};
    use http::Method;

    #[test]
    fn what_was_sent_and_is_not_idempotent_is_never_repeated() {
        for body in [BodyLeft::All, BodyLeft::Part] {
            for sends in 0..5 {
                assert!(!may_repeat(false, body, Reached::Replica, sends));
            }
        }
    }

    #[test]
    fn what_was_not_sent_is_always_repeated() {
        assert!(may_repeat(false, BodyLeft::All, Reached::Nobody, 9));
        assert!(may_repeat(true, BodyLeft::All, Reached::Nobody, 9));
    }

    #[test]
    fn what_cannot_be_given_again_is_not() {
        for idempotent in [true, false] {
            for reached in [Reached::Nobody, Reached::Replica] {
                assert!(!may_repeat(idempotent, BodyLeft::Part, reached, 0));
            }
        }
    }

    #[test]
    fn a_request_kills_only_so_many() {
        assert!(may_repeat(true, BodyLeft::All, Reached::Replica, SENDS - 1));
        assert!(!may_repeat(true, BodyLeft::All, Reached::Replica, SENDS));
    }

    #[test]
    fn methods() {
        for method in ["GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"] {
            assert!(is_idempotent(&method.parse().unwrap()), "{method}");
        }
        for method in [Method::POST, Method::PATCH, Method::CONNECT, "BREW".parse().unwrap()] {
            assert!(!is_idempotent(&method), "{method}");
        }
    }
}
