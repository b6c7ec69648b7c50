//! Changes as they happen: the system tells of them, or, where it cannot, all files are looked at again and again.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use notify::{ErrorKind, RecommendedWatcher, RecursiveMode, Watcher};

use crate::rule::Rule;
use crate::telling::{Telling, Told};
use crate::tree::Tree;

/// It has to be quiet for so long before changes count: an editor saves in several steps, and several files.
const QUIET: Duration = Duration::from_millis(50);
/// The same when more files have changed than people save at once; the longer that takes, the longer it may stop for breath.
const QUIET_AFTER_MANY: Duration = Duration::from_millis(250);
const MANY: usize = 5;
/// Changes that go on for longer than this count as they are.
const LONGEST_BURST: Duration = Duration::from_secs(10);
/// A lock of git's that is older than this was left behind, or waits for somebody to write a message.
const LONGEST_CHECKOUT: Duration = Duration::from_secs(10);
/// Where nothing tells of changes, files are looked at so often, and less often where looking takes a hundredth of that.
const POLL_EVERY: Duration = Duration::from_millis(500);

/// Whether one watch is for all that is below a folder.
const WHOLE: bool = cfg!(target_os = "macos");

/// What the system has for it.
#[derive(Debug)]
struct Recommended {
    system: RecommendedWatcher,
    /// The folders of which all that is below them is watched.
    whole: Vec<PathBuf>,
}

#[derive(Debug)]
enum Source {
    System { watcher: Recommended, told: Arc<Telling> },
    Looking { next: Instant },
}

/// The files of some rules, being watched.
#[derive(Debug)]
pub struct Watching {
    tree: Tree,
    source: Source,
    /// The work trees, which say when they are being changed.
    git: BTreeSet<PathBuf>,
    notes: Vec<String>,
}

impl Watching {
    /// Watches what the rules are about, from now on.
    pub fn start(rules: Vec<Rule>) -> Self {
        let git = rules.iter().filter_map(|rule| git_of(&rule.path)).collect();
        let told = Arc::new(Telling::default());
        let teller = Arc::clone(&told);
        match notify::recommended_watcher(move |event| teller.tell(event)) {
            Ok(system) => {
                let mut watcher = Recommended { system, whole: Vec::new() };
                let mut trouble = None;
                let tree = Tree::new(rules, &mut |folder| add(&mut watcher, folder, &mut trouble));
                let source = Source::System { watcher, told };
                let mut watching = Self { tree, source, git, notes: Vec::new() };
                if let Some(trouble) = trouble {
                    watching.look_from_now_on(&trouble);
                }
                watching
            }
            Err(error) => {
                let tree = Tree::new(rules, &mut |_| {});
                let source = Source::Looking { next: Instant::now() };
                let mut watching = Self { tree, source, git, notes: Vec::new() };
                watching.look_from_now_on(&error);
                watching
            }
        }
    }

    /// The rules.
    pub fn rules(&self) -> &[Rule] {
        self.tree.rules()
    }

    /// How many files are watched.
    pub fn files(&self) -> usize {
        self.tree.files().count()
    }

    /// Those that a rule takes.
    pub fn files_of(&self, rule: &Rule) -> BTreeSet<PathBuf> {
        self.tree.files().filter(|file| rule.takes(file)).cloned().collect()
    }

    /// What people should know of how it is done, once.
    pub fn notes(&mut self) -> Vec<String> {
        std::mem::take(&mut self.notes)
    }

    /// The files that have changed, waiting for some no longer than `limit` until the first; they are told of when it is quiet again.
    pub fn next(&mut self, limit: Duration) -> Vec<PathBuf> {
        match &self.source {
            Source::System { told, .. } => {
                let told = Arc::clone(told);
                self.hear(&told, limit)
            }
            Source::Looking { next } => {
                let wait = next.saturating_duration_since(Instant::now());
                std::thread::sleep(wait.min(limit));
                if wait > limit { Vec::new() } else { self.look() }
            }
        }
    }

    fn hear(&mut self, told: &Telling, limit: Duration) -> Vec<PathBuf> {
        if !told.is_any_within(limit) {
            return Vec::new();
        }
        let begun = Instant::now();
        let mut changed = BTreeSet::new();
        loop {
            let heard = self.gather(told, begun);
            let (more, is_wider) = self.look_at(heard);
            changed.extend(more);
            let pause = quiet(changed.len() > MANY, begun);
            // What happens in folders that were not watched yet is heard of only now.
            if !is_wider || begun.elapsed() > LONGEST_BURST || !told.is_any_within(pause) {
                return changed.into_iter().collect();
            }
        }
    }

