//! What depends on what: crates in the directions that are allowed, files and folders without circles.
//!
//! A path in the source is followed to the file that defines what it names; what a module only re-exports belongs to the
//! file that defines it. Methods are not seen: a type's methods may be in several files.

#![expect(clippy::unwrap_used, reason = "a test that cannot set itself up has to fail loudly")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use syn::visit::{Visit, visit_item_mod, visit_path};
use syn::{Attribute, ItemMod, ItemUse, UseTree, Visibility};

/// The crates of ours that each crate may use, from the bottom up.
const ALLOWED: &[(&str, &[&str])] = &[
    ("files", &[]),
    ("yaml", &["files"]),
    ("near", &[]),
    ("compose-schema", &["near", "yaml"]),
    ("compose", &["compose-schema", "yaml"]),
    ("plan", &[]),
    ("view", &["files"]),
    ("process", &["files", "view"]),
    ("sockets", &[]),
    ("gateway", &["sockets"]),
    ("logs", &["files"]),
    ("testkit", &["process"]),
    ("hint", &["process"]),
    ("project", &["compose", "files", "near", "plan", "yaml"]),
    ("watch", &["files", "project"]),
    ("nginx", &["files", "process"]),
    ("postgres", &["files", "process", "view"]),
    ("templates", &["files", "postgres", "process"]),
    ("dumps", &["files", "hint", "postgres", "process"]),
    ("snapshots", &["files", "hint", "postgres", "process", "templates"]),
    ("upgrade", &["postgres", "process"]),
    ("supervisor", &["gateway", "logs", "near", "plan", "process", "view"]),
    ("dockerfile", &["files", "project"]),
    ("facts", &["dockerfile", "files", "hint", "near", "nginx", "plan", "postgres", "project"]),
    ("dependencies", &["dockerfile", "files", "hint", "process", "view", "watch"]),
    (
        "state",
        &[
            "facts",
            "files",
            "hint",
            "logs",
            "near",
            "plan",
            "postgres",
            "process",
            "project",
            "snapshots",
            "supervisor",
            "templates",
            "view",
        ],
    ),
    ("door", &["hint", "near", "plan", "process", "sockets", "state", "supervisor"]),
    ("fetched", &["files", "hint", "plan", "postgres", "process", "state"]),
    ("containers", &["hint", "process", "state"]),
    (
        "stack",
        &[
            "dependencies",
            "containers",
            "dockerfile",
            "facts",
            "files",
            "hint",
            "nginx",
            "plan",
            "postgres",
            "process",
            "project",
            "state",
            "supervisor",
            "view",
            "watch",
        ],
    ),
    (
        "native",
        &[
            "dependencies",
            "containers",
            "dumps",
            "facts",
            "fetched",
            "files",
            "hint",
            "logs",
            "nginx",
            "plan",
            "postgres",
            "process",
            "project",
            "snapshots",
            "stack",
            "state",
            "supervisor",
            "templates",
            "upgrade",
            "view",
        ],
    ),
    ("docker", &["facts", "hint", "logs", "plan", "postgres", "process", "project", "state", "supervisor"]),
    (
        "engine",
        &[
            "dependencies",
            "docker",
            "dockerfile",
            "door",
            "facts",
            "fetched",
            "files",
            "hint",
            "native",
            "plan",
            "process",
            "project",
            "snapshots",
            "state",
            "supervisor",
            "templates",
            "view",
        ],
    ),
    (
        "backlot",
        &[
            "engine",
            "files",
            "logs",
            "near",
            "nginx",
            "plan",
            "postgres",
            "process",
            "project",
            "supervisor",
            "watch",
        ],
    ),
];

/// A module by its names, from the crate's root; or what one defines.
type Names = Vec<String>;

/// What the file of one module has to do with others.
#[derive(Default)]
struct Source {
    module: Names,
    /// The modules that it declares.
    children: BTreeSet<String>,
    /// What it re-exports, by name.
    exports: BTreeMap<String, Names>,
    /// What it uses.
    uses: Vec<Names>,
}

