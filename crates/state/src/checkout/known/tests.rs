use std::fs;
use std::path::{Path, PathBuf};

use backlot_process::Owner;

use super::{Checkouts, OnDocker};
use crate::home::Home;

struct World {
    _dir: tempfile::TempDir,
    root: PathBuf,
    home: Home,
}

fn world() -> World {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().canonicalize().unwrap();
    let home = Home::at(root.join("home"), Owner::Caller);
    home.make(home.root()).unwrap();
    World { _dir: dir, root, home }
}

impl World {
    fn checkout(&self, name: &str) -> PathBuf {
        let path = self.root.join(name);
        fs::create_dir_all(path.join(".git")).unwrap();
        path
    }

    fn all(&self) -> Checkouts {
        Checkouts::of(&self.home)
    }

    fn keep(&self, root: &Path) -> String {
        self.all().keep(root, "shop", |known, _| known.hash.clone()).unwrap()
    }

    fn hash(&self, root: &Path) -> String {
        self.all().place(root).hash
    }
}

#[test]
fn one_that_was_moved_is_found_again_and_what_takes_its_place_is_another() {
    let world = world();
    let shop = world.checkout("shop");
    let hash = world.keep(&shop);
    fs::create_dir_all(world.home.projects().join(format!("shop-{hash}/development"))).unwrap();
    assert_eq!(world.hash(&shop), hash);
    let old = world.root.join("shop-old");
    fs::rename(&shop, &old).unwrap();
    let new = world.checkout("shop");
    assert_eq!(world.hash(&old), hash);
    assert_ne!(world.hash(&new), hash, "it was cloned to where the other one was");
    // Whoever comes first.
    assert_ne!(world.keep(&new), hash);
    assert_eq!(world.keep(&old), hash);
    assert_eq!(world.all().at(&old).unwrap().root, old);
    assert_ne!(world.hash(&new), hash);
}

#[test]
fn a_copy_is_another_one() {
    let world = world();
    let shop = world.checkout("shop");
    let hash = world.keep(&shop);
    let copy = world.checkout("copy");
    assert_ne!(world.hash(&copy), hash);
}

#[test]
fn what_was_removed_is_not_taken_over_by_what_is_made_at_its_place() {
    let world = world();
    let shop = world.checkout("shop");
    let hash = world.keep(&shop);
    fs::create_dir_all(world.home.projects().join(format!("shop-{hash}/development/volumes"))).unwrap();
    fs::remove_dir_all(&shop).unwrap();
    // Not even where the directory's number is used again.
    let again = world.checkout("shop");
    assert_ne!(world.hash(&again), hash);
    assert_eq!(world.all().before(&again).unwrap().hash, hash);
    let known = world.all().before(&again).unwrap();
    world.all().adopt(&hash, Some(&known), &again, "shop").unwrap();
    assert_eq!(world.hash(&again), hash);
    assert!(world.all().before(&again).is_none());
}

#[test]
fn one_without_git_is_known_by_its_directory() {
    let world = world();
    let plain = world.root.join("plain");
    fs::create_dir_all(&plain).unwrap();
    let hash = world.keep(&plain);
    let moved = world.root.join("moved");
    fs::rename(&plain, &moved).unwrap();
    assert_eq!(world.hash(&moved), hash);
    assert_eq!(world.all().at(&moved).unwrap().called, "shop");
}

#[test]
fn two_checkouts_share_nothing() {
    let world = world();
    let project = |path: &str| world.all().project("blog", Path::new(path));
    assert_ne!(project("/a/blog"), project("/b/blog"));
    assert_eq!(project("/a/blog"), project("/a/blog"));
}

#[test]
fn a_name_on_docker_is_whose_it_was_first_and_the_second_keeps_its_own() {
    const KEY: &str = "shop/development";
    let world = world();
    let (first, second) = (world.checkout("a/shop"), world.checkout("b/shop"));
    let all = world.all();
    let keep = |root: &Path, project: &str| {
        let (ports, volumes) = ([8000].into(), [format!("{project}_data")].into());
        let has = OnDocker { project: project.into(), ports, volumes, is_left: false };
        all.keep_on_docker(KEY.into(), (root, "shop"), has).unwrap();
    };
    let end = |root: &Path| all.end_on_docker(KEY, root, "shop");
    assert_eq!(end(&first), None);
    keep(&first, "shop");
    let second_s = end(&second).unwrap();
    assert_eq!(end(&first), None);
    keep(&second, &format!("shop-{second_s}"));
    // Its volumes are there under that name.
    fs::remove_dir_all(&first).unwrap();
    assert_eq!(end(&second), Some(second_s));
    all.change_on_docker(&world.hash(&second), KEY, |_| None).unwrap();
    assert_eq!(end(&second), None, "whoever had the name has left");
}
