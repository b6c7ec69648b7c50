//! Which version of a tool that installs packages a project has, and tools that a service runs itself.

use std::collections::BTreeMap;
use std::path::Path;

use backlot_dockerfile::{Argument, Install, Installs, Kind, Tool};

use crate::machine::Machine;

/// The tools that a Dockerfile installs and this machine has not, where it installs nothing by such ones: what the service runs when it
/// starts needs them (`pnpm install && pnpm dev`). Its `package.json` is in `directory`.
pub fn lone_tools(installs: &Installs, directory: &Path, machine: Machine<'_>) -> Vec<Install> {
    let has = |of_node: bool| installs.all.iter().any(|install| is_of_node(&install.kind) == Some(of_node));
    let is_lone = |tool: Tool| !has(is_nodes(tool)) && machine.on_path(tool.name()).is_none();
    let tools = installs.tools.iter().filter(|(tool, _)| is_lone(**tool));
    let lone = |(tool, told): (&Tool, &String)| {
        let spec = if is_nodes(*tool) { spec(Some(told), directory, *tool) } else { told.clone() };
        let (said, kind) = if is_nodes(*tool) {
            (format!("npm install -g {spec}"), Kind::Globals(vec![spec]))
        } else {
            let arguments = vec![Argument::Package(spec.clone())];
            (format!("pip install {spec}"), Kind::Pip { arguments, by_uv: false })
        };
        Install {
            said,
            place: "/usr/local".into(),
            directory: directory.to_owned(),
            variables: BTreeMap::new(),
            kind,
        }
    };
    tools.map(lone).collect()
}

fn is_nodes(tool: Tool) -> bool {
    match tool {
        Tool::Npm | Tool::Pnpm | Tool::Yarn => true,
        Tool::Uv | Tool::Poetry | Tool::Pipenv => false,
    }
}

/// Whether it is of Node or of Python, if of one of them.
fn is_of_node(kind: &Kind) -> Option<bool> {
    match kind {
        Kind::Modules { .. } | Kind::Globals(_) => Some(true),
        Kind::Pip { .. } | Kind::Sync { .. } | Kind::Export { .. } => Some(false),
        Kind::Gems { .. } => None,
    }
}

/// Which version of a tool there is to be: the one that is told, else the one that the project names, which a newer one would fetch
/// by itself.
pub(crate) fn spec(told: Option<&String>, directory: &Path, tool: Tool) -> String {
    let told = told.filter(|spec| *spec != tool.name()).cloned();
    told.or_else(|| named(directory, tool)).unwrap_or_else(|| tool.name().to_owned())
}

/// `"packageManager": "pnpm@9.1.0+sha512…"`
fn named(directory: &Path, tool: Tool) -> Option<String> {
    let text = backlot_files::text(&directory.join("package.json")).ok()?;
    let package: serde_json::Value = serde_json::from_str(&text).ok()?;
    let named = package.get("packageManager")?.as_str()?.split('+').next()?;
    named.starts_with(&format!("{}@", tool.name())).then(|| named.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tool_by_which_nothing_is_installed_is_installed_itself() {
        let lone = |tools: &[(Tool, &str)], all: Vec<Install>| {
            let tools = tools.iter().map(|(tool, spec)| (*tool, (*spec).to_owned())).collect();
            let installs = Installs { tools, all, ..Installs::default() };
            let caller = BTreeMap::from([("PATH".to_owned(), "/nowhere".to_owned())]);
            lone_tools(&installs, Path::new("/project"), Machine { caller: &caller })
        };
        let said = |installs: Vec<Install>| installs.into_iter().map(|one| one.said).collect::<Vec<_>>();
        let both = [(Tool::Pnpm, "pnpm@9"), (Tool::Poetry, "poetry==1.8")];
        let all = lone(&both, Vec::new());
        assert_eq!(said(all.clone()), ["pip install poetry==1.8", "npm install -g pnpm@9"]);
        assert_eq!(said(lone(&both, vec![all[0].clone()])), ["npm install -g pnpm@9"]);
        assert_eq!(said(lone(&both, all)), [""; 0]);
    }

    #[test]
    fn a_tool_without_a_version_is_the_one_that_the_project_names() {
        let dir = tempfile::tempdir().unwrap();
        let of = |told: Option<&str>| spec(told.map(str::to_owned).as_ref(), dir.path(), Tool::Pnpm);
        assert_eq!((of(None), of(Some("pnpm@8"))), ("pnpm".to_owned(), "pnpm@8".to_owned()));
        let package = "{\"packageManager\": \"pnpm@10.7.1+sha512.2d92\"}";
        std::fs::write(dir.path().join("package.json"), package).unwrap();
        for (told, expected) in
            [(None, "pnpm@10.7.1"), (Some("pnpm"), "pnpm@10.7.1"), (Some("pnpm@8"), "pnpm@8")]
        {
            assert_eq!(of(told), expected);
        }
    }
}