fn crates() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn is_for_tests(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        attribute.path().is_ident("cfg")
            && attribute.meta.require_list().is_ok_and(|list| list.tokens.to_string() == "test")
    })
}

impl Source {
    /// A path from the crate's root; none if it leads elsewhere.
    fn absolute(&self, path: &[String]) -> Option<Names> {
        let (first, rest) = path.split_first()?;
        let parents = path.iter().take_while(|name| *name == "super").count();
        match first.as_str() {
            "crate" => Some(rest.to_vec()),
            "self" => Some([self.module.as_slice(), rest].concat()),
            "super" => {
                let kept = self.module.len().checked_sub(parents)?;
                Some([&self.module[..kept], &path[parents..]].concat())
            }
            name => self.children.contains(name).then(|| [self.module.as_slice(), path].concat()),
        }
    }

    fn take_tree(&mut self, tree: &UseTree, before: &[String], is_export: bool) {
        let with = |name: String| [before, &[name]].concat();
        match tree {
            UseTree::Path(path) => self.take_tree(&path.tree, &with(path.ident.to_string()), is_export),
            UseTree::Group(group) => {
                group.items.iter().for_each(|tree| self.take_tree(tree, before, is_export));
            }
            UseTree::Glob(_) => self.uses.extend(self.absolute(before)),
            UseTree::Name(name) if name.ident == "self" => self.uses.extend(self.absolute(before)),
            UseTree::Name(name) => {
                self.take_name(&name.ident.to_string(), &with(name.ident.to_string()), is_export);
            }
            UseTree::Rename(name) => {
                self.take_name(&name.rename.to_string(), &with(name.ident.to_string()), is_export);
            }
        }
    }

    fn take_name(&mut self, name: &str, path: &[String], is_export: bool) {
        let Some(path) = self.absolute(path) else { return };
        if is_export {
            self.exports.insert(name.to_owned(), path);
        } else {
            self.uses.push(path);
        }
    }
}

impl<'ast> Visit<'ast> for Source {
    fn visit_item_mod(&mut self, item: &'ast ItemMod) {
        if is_for_tests(&item.attrs) {
            return;
        }
        self.children.insert(item.ident.to_string());
        visit_item_mod(self, item);
    }

    fn visit_item_use(&mut self, item: &'ast ItemUse) {
        let is_export = !matches!(item.vis, Visibility::Inherited);
        self.take_tree(&item.tree, &[], is_export);
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let names: Names = path.segments.iter().map(|segment| segment.ident.to_string()).collect();
        if names.len() > 1 {
            self.uses.extend(self.absolute(&names));
        } else if let Some(exported) = names.first().and_then(|name| self.exports.get(name)) {
            // It is not only passed on.
            self.uses.push(exported.clone());
        }
        visit_path(self, path);
    }
}

