//! Who has which name. It is kept, so that a name means the same after a `down`, a restart and a reboot, whoever comes first.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use backlot_state::{EngineError, Home, Lock, VERSION, read_state, write_state};
use serde::{Deserialize, Serialize};

use crate::names::free;
use crate::place;

/// What is in the key of an environment, and not in that of a project.
pub(crate) const PART: char = '/';
/// How long others may take to write theirs.
const LIMIT: Duration = Duration::from_secs(2);

/// Who wants a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Wanted {
    /// Who, for ever.
    pub(crate) key: String,
    /// The directory that it is about: when that is gone, others may have the name.
    pub(crate) root: PathBuf,
    /// The name, if nobody else has it.
    pub(crate) name: String,
}

/// A name that was given.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Claim {
    pub(crate) root: PathBuf,
    wanted: String,
    pub(crate) name: String,
}

/// All names that were given, by who has them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Claims {
    version: u32,
    pub(crate) claims: BTreeMap<String, Claim>,
}

impl Default for Claims {
    fn default() -> Self {
        Self { version: VERSION, claims: BTreeMap::new() }
    }
}

impl Claims {
    /// The name of one to whom one was given.
    pub(crate) fn name_of<'a>(&'a self, key: &'a str) -> &'a str {
        self.claims.get(key).map_or(key, |claim| &claim.name)
    }

    /// Gives each of `wanted` its name. Whether anything is new.
    pub(crate) fn give(&mut self, wanted: &[Wanted], is_there: impl Fn(&Path) -> bool) -> bool {
        let mut changed = false;
        for one in wanted {
            if self.claims.get(&one.key).is_some_and(|claim| claim.wanted == one.name) {
                continue;
            }
            // A project and its environment of the usual name are called the same.
            let is_rival = |key: &String| *key != one.key && key.contains(PART) == one.key.contains(PART);
            let is_of_another = |name: &str| {
                let mut others =
                    self.claims.iter().filter(|(key, claim)| is_rival(key) && claim.name == name);
                others.any(|(_, claim)| is_there(&claim.root))
            };
            let name = free(&one.name, is_of_another);
            self.claims.retain(|key, claim| !is_rival(key) || claim.name != name);
            let claim = Claim { root: one.root.clone(), wanted: one.name.clone(), name };
            self.claims.insert(one.key.clone(), claim);
            changed = true;
        }
        changed
    }
}

fn path(home: &Home) -> PathBuf {
    place::directory(home).join("names.json")
}

/// The names that were given. What cannot be read is nobody's: they are given anew.
pub(crate) fn known(home: &Home) -> Claims {
    read_state(&path(home)).ok().flatten().unwrap_or_default()
}

/// Has `give` give names, and keeps what is new of them. Where that cannot be kept, it counts all the same.
pub(crate) fn settle(home: &Home, mut give: impl FnMut(&mut Claims) -> bool) -> Claims {
    let mut claims = known(home);
    if !give(&mut claims) {
        return claims;
    }
    let mut kept = || -> Result<Claims, EngineError> {
        home.make(&place::directory(home))?;
        let _lock = Lock::acquire(&path(home).with_extension("lock"), LIMIT)?;
        let mut claims = known(home);
        if give(&mut claims) {
            let environment = String::new();
            write_state(&claims, &path(home))
                .map_err(|source| EngineError::Record { environment, source })?;
        }
        Ok(claims)
    };
    kept().unwrap_or(claims)
}

#[cfg(test)]
mod tests {
    use super::{Claims, Wanted};
    use std::path::Path;

    fn wanted(key: &str, name: &str) -> Wanted {
        Wanted { key: key.into(), root: format!("/{key}").into(), name: name.into() }
    }

    fn names(claims: &Claims) -> Vec<&str> {
        claims.claims.values().map(|claim| claim.name.as_str()).collect()
    }

    #[test]
    fn who_came_first_keeps_the_name() {
        let mut claims = Claims::default();
        assert!(claims.give(&[wanted("b", "shop")], |_| true));
        assert!(claims.give(&[wanted("a", "shop"), wanted("b", "shop")], |_| true));
        assert_eq!(names(&claims), ["shop-2", "shop"]);
        assert!(!claims.give(&[wanted("a", "shop")], |_| true), "the other one is not up");
        // On another branch it is called otherwise, and so is whoever comes to the old one.
        assert!(claims.give(&[wanted("b", "x.shop"), wanted("c", "shop")], |_| true));
        assert_eq!(names(&claims), ["shop-2", "x.shop", "shop"]);
    }

    #[test]
    fn a_project_and_its_environment_share_a_name() {
        let mut claims = Claims::default();
        claims.give(&[wanted("a", "shop"), wanted("a/development", "shop")], |_| true);
        assert_eq!(names(&claims), ["shop", "shop"]);
    }

    #[test]
    fn the_name_of_what_is_gone_is_free() {
        let mut claims = Claims::default();
        claims.give(&[wanted("a", "shop")], |_| true);
        claims.give(&[wanted("b", "shop")], |root| root != Path::new("/a"));
        assert_eq!(names(&claims), ["shop"]);
    }
}