    /// All that matters of what is told until it is quiet.
    fn gather(&self, told: &Telling, begun: Instant) -> Told {
        let (mut heard, mut last) = (Told::default(), Instant::now());
        loop {
            let mut more = told.take();
            more.paths.retain(|path| self.tree.is_about(path));
            if !more.is_empty() {
                last = more.last.unwrap_or_else(Instant::now);
            }
            heard.join(more);
            if heard.is_empty() {
                return heard;
            }
            let wanted = quiet(heard.all || heard.paths.len() > MANY, begun);
            let is_checkout = self.git.iter().any(|git| is_at_work(git));
            if (last.elapsed() >= wanted && !is_checkout) || begun.elapsed() > LONGEST_BURST {
                return heard;
            }
            std::thread::sleep(wanted.saturating_sub(last.elapsed()).max(Duration::from_millis(5)));
        }
    }

    /// The changes, and whether there are folders that were not looked at before.
    fn look_at(&mut self, heard: Told) -> (Vec<PathBuf>, bool) {
        let Source::System { watcher, .. } = &mut self.source else { return (Vec::new(), false) };
        let (mut trouble, mut is_wider) = (heard.trouble, false);
        let mut entering = |folder: &Path| {
            is_wider = true;
            add(watcher, folder, &mut trouble);
        };
        let changed = if heard.all {
            self.tree.look_at_all(&mut entering)
        } else {
            self.tree.look_at(&heard.paths, &mut entering)
        };
        if let Some(trouble) = trouble {
            self.look_from_now_on(&trouble);
        }
        (changed, is_wider)
    }

    /// Looks at all files, again and again while they go on changing.
    fn look(&mut self) -> Vec<PathBuf> {
        let begun = Instant::now();
        let mut changed: BTreeSet<PathBuf> = self.tree.look_at_all(&mut |_| {}).into_iter().collect();
        let took = begun.elapsed();
        let mut more = !changed.is_empty();
        while more && begun.elapsed() < LONGEST_BURST {
            std::thread::sleep(QUIET);
            let again = self.tree.look_at_all(&mut |_| {});
            more = !again.is_empty();
            changed.extend(again);
        }
        let every = POLL_EVERY.max(took * 100);
        self.source = Source::Looking { next: Instant::now() + every };
        changed.into_iter().collect()
    }

    fn look_from_now_on(&mut self, trouble: &notify::Error) {
        self.source = Source::Looking { next: Instant::now() };
        let why = match &trouble.kind {
            ErrorKind::MaxFilesWatch => "its limit of watches is reached".to_owned(),
            ErrorKind::Io(error) => error.to_string(),
            _ => trouble.to_string(),
        };
        let limits = if cfg!(target_os = "linux") {
            " (see fs.inotify.max_user_watches and max_user_instances)"
        } else {
            ""
        };
        self.notes.push(format!(
            "this machine tells of no more changes: {why}{limits}; files are looked at every half second or less often instead"
        ));
    }
}

/// How long it has to be quiet after changes that began then.
fn quiet(are_many: bool, begun: Instant) -> Duration {
    if are_many { QUIET_AFTER_MANY.max(begun.elapsed() / 3) } else { QUIET }
}

/// Has the system tell of a folder; the first trouble that there is counts. Linux has a watch a folder, so that there is none
/// for what is left out; macOS has one for all that is below a folder, and begins anew with each more.
fn add(watcher: &mut Recommended, folder: &Path, trouble: &mut Option<notify::Error>) {
    if trouble.is_some() || watcher.whole.iter().any(|whole| folder.starts_with(whole)) {
        return;
    }
    let mode = if WHOLE { RecursiveMode::Recursive } else { RecursiveMode::NonRecursive };
    if WHOLE {
        watcher.whole.push(folder.to_owned());
    }
    match watcher.system.watch(folder, mode) {
        Ok(()) => {}
        // It has gone meanwhile, or is somebody else's.
        Err(error) if is_about_the_folder(&error) => {}
        Err(error) => *trouble = Some(error),
    }
}

fn is_about_the_folder(error: &notify::Error) -> bool {
    match &error.kind {
        ErrorKind::PathNotFound => true,
        ErrorKind::Io(error) => {
            matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::PermissionDenied)
        }
        _ => false,
    }
}

/// Where git keeps what it knows of the work tree that a path is in.
fn git_of(path: &Path) -> Option<PathBuf> {
    let git = path.ancestors().map(|folder| folder.join(".git")).find(|git| git.exists())?;
    if git.is_dir() {
        return Some(git);
    }
    // A linked work tree has a file that says where.
    let text = backlot_files::text(&git).ok()?;
    let place = text.trim().strip_prefix("gitdir:")?.trim();
    Some(git.parent()?.join(place))
}

/// Whether git is at work there.
fn is_at_work(git: &Path) -> bool {
    let written = git.join("index.lock").metadata().and_then(|lock| lock.modified());
    written.is_ok_and(|written| written.elapsed().is_ok_and(|age| age < LONGEST_CHECKOUT))
}

#[cfg(test)]
mod tests {
    use super::Watching;
    use crate::git::GitIgnored;
    use crate::rule::Rule;
    use std::fs;
    use std::path::{Path, PathBuf};
    use std::time::{Duration, Instant};

    const LONG: Duration = Duration::from_secs(10);
    const SHORT: Duration = Duration::from_millis(300);

