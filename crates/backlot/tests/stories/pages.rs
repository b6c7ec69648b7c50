//! What a reader of docs/ would type is typed, page by page, each in a project of its own, and prints what the page says.
//!
//! `BACKLOT_WRITE_DOCS=1` writes what is printed into the pages where that differs, `BACKLOT_WRITE_DOCS=anew` also where only numbers do; it
//! is to be read before it is committed.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use backlot_testkit::{Block, Example, Stage, blocks, free_port, is_shown, repository, venv, with_outputs};

use crate::{BACKLOT, has_views};

/// Pages with commands, by what their test is called.
macro_rules! pages {
    ($($test:ident: $page:literal,)*) => {
        const PAGES: &[&str] = &[$($page),*];
        $(#[test] fn $test() { follow($page); })*
    };
}

pages! {
    ci: "ci",
    data: "data",
    editors: "editors",
    from_compose: "from-compose",
    from_the_script: "from-the-script",
    install: "install",
    json: "json",
    migrations: "migrations",
    packages: "packages",
    postgres: "postgres",
    production: "production",
    running: "running",
    scenarios: "scenarios",
    snapshots: "snapshots",
    state: "state",
    tests: "tests",
    troubleshooting: "troubleshooting",
    tutorial_axum: "tutorial-axum",
    tutorial_compose: "tutorial-compose",
    tutorial_flask: "tutorial-flask",
    variables: "variables",
    the_readme: "README",
    views: "views",
    x_backlot: "x-backlot",
}

/// Pages whose commands are run where Docker is (`tests/docker/readme.rs`).
const ON_DOCKER: [&str; 2] = ["containers", "docker"];

/// Blocks of commands that no test runs here, `sh` by their mark: how many a page has, and why.
const NOT_RUN: &[(&str, usize, &str)] = &[
    ("ci", 1, "shows the workflow, whose steps `workflow.rs` runs"),
    ("editors", 1, "is a line of .envrc, of what an .envrc would do"),
    ("names", 1, "opens a browser; the stories of names ask what it would"),
    ("README", 2, "installs into the machine; ./test runs ./test, and ./demo builds a release"),
    ("names", 1, "opens a browser; `front_door.rs` goes through the door"),
    ("install", 1, "installs into the machine; tests/packages.rs does it elsewhere"),
];

/// A page of docs/, or the README.
fn page(name: &str) -> PathBuf {
    let folder = if name == "README" { repository() } else { repository().join("docs") };
    folder.join(format!("{name}.md"))
}

/// All pages, by their names; the list of docs/ has no commands, and its name is the README's.
fn all() -> BTreeSet<String> {
    let entries = fs::read_dir(repository().join("docs")).unwrap().flatten().map(|entry| entry.path());
    let pages = entries.filter(|path| path.extension().is_some_and(|end| end == "md"));
    pages.map(|path| path.file_stem().unwrap().to_string_lossy().into_owned()).collect()
}

#[test]
fn no_command_of_a_page_is_left_out() {
    let mut run: BTreeSet<String> = PAGES.iter().map(|name| (*name).to_owned()).collect();
    run.extend(ON_DOCKER.map(str::to_owned));
    for name in all() {
        let blocks = blocks(&fs::read_to_string(page(&name)).unwrap());
        let has_commands = blocks.iter().any(|block| matches!(block, Block::Console { .. }));
        assert_eq!(has_commands, run.contains(&name), "{name}.md");
        let marks = blocks.iter().filter_map(|block| match block {
            Block::Other(mark) => Some(mark.as_str()),
            Block::Console { .. } | Block::File { .. } => None,
        });
        let marks: Vec<&str> = marks.collect();
        let looked_at = ["json", "text", "toml", "yaml"];
        assert!(
            marks.iter().all(|mark| *mark == "sh" || looked_at.contains(mark)),
            "{name}.md has a block that says nothing of what it is: {marks:?}"
        );
        let not_run = marks.iter().filter(|mark| **mark == "sh").count();
        let told = NOT_RUN.iter().find(|(page, _, _)| *page == name).map_or(0, |(_, count, _)| *count);
        assert_eq!(not_run, told, "blocks of {name}.md that nothing runs, and NOT_RUN");
    }
    assert!(NOT_RUN.iter().all(|(name, _, why)| all().contains(*name) && !why.is_empty()));
}

/// A page's project, and where its reader is.
struct Reader {
    stage: Stage,
    place: PathBuf,
    /// Ports that the project publishes, and those that it has here.
    ports: Vec<(u16, u16)>,
}

/// Those that projects of the pages publish; they may be taken on this machine.
const PUBLISHED: [u16; 6] = [3000, 5000, 5432, 8000, 8080, 8081];

/// What `init` makes with Python is made already, as far as it comes from a network.
fn with_made_venv(mut stage: Stage) -> Stage {
    let text = format!(
        "#!/bin/sh\nif [ \"$1 $2\" = '-m venv' ]; then exec ln -s '{}' \"$3\"; fi\nexec /usr/bin/python3 \"$@\"\n",
        venv().display()
    );
    let bin = stage.root().join("bin");
    fs::create_dir(&bin).unwrap();
    fs::write(bin.join("python3"), text).unwrap();
    fs::set_permissions(bin.join("python3"), fs::Permissions::from_mode(0o755)).unwrap();
    let path = format!("{}:{}", bin.display(), stage.variable("PATH"));
    stage.set("PATH", path);
    stage.set("BACKLOT_OFFLINE", "");
    stage
}

/// Places of a stage, and what a page has in their place.
const SHOWN: [(&str, &str); 6] = [
    ("[stage]/bin/python3", "/usr/bin/python3"),
    // Where it is the first on this machine.
    (", cloned from a new template", ", cloned"),
    ("[stage]/user", "/home/me"),
    ("[stage]", "/home/me"),
    ("[home]", "/home/me/.local/share/backlot"),
    ("[project]", "/home/me/project"),
];

impl Reader {
    fn of(project: &str) -> Self {
        let stage = match project {
            "empty" | "world" => Stage::empty(BACKLOT),
            "new" => with_made_venv(Stage::empty(BACKLOT).with_cargo()),
            "axum" => Stage::example(BACKLOT, "axum").with_cargo(),
            name => Stage::example(BACKLOT, name),
        };
        // Where a reader finds it.
        fs::create_dir_all(stage.root().join("user/.local/share")).unwrap();
        symlink(stage.home(), stage.root().join("user/.local/share/backlot")).unwrap();
        let path = path_to_backlot(&stage);
        let ports: Vec<_> = PUBLISHED.iter().map(|port| (*port, free_port())).collect();
        let postgres = ports.iter().find(|(port, _)| *port == 5432).unwrap().1;
        let stage = stage.with("PATH", path).with("POSTGRES_PORT", postgres.to_string());
        if ["flask", "axum"].contains(&project) {
            // It shows everyday life: the template is there already.
            stage
                .backlot(&["scenario", "up", "warm", "-q", "--only", "db", "--empty"])
                .output()
                .assert_code(0);
            stage.backlot(&["scenario", "down", "warm", "-q"]).output().assert_prints("");
        }
        Self { place: stage.project(), stage, ports }
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.place.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// Has the Compose files publish at this machine's free ports.
    fn move_ports(&self) {
        let folders = [self.place.clone(), self.place.join("docker")];
        let files = folders.iter().filter_map(|folder| fs::read_dir(folder).ok()).flatten().flatten();
        let is_compose = |path: &PathBuf| path.extension().is_some_and(|end| end == "yaml" || end == "yml");
        for path in files.map(|entry| entry.path()).filter(is_compose) {
            let text = fs::read_to_string(&path).unwrap();
            let moved = self.ports.iter().fold(text.clone(), |text, (port, here)| {
                ["\"", "- ", "127.0.0.1:"].iter().fold(text, |text, before| {
                    text.replace(&format!("{before}{port}:"), &format!("{before}{here}:"))
                })
            });
            if moved != text {
                fs::write(path, moved).unwrap();
            }
        }
    }

    /// What a command prints, as the page would show it.
    fn type_in(&mut self, command: &str) -> String {
        if let Some(folder) = command.strip_prefix("cd ") {
            self.place = self.place.join(folder);
            return String::new();
        }
        self.move_ports();
        let here = self.ports.iter().fold(command.to_owned(), |command, (port, here)| {
            command.replace(&format!("localhost:{port}"), &format!("localhost:{here}"))
        });
        let run = self.stage.run("sh", &["-c", &format!("exec 2>&1; {here}")]).within(&self.place);
        let printed = without_locale(&run.output().stdout);
        let printed = self
            .ports
            .iter()
            .fold(printed, |printed, (port, here)| printed.replace(&here.to_string(), &port.to_string()));
        let lines = SHOWN.iter().fold(printed, |printed, (here, shown)| printed.replace(here, shown));
        // What takes long is told where a machine is slow.
        let lines = lines.trim_end().lines().filter(|line| !line.starts_with("    still "));
        lines.flat_map(|line| [line.trim_end(), "\n"]).collect()
    }
}

/// The readers of a page's projects, by the words for them.
#[derive(Default)]
struct Readers(BTreeMap<String, Reader>);

impl Readers {
    /// The one of this project; none where its files cannot be true on this machine.
    fn of(&mut self, project: &str) -> Option<&mut Reader> {
        // What these have is at paths of containers.
        if ["shelf", "world"].contains(&project) && !has_views() {
            return None;
        }
        Some(self.0.entry(project.to_owned()).or_insert_with(|| Reader::of(project)))
    }
}

fn follow(name: &str) {
    let path = page(name);
    let text = fs::read_to_string(&path).unwrap();
    let writes = std::env::var("BACKLOT_WRITE_DOCS").ok();
    let blocks = blocks(&text);
    let projects = blocks.iter().filter_map(|block| match block {
        Block::Console { project, .. } => Some(project.as_str()),
        Block::File { .. } | Block::Other(_) => None,
    });
    let first = projects.into_iter().next().unwrap_or_else(|| panic!("{name}.md has no commands"));
    let (mut readers, mut outputs) = (Readers::default(), Vec::new());
    for block in &blocks {
        match block {
            Block::File { path, text } => {
                if let Some(reader) = readers.of(first) {
                    reader.write(path, text);
                }
            }
            Block::Console { project, examples } => {
                let mut reader = readers.of(project);
                for Example { command, output } in examples {
                    let printed =
                        reader.as_mut().map_or_else(|| output.clone(), |reader| reader.type_in(command));
                    let as_shown = is_shown(output, &printed);
                    assert!(
                        as_shown || writes.is_some(),
                        "{name}.md shows something else for\n$ {command}\n{printed}--- the page has ---\n{output}"
                    );
                    let anew = writes.as_deref() == Some("anew") && !output.contains('…');
                    outputs.push(if as_shown && !anew { output.clone() } else { printed });
                }
            }
            Block::Other(_) => {}
        }
    }
    if writes.is_some() {
        fs::write(&path, with_outputs(&text, &outputs)).unwrap();
    }
    for reader in readers.0.values() {
        // A page does not have to say that data is to go as well.
        let words = ["down", "--volumes", "--yes", "-q"];
        reader.stage.backlot(&words).within(&reader.place).output();
        reader.stage.assert_nothing_left();
    }
}

/// The image of a terminal is of a run: its commands print what it has (`scripts/terminal-image`).
#[test]
fn image() {
    let image = fs::read_to_string(repository().join("docs/images/terminal.svg")).unwrap();
    let lines = image.lines().filter(|line| line.starts_with("<text"));
    let shown: String = lines.flat_map(|line| [without_tags(line), "\n".to_owned()]).collect();
    let page = format!("```console flask\n{shown}```\n");
    let mut reader = Reader::of("flask");
    let Some(Block::Console { examples, .. }) = blocks(&page).pop() else { panic!("{page}") };
    assert!(examples.len() > 2, "{page}");
    for Example { command, output } in examples {
        let printed = reader.type_in(&command);
        assert!(is_shown(&output, &printed), "$ {command}\n{printed}--- the image has ---\n{output}");
    }
}

fn without_tags(line: &str) -> String {
    let parts = line.split('<').map(|part| part.split_once('>').map_or(part, |(_, text)| text));
    parts.collect::<String>().replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
}

/// The PATH of a stage with the Backlot that is tested in front.
fn path_to_backlot(stage: &Stage) -> String {
    let bin = Path::new(stage.binary()).parent().unwrap().display().to_string();
    format!("{bin}:{}", stage.variable("PATH"))
}

/// The pages are those of a machine with the image's locale; others say what sorts in its place.
fn without_locale(text: &str) -> String {
    let line = |line: &str| match (line.find(", sorted by "), line.rfind(')')) {
        (Some(from), Some(to)) if from < to => format!("{}{}", &line[..from], &line[to + 1..]),
        _ => line.to_owned(),
    };
    text.lines().map(line).collect::<Vec<_>>().join("\n")
}
