//! The environments that are on record, and what each is called.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use backlot_state::checkout::{Git, name_of_directory};
use backlot_state::runs::run_of;
use backlot_state::{Checkouts, EngineKind, Home, Record, Site, short_hash};

use crate::claims::{Claims, PART, Wanted, settle};
use crate::names::{label, of_environment};

/// An environment that is on record.
#[derive(Debug, Clone)]
pub struct House {
    /// Its place in the home.
    pub site: Site,
    /// The project's directory.
    pub root: PathBuf,
    /// The project's name.
    pub project: String,
    /// The branch, of a linked worktree.
    pub branch: Option<String>,
    /// The environment's name.
    pub environment: String,
    /// What runs it.
    pub engine: EngineKind,
    /// What it is called: `testing.shop`. Its services are below that.
    pub name: String,
}

/// What tells that a file is another one than it was.
type Stamp = (u64, i64, i64, u64);

/// Looks at a home again and again, and reads only what is new.
#[derive(Debug, Default)]
pub(crate) struct Houses {
    read: BTreeMap<PathBuf, (Stamp, Option<(PathBuf, EngineKind)>)>,
}

impl Houses {
    /// All environments that are on record now.
    pub(crate) fn look(&mut self, home: &Home) -> Vec<House> {
        let folders =
            |dir: PathBuf| fs::read_dir(dir).into_iter().flatten().flatten().map(|entry| entry.path());
        let mut sites: Vec<Site> =
            folders(home.projects()).flat_map(folders).map(|dir| Site::at(home, &dir)).collect();
        // Further databases speak no HTTP, and a run of the tests is nobody's to look at.
        sites.retain(|site| site.service().is_none() && run_of(site).is_none());
        let mut worktrees = BTreeMap::new();
        let there: Vec<Found> =
            sites.into_iter().filter_map(|site| self.found(site, &mut worktrees)).collect();
        let still: BTreeSet<PathBuf> = there.iter().map(|found| found.site.record_path()).collect();
        self.read.retain(|path, _| still.contains(path));
        named(home, there)
    }

    /// `worktrees` are those that were looked at, by the projects' directories.
    fn found(&mut self, site: Site, worktrees: &mut BTreeMap<PathBuf, Option<Worktree>>) -> Option<Found> {
        let path = site.record_path();
        let metadata = fs::metadata(&path).ok()?;
        let stamp = (metadata.ino(), metadata.mtime(), metadata.mtime_nsec(), metadata.len());
        if self.read.get(&path).is_none_or(|(known, _)| *known != stamp) {
            let record = site.record().ok().flatten().map(|record| (record.project, record.engine));
            self.read.insert(path.clone(), (stamp, record));
        }
        let (root, engine) = self.read.get(&path)?.1.clone()?;
        let worktree = worktrees.entry(root.clone()).or_insert_with(|| worktree(&root)).clone();
        Found::new(site, root, engine, worktree)
    }
}

/// The environment at `site`, if it is on record.
pub fn house(site: &Site) -> Option<House> {
    let Record { project, engine, .. } = site.record().ok()??;
    let worktree = worktree(&project);
    named(site.home(), vec![Found::new(site.clone(), project, engine, worktree)?]).pop()
}

/// A linked worktree.
#[derive(Debug, Clone)]
struct Worktree {
    /// Its branch; where it has none, what git calls the worktree: a commit would be another one soon.
    branch: String,
    /// The same directory in the main checkout; of a bare repository, in that.
    main: PathBuf,
}

/// The linked worktree that `root` is in; none in a main checkout, and where git knows nothing of it.
fn worktree(root: &Path) -> Option<Worktree> {
    let git = Git::of(root)?;
    let called = git.linked.clone()?;
    let is_commit = |name: &String| name.len() == 7 && name.bytes().all(|byte| byte.is_ascii_hexdigit());
    let branch = git.branch().filter(|name| !is_commit(name)).unwrap_or(called);
    let main = git.main().unwrap_or(git.common);
    let below = root.strip_prefix(&git.top).ok()?;
    let main = if below.as_os_str().is_empty() { main } else { main.join(below) };
    Some(Worktree { branch, main })
}

/// An environment of which it is still to be said what it is called.
struct Found {
    site: Site,
    root: PathBuf,
    engine: EngineKind,
    project: String,
    branch: Option<String>,
    /// Who has the project's name: the main checkout.
    owner: (String, PathBuf),
}

impl Found {
    fn new(site: Site, root: PathBuf, engine: EngineKind, worktree: Option<Worktree>) -> Option<Self> {
        let folder = site.dir().parent()?.file_name()?.to_str()?.to_owned();
        // `Home::project` has put a hash behind it.
        let own = folder.rsplit_once('-')?.0.to_owned();
        let Some(worktree) = worktree else {
            let owner = (folder, root.clone());
            return Some(Self { site, root, engine, project: own, branch: None, owner });
        };
        // A project that is only called as its directory is called as that of the main checkout.
        let is_of_directory =
            root.file_name().is_some_and(|name| squeezed(&name.to_string_lossy()) == squeezed(&own))
                || Checkouts::of(site.home()).at(&root).is_some_and(|known| known.called == own);
        let of_main = worktree.main.file_name().map(|name| name_of_directory(&name.to_string_lossy()));
        let project = of_main.filter(|_| is_of_directory).unwrap_or(own);
        let hash = short_hash(worktree.main.as_os_str().as_encoded_bytes());
        let owner = (format!("{project}-{hash}"), worktree.main);
        Some(Self { site, root, engine, project, branch: Some(worktree.branch), owner })
    }

    fn key(&self) -> String {
        let folder = self.site.dir().parent().and_then(Path::file_name).unwrap_or_default();
        format!("{}{PART}{}", folder.display(), self.site.name())
    }
}

/// What is left of a name whatever is made of it.
fn squeezed(name: &str) -> String {
    name.to_lowercase().chars().filter(char::is_ascii_alphanumeric).collect()
}

/// What all of these are called; main checkouts come first.
fn named(home: &Home, mut all: Vec<Found>) -> Vec<House> {
    all.sort_by_key(|found| (found.branch.is_some(), found.site.dir().to_owned()));
    let owner = |found: &Found| Wanted {
        key: found.owner.0.clone(),
        root: found.owner.1.clone(),
        name: label(&found.project),
    };
    let environment = |found: &Found, claims: &Claims| {
        let project = claims.name_of(&found.owner.0);
        let name = of_environment(found.site.name(), found.branch.as_deref(), project);
        Wanted { key: found.key(), root: found.root.clone(), name }
    };
    let claims = settle(home, |claims| {
        let owners: Vec<Wanted> = all.iter().map(owner).collect();
        let is_new = claims.give(&owners, Path::exists);
        let environments: Vec<Wanted> = all.iter().map(|found| environment(found, claims)).collect();
        claims.give(&environments, Path::exists) || is_new
    });
    let house = |found: Found| House {
        environment: found.site.name().to_owned(),
        name: claims.name_of(&found.key()).to_owned(),
        site: found.site,
        root: found.root,
        project: found.project,
        branch: found.branch,
        engine: found.engine,
    };
    all.into_iter().map(house).collect()
}
