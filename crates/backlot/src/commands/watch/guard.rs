//! A service that writes into its own source would be replaced for ever.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use backlot_watch::Todo;

/// What changes so soon after a service was replaced may be its own doing.
const SOON: Duration = Duration::from_secs(1);
/// So many times in a row it surely is: nobody saves one file as often.
const SURELY: u32 = 4;

/// What has led to what, and when.
#[derive(Debug, Default)]
pub struct Guard {
    last: BTreeMap<String, Last>,
    /// Files that do not count any more.
    left_out: BTreeSet<PathBuf>,
}

#[derive(Debug)]
struct Last {
    files: BTreeSet<PathBuf>,
    times: u32,
    done: Option<Instant>,
}

impl Guard {
    /// Takes the files that do not count any more out of what is to be done; whether something is left.
    pub fn is_left(&self, todo: &mut Todo) -> bool {
        if todo.files.iter().all(|file| self.left_out.contains(file)) {
            return false;
        }
        todo.files.retain(|file| !self.left_out.contains(file));
        true
    }

    /// A service is about to be replaced because of these. Returns those that do not count from now on, and are no reason.
    pub fn begins(&mut self, service: &str, todo: &Todo, now: Instant) -> BTreeSet<PathBuf> {
        let last = self.last.remove(service);
        let is_soon = |last: &Last| last.done.is_some_and(|done| now.saturating_duration_since(done) < SOON);
        let times = match last {
            Some(last) if last.files == todo.files && is_soon(&last) => last.times + 1,
            Some(_) | None => 0,
        };
        if times >= SURELY {
            self.left_out.extend(todo.files.clone());
            return todo.files.clone();
        }
        self.last.insert(service.to_owned(), Last { files: todo.files.clone(), times, done: None });
        BTreeSet::new()
    }

    /// It was replaced.
    pub fn ended(&mut self, service: &str, now: Instant) {
        if let Some(last) = self.last.get_mut(service) {
            last.done = Some(now);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Guard;
    use backlot_watch::Todo;
    use std::time::{Duration, Instant};

    fn change(file: &str) -> Todo {
        Todo { restart: true, files: [file.into()].into(), ..Todo::default() }
    }

    #[test]
    fn a_service_that_writes_its_own_source_is_not_replaced_for_ever() {
        let (mut guard, start) = (Guard::default(), Instant::now());
        let at = |ms| start + Duration::from_millis(ms);
        for round in 0..4 {
            assert!(guard.begins("web", &change("made.css"), at(round * 1000)).is_empty());
            guard.ended("web", at(round * 1000 + 500));
        }
        assert!(
            guard.begins("web", &change("app.py"), at(4000)).is_empty(),
            "another file is another matter"
        );
        guard.ended("web", at(4100));
        for round in 0..4 {
            assert!(guard.begins("web", &change("made.css"), at(5000 + round * 1000)).is_empty());
            guard.ended("web", at(5500 + round * 1000));
        }
        assert_eq!(guard.begins("web", &change("made.css"), at(9000)).len(), 1);
        assert!(!guard.is_left(&mut change("made.css")) && guard.is_left(&mut change("app.py")));
    }

    #[test]
    fn people_take_longer() {
        let (mut guard, start) = (Guard::default(), Instant::now());
        for round in 0..20 {
            let at = start + Duration::from_secs(2 * round);
            assert!(guard.begins("web", &change("app.py"), at).is_empty());
            guard.ended("web", at);
        }
    }
}