/// The modules of a crate by their names.
fn sources(dir: &Path, module: &Names, found: &mut BTreeMap<Names, Source>) {
    for entry in fs::read_dir(dir).unwrap().flatten() {
        let path = entry.path();
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        let own = match name.as_str() {
            "lib" | "main" | "mod" => module.clone(),
            // Tests that have a file of their own.
            "tests" => continue,
            _ => [module.as_slice(), &[name]].concat(),
        };
        if path.is_dir() {
            sources(&path, &own, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let file = syn::parse_file(&fs::read_to_string(&path).unwrap()).unwrap();
            let mut source = Source { module: own.clone(), ..Source::default() };
            source.visit_file(&file);
            found.insert(own, source);
        }
    }
}

/// The module that defines what a path names.
fn defined_in(path: &[String], sources: &BTreeMap<Names, Source>) -> Option<Names> {
    let depth = (0..=path.len()).rev().find(|depth| sources.contains_key(&path[..*depth]))?;
    let (module, rest) = path.split_at(depth);
    let exported = rest.first().and_then(|name| sources[module].exports.get(name));
    match exported {
        Some(exported) if exported != path => defined_in(exported, sources),
        Some(_) | None => Some(module.to_vec()),
    }
}

type Graph = BTreeMap<String, BTreeSet<String>>;

fn imports(name: &str) -> Vec<(Names, Names)> {
    let mut found = BTreeMap::new();
    sources(&crates().join(name).join("src"), &Vec::new(), &mut found);
    assert!(!found.is_empty(), "{name} has no files");
    let of = |source: &Source| {
        let targets = source.uses.iter().filter_map(|path| defined_in(path, &found));
        let other = targets.filter(|target| *target != source.module);
        other.map(|target| (source.module.clone(), target)).collect::<Vec<_>>()
    };
    found.values().flat_map(of).collect()
}

/// All that can be reached from a node.
fn reach(from: &str, graph: &Graph) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut next = vec![from.to_owned()];
    while let Some(node) = next.pop() {
        for target in graph.get(&node).into_iter().flatten() {
            if found.insert(target.clone()) {
                next.push(target.clone());
            }
        }
    }
    found
}

/// The groups of more than `most` nodes of which each leads to each.
fn circles_in(graph: &Graph, most: usize) -> BTreeSet<Vec<String>> {
    let reached: BTreeMap<&String, BTreeSet<String>> =
        graph.keys().map(|node| (node, reach(node, graph))).collect();
    let group = |node: &String| -> Vec<String> {
        let back = |other: &&String| reached.get(other).is_some_and(|reached| reached.contains(node));
        reached[node].iter().filter(back).cloned().collect()
    };
    graph.keys().map(group).filter(|group| group.len() > most).collect()
}

fn files(imports: &[(Names, Names)]) -> Graph {
    let mut graph = Graph::new();
    for (from, to) in imports {
        graph.entry(from.join("/")).or_default().insert(to.join("/"));
    }
    graph
}

/// Folders beside each other, in every folder.
fn folders(imports: &[(Names, Names)], all: &BTreeSet<Names>) -> Graph {
    let mut graph = Graph::new();
    for (from, to) in imports {
        let common = from.iter().zip(to).take_while(|(one, other)| one == other).count();
        let folder =
            |path: &Names| path.get(..=common).filter(|path| all.contains(*path)).map(|path| path.join("/"));
        if let (Some(from), Some(to)) = (folder(from), folder(to)) {
            graph.entry(from).or_default().insert(to);
        }
    }
    graph
}

#[test]
fn files_and_folders_go_round_in_no_circles() {
    let mut found = Vec::new();
    for (name, _) in ALLOWED {
        let imports = imports(name);
        let all = imports.iter().flat_map(|(from, to)| [from, to]);
        let nested: BTreeSet<Names> =
            all.flat_map(|path| (1..path.len()).map(|depth| path[..depth].to_vec())).collect();
        // Two files may need each other.
        let mut circles = circles_in(&files(&imports), 2);
        circles.extend(circles_in(&folders(&imports, &nested), 1));
        found.extend(circles.iter().map(|circle| format!("{name}: {}", circle.join(" ↔ "))));
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn crates_use_others_in_the_allowed_directions() {
    let there: BTreeSet<String> = fs::read_dir(crates())
        .unwrap()
        .flatten()
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    assert_eq!(there, ALLOWED.iter().map(|(name, _)| (*name).to_owned()).collect());
    for (name, allowed) in ALLOWED {
        let text = fs::read_to_string(crates().join(name).join("Cargo.toml")).unwrap();
        let dependencies = text.split("\n[dependencies]\n").nth(1).unwrap_or_default();
        let dependencies = dependencies.split("\n[").next().unwrap_or_default().lines();
        let ours = dependencies.filter_map(|line| line.strip_prefix("backlot-")?.split(['.', ' ']).next());
        let ours: BTreeSet<&str> = ours.collect();
        assert_eq!(ours, allowed.iter().copied().collect(), "{name}");
    }
}
