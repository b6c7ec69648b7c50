//! `backlot init`

mod adopt;
mod beside;
mod found;
mod templates;
mod unwritable;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use backlot_engine::tools;
use backlot_process::{Program, Stdout, is_offline, shell_quote};
use clap::ValueEnum;
use serde_json::json;

use crate::context::Context;
use crate::error::CommandError;
use crate::exit::Exit;
use crate::render;
use templates::{AXUM, FLASK, File, files};
use unwritable::unwritable;

/// Make a new project, ready to run: `cd NAME && backlot up`; or, without a name, write a Compose file for the one that is here
///
/// A new one is one of Backlot's own examples: a small web application with a table, migrations, tests and scenarios. For a
/// project that is there, what it is written in, what starts it, its database and its migrations are told by its files; what
/// would be written is shown, and asked for. A project that has a Compose file keeps it: what migrates its database is offered to be
/// added, where its files show that and the Compose file says nothing of it.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The directory to make
    #[arg(requires = "template")]
    name: Option<PathBuf>,
    /// What it is written in
    #[arg(long, value_enum, requires = "name")]
    template: Option<Template>,
    /// Do not ask
    #[arg(short, long, conflicts_with = "name")]
    yes: bool,
    /// Write the files only, and install nothing into the new directory
    #[arg(long)]
    no_install: bool,
}

/// The projects that can be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Template {
    /// Rust, with axum and sqlx
    Axum,
    /// Python, with Flask and Alembic
    Flask,
}

impl Template {
    fn files(self) -> impl Iterator<Item = File<'static>> {
        files(match self {
            Self::Axum => AXUM,
            Self::Flask => FLASK,
        })
    }
}

pub fn run(args: &Args, context: &Context) -> Result<Exit, CommandError> {
    let here = context.caller.directory.as_ref().map_err(|error| {
        CommandError::failed("no-directory", io::Error::new(error.kind(), error.to_string()))
    })?;
    let base = context.global.directory.as_ref().map_or_else(|| here.clone(), |dir| here.join(dir));
    let (Some(made), Some(template)) = (&args.name, args.template) else {
        return adopt::adopt(&base, args.yes, context);
    };
    let directory = base.join(made);
    let name = directory.file_name().map(|name| name.to_string_lossy().into_owned());
    let Some(name) = name else {
        return Err(CommandError::usage("name-invalid", "the directory to make has no name"));
    };
    if context.global.dry_run {
        let files = template.files();
        let steps: Vec<String> =
            files.map(|file| format!("write {}", directory.join(file.path).display())).collect();
        return context.show_steps(&steps);
    }
    refuse_what_is_there(&directory)?;
    write_all(&directory, &name, template.files())?;
    let installed = template == Template::Flask && !args.no_install && install(&directory, context);
    show((made, template), &directory, installed, context);
    Ok(Exit::Done)
}

/// An empty directory is as good as none; in any other, something could be lost.
fn refuse_what_is_there(directory: &Path) -> Result<(), CommandError> {
    match fs::read_dir(directory).map(Iterator::count) {
        Ok(0) => Ok(()),
        Ok(_) => {
            Err(CommandError::failed("exists", format!("{} is there and not empty", directory.display()))
                .hint("choose another name, or move it away"))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(unwritable(directory, &error)),
    }
}

fn write_all<'a>(
    directory: &Path,
    name: &str,
    files: impl Iterator<Item = File<'a>>,
) -> Result<(), CommandError> {
    for file in files {
        let path = directory.join(file.path);
        let text = if file.path == "README.md" { titled(file.text, name) } else { file.text.to_owned() };
        let parent = path.parent().unwrap_or(directory);
        fs::create_dir_all(parent)
            .and_then(|()| fs::write(&path, text))
            .map_err(|error| unwritable(&path, &error))?;
    }
    Ok(())
}

/// The text with the project's name as its title.
fn titled(text: &str, name: &str) -> String {
    let rest = text.split_once('\n').map_or("", |(_title, rest)| rest);
    format!("# {name}\n{rest}")
}

/// Makes the virtual environment and installs what the project needs into it; whether that went well. If not, the
/// project is there all the same.
fn install(directory: &Path, context: &Context) -> bool {
    if is_offline(&context.caller.variables) {
        context.progress().say("  · nothing was installed (--offline, BACKLOT_OFFLINE)");
        return false;
    }
    let Some(python) = tools::on_path("python3", &context.caller.variables) else {
        context.progress().say("  ⚠ no python3 is on PATH: nothing was installed");
        return false;
    };
    let venv = directory.join(".venv");
    let steps = [
        Program::new(python).args(["-m", "venv"]).arg(&venv),
        Program::new(venv.join("bin/pip"))
            .args(["install", "--quiet", "--disable-pip-version-check", "-r"])
            .arg(directory.join("requirements/development.txt")),
    ];
    for step in steps {
        context.progress().say(&format!("  {} {step}", context.style().faint("$")));
        let step = step.envs(&context.caller.variables).current_dir(directory);
        let task = context.progress().beside_others().task("packages", "install what the project needs");
        let ended = step.run(Stdout::OurStderr, &context.interrupted);
        drop(task);
        if !ended.is_ok_and(|ended| ended.status.success()) {
            context.progress().say("  ⚠ that failed: the project is there, what it needs is not installed");
            return false;
        }
    }
    true
}

fn show((name, template): (&Path, Template), directory: &Path, installed: bool, context: &Context) {
    if context.global.json {
        return render::json(&json!({ "directory": directory, "installed": installed }));
    }
    if context.global.quiet {
        return;
    }
    let shown = name.display().to_string();
    render::line(&format!("{shown} is ready:"));
    render::line(&format!("  cd {}", shell_quote(&shown)));
    if template == Template::Flask && !installed {
        render::line("  python3 -m venv .venv && .venv/bin/pip install -r requirements/development.txt");
    }
    render::line("  backlot up");
}