    fn watching(top: &Path) -> Watching {
        Watching::start(vec![Rule::of_source("web", top, (None, GitIgnored::around(top, top)), &[])])
    }

    fn changes(top: &Path, mut watching: Watching) {
        let names = |changed: Vec<PathBuf>| -> Vec<String> {
            let name = |path: &PathBuf| path.strip_prefix(top).unwrap().display().to_string();
            changed.iter().map(name).collect()
        };
        assert!(watching.next(Duration::ZERO).is_empty());
        fs::write(top.join("app.py"), "12").unwrap();
        assert_eq!(names(watching.next(LONG)), ["app.py"]);
        let temporary = top.join("app.py.tmp");
        fs::write(&temporary, "saved").unwrap();
        fs::rename(&temporary, top.join("app.py")).unwrap();
        assert_eq!(names(watching.next(LONG)), ["app.py"]);
        fs::create_dir_all(top.join("new/deep")).unwrap();
        fs::write(top.join("new/deep/b.py"), "1").unwrap();
        assert_eq!(names(watching.next(LONG)), ["new/deep/b.py"]);
        fs::write(top.join("new/deep/b.py"), "12").unwrap();
        assert_eq!(names(watching.next(LONG)), ["new/deep/b.py"]);
        fs::write(top.join("debug.log"), "1").unwrap();
        fs::read(top.join("app.py")).unwrap();
        assert!(watching.next(SHORT).is_empty());
        fs::remove_file(top.join("app.py")).unwrap();
        assert_eq!(names(watching.next(LONG)), ["app.py"]);
    }

    #[test]
    fn the_system_tells_of_changes() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("app.py"), "1").unwrap();
        let mut watching = watching(dir.path());
        assert!(watching.notes().is_empty());
        changes(dir.path(), watching);
    }

    #[test]
    fn where_it_does_not_files_are_looked_at() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("app.py"), "1").unwrap();
        let mut watching = watching(dir.path());
        watching.look_from_now_on(&notify::Error::new(notify::ErrorKind::MaxFilesWatch));
        let notes = watching.notes().concat();
        assert!(notes.starts_with("this machine tells of no more changes: its limit"), "{notes}");
        let begun = Instant::now();
        while begun.elapsed() < SHORT {
            assert!(watching.next(Duration::from_millis(50)).is_empty());
        }
        // What it tells between is not lost.
        fs::write(dir.path().join("app.py"), "12").unwrap();
        let begun = Instant::now();
        let mut changed = Vec::new();
        while changed.is_empty() && begun.elapsed() < LONG {
            changed = watching.next(Duration::from_millis(50));
        }
        assert_eq!(changed, [dir.path().join("app.py")]);
    }

    #[test]
    fn thousands_of_changes_are_one() {
        let dir = tempfile::tempdir().unwrap();
        let mut watching = watching(dir.path());
        for number in 0..3000 {
            let folder = dir.path().join(format!("package{}", number % 30));
            fs::create_dir_all(&folder).unwrap();
            fs::write(folder.join(format!("module{number}.py")), "1").unwrap();
        }
        assert_eq!(watching.next(LONG).len(), 3000);
        assert!(watching.next(SHORT).is_empty());
    }

    #[test]
    fn what_does_not_matter_keeps_nobody_waiting() {
        let dir = tempfile::tempdir().unwrap();
        let mut watching = watching(dir.path());
        let top = dir.path().to_owned();
        let over = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
        let stop = std::sync::Arc::clone(&over);
        let chatter = std::thread::spawn(move || {
            for number in 0_u64.. {
                fs::write(top.join("requests.log"), number.to_string()).unwrap();
                std::thread::sleep(Duration::from_millis(2));
                if stop.load(std::sync::atomic::Ordering::Relaxed) {
                    return;
                }
            }
        });
        assert!(watching.next(SHORT).is_empty());
        let saved = Instant::now();
        fs::write(dir.path().join("app.py"), "1").unwrap();
        let mut changed = Vec::new();
        while changed.is_empty() && saved.elapsed() < LONG {
            changed = watching.next(SHORT);
        }
        assert_eq!(changed, [dir.path().join("app.py")]);
        assert!(saved.elapsed() < Duration::from_secs(2), "{:?}", saved.elapsed());
        over.store(true, std::sync::atomic::Ordering::Relaxed);
        chatter.join().unwrap();
    }

    #[test]
    fn a_checkout_is_waited_for() {
        let dir = tempfile::tempdir().unwrap();
        let lock = dir.path().join(".git/index.lock");
        fs::create_dir(dir.path().join(".git")).unwrap();
        let mut watching = watching(dir.path());
        fs::write(&lock, "").unwrap();
        fs::write(dir.path().join("one.py"), "1").unwrap();
        let top = dir.path().to_owned();
        let later = std::thread::spawn(move || {
            std::thread::sleep(SHORT);
            fs::write(top.join("two.py"), "1").unwrap();
            fs::remove_file(lock).unwrap();
        });
        assert_eq!(watching.next(LONG).len(), 2);
        later.join().unwrap();
    }
}
