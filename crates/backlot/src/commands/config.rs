//! `backlot config`

mod lists;

use std::fmt::Write;
use std::path::{Path, PathBuf};

use backlot_engine::{MovedPort, apart, moved};
use backlot_project::stack::Port;
use backlot_project::{Environment, Layout, Origin, Project, Service, mask};
use serde_json::{Map, Value, json};

use crate::context::Context;
use crate::error::CommandError;
use crate::exit::Exit;
use crate::render::{self, Table};
use lists::Lists;

/// Show which files were found, the variables, and the resolved stack
///
/// With --json the stack is printed as `docker compose config --format json` prints it, and what Backlot adds is under
/// `x-backlot-environment`. In the Compose layout it is Compose's own stack when no environment is named, under Compose's
/// own name; an environment's stack has the environment in its name, so that several can be up at once. With -q, nothing is
/// printed but what is wrong with the files.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    lists: Lists,
    /// Print the stack as Docker Compose does, and nothing else: as YAML, or as `--json` does
    #[arg(long, value_enum, value_name = "FORMAT")]
    format: Option<Format>,
    /// Write what would be printed into a file: the stack as YAML, if nothing else is said
    #[arg(short = 'o', long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Show the values of secrets
    #[arg(long)]
    show_secrets: bool,
}

/// How the stack is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    Yaml,
    Json,
}

pub fn run(args: &Args, context: &Context) -> Result<Exit, CommandError> {
    let project = context.project()?;
    let mut environment = context.environment(&project)?;
    let moved = moved(&context.home()?, &project, &environment);
    context.tell_withheld(&environment);
    context.tell(context.not_done(&project, &environment));
    if project.layout() == Layout::Compose && !context.names_environment() {
        environment.stack = project.plain_stack()?;
    }
    if context.global.quiet {
        return Ok(Exit::Done);
    }
    let stack = resolved(&environment, args.show_secrets);
    let text = if let Some(names) = args.lists.of(&stack, context)? {
        listed(&names, context.global.json)
    } else {
        match args.format {
            Some(Format::Yaml) => render::yaml(&stack),
            None if args.output.is_some() && !context.global.json => render::yaml(&stack),
            None if !context.global.json => in_words(&project, &environment, &moved, args.show_secrets),
            Some(Format::Json) | None => {
                format!("{:#}\n", in_json(&project, &environment, &moved, args.show_secrets))
            }
        }
    };
    match &args.output {
        None => render::data(&text),
        Some(path) => {
            std::fs::write(path, text).map_err(|source| Unwritten { path: path.clone(), source })?;
        }
    }
    Ok(Exit::Done)
}

fn listed(names: &[String], as_json: bool) -> String {
    if as_json {
        return format!("{:#}\n", Value::from(names));
    }
    names.iter().flat_map(|name| [name.as_str(), "\n"]).collect()
}

/// The whole stack, as Compose prints it.
fn resolved(environment: &Environment, secrets: bool) -> Value {
    let stack = &environment.stack;
    if secrets { stack.resolved().clone() } else { stack.resolved_masked() }
}

/// A file that could not be written.
#[derive(Debug, thiserror::Error)]
#[error("cannot write {}", path.display())]
struct Unwritten {
    path: PathBuf,
    source: std::io::Error,
}

impl From<Unwritten> for CommandError {
    fn from(error: Unwritten) -> Self {
        Self::failed("io", error)
    }
}

fn layout(project: &Project) -> &'static str {
    match project.layout() {
        Layout::Seed => "seed",
        Layout::Compose => "compose",
    }
}

fn shown(name: &str, value: &str, secrets: bool) -> String {
    if secrets { value.to_owned() } else { mask(name, value).into_owned() }
}

fn origin(origin: &Origin, root: &Path) -> String {
    match origin {
        Origin::Process => "process environment".into(),
        Origin::ConfigFile(path) | Origin::DotEnv(path) => relative(path, root),
        Origin::Backlot => "backlot".into(),
    }
}

fn relative(path: &Path, root: &Path) -> String {
    path.strip_prefix(root).unwrap_or(path).display().to_string()
}

/// Writing into a `String` cannot fail, which is why its results are passed over.
fn in_words(project: &Project, environment: &Environment, moved: &[MovedPort], secrets: bool) -> String {
    let root = project.root();
    let files: Vec<String> = environment.files.iter().map(|file| relative(file, root)).collect();
    let mut text = format!(
        "project      {} ({} layout) in {}\nenvironment  {}\nfiles        {}\n",
        project.name(),
        layout(project),
        root.display(),
        environment.name,
        files.join(", ")
    );
    if !environment.variables.is_empty() {
        let mut table = Table::new(&["VARIABLE", "VALUE", "FROM"]);
        for (name, variable) in environment.variables.iter() {
            table.row(vec![
                name.into(),
                shown(name, &variable.value, secrets),
                origin(&variable.origin, root),
            ]);
        }
        let _ = write!(text, "\n{table}");
    }
    let mut table = Table::new(&["SERVICE", "RUNS", "PORTS", "REPLICAS", "DEPENDS ON"]);
    for service in environment.stack.services.values() {
        table.row(vec![
            service.name.clone(),
            what_runs(service, root),
            service.ports.iter().map(port).collect::<Vec<_>>().join(" "),
            service.replicas.to_string(),
            service.depends_on.keys().cloned().collect::<Vec<_>>().join(" "),
        ]);
    }
    let _ = write!(text, "\n{table}");
    for (service, others) in apart(&environment.stack) {
        let others = others.join(", ");
        let _ =
            write!(text, "\n{service} shares no network with {others}: they do not know each other's names");
    }
    for port in moved {
        let _ = write!(text, "\n{port}");
    }
    for warning in &environment.warnings {
        let _ = write!(text, "\nwarning: {warning}");
    }
    if !text.ends_with('\n') {
        text.push('\n');
    }
    text
}

fn what_runs(service: &Service, root: &Path) -> String {
    match (&service.image, &service.build) {
        (Some(image), _) => match &image.tag {
            Some(tag) => format!("image {}:{tag}", image.repository),
            None => format!("image {}", image.repository),
        },
        (None, Some(build)) => format!("build {}", relative(&build.dockerfile, root)),
        (None, None) => String::new(),
    }
}

fn port(port: &Port) -> String {
    match port.published {
        Some(range) if range.first == range.last => format!("{}:{}", range.first, port.target),
        Some(range) => format!("{}-{}:{}", range.first, range.last, port.target),
        None => format!("free:{}", port.target),
    }
}

pub fn moved_in_json(moved: &MovedPort) -> Value {
    json!({ "service": moved.service, "published": moved.from, "port": moved.to, "address": moved.address })
}

fn in_json(project: &Project, environment: &Environment, moved: &[MovedPort], secrets: bool) -> Value {
    let stack = resolved(environment, secrets);
    let variable = |(name, variable): (&str, &backlot_project::Variable)| {
        json!({
            "name": name,
            "value": shown(name, &variable.value, secrets),
            "from": origin(&variable.origin, project.root()),
        })
    };
    let ours = json!({
        "project": project.name(),
        "root": project.root(),
        "layout": layout(project),
        "environment": environment.name.as_str(),
        "files": environment.files,
        "variables": environment.variables.iter().map(variable).collect::<Vec<_>>(),
        "warnings": environment.warnings,
        "apart": apart(&environment.stack),
        "moved": moved.iter().map(moved_in_json).collect::<Vec<_>>(),
    });
    let mut all = match stack {
        Value::Object(object) => object,
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => Map::new(),
    };
    all.insert("x-backlot-environment".into(), ours);
    all.into()
}
