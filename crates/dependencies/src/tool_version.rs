//! Which version of a tool that installs packages a project has.

use std::path::Path;

use backlot_dockerfile::Tool;

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

impl Environment {
    /// Whether it is there, all of it.
    pub fn is_whole(&self) -> bool {
        let has_interpreter = match self.ecosystem {
            Ecosystem::Python => is_executable(&self.folder.join("bin/python")),
            Ecosystem::Node | Ecosystem::Ruby | Ecosystem::Built => true,
        };
        has_interpreter && self.folder.join(MARK).is_file()
    }

    /// The lines that install it, for people.
    pub fn said(&self) -> String {
        if let Some(built) = &self.built {
            return built.said();
        }
        let lines: Vec<&str> = self.installs.iter().map(|install| install.said.as_str()).collect();
        lines.join("; ")
    }

    /// Where its programs are, and the tools that it was made with (`pnpm run`, `uv run`): first on PATH.
    pub fn programs(&self) -> Vec<PathBuf> {
        let own = match self.ecosystem {
            // What it is built with is not what it needs.
            Ecosystem::Built => return Vec::new(),
            Ecosystem::Python | Ecosystem::Ruby => self.folder.join("bin"),
            Ecosystem::Node => self.folder.join("node_modules/.bin"),
        };
        let apart = self.interpreter.parent().filter(|_| self.is_apart).map(Path::to_owned);
        let tools = self.tools.iter().flat_map(Self::programs);
        let mut all: Vec<PathBuf> = [own].into_iter().chain(apart).chain(tools).collect();
        all.dedup();
        all
    }

    /// The variables by which programs know it.
    pub fn variables(&self) -> Vec<(&'static str, String)> {
        let folder = self.folder.display().to_string();
        match self.ecosystem {
            Ecosystem::Python => {
                // `uv run` is not to make another one in the project.
                let is_synced = |install: &Install| matches!(install.kind, Kind::Sync { tool: Tool::Uv, .. });
                let of_uv = if self.installs.iter().any(is_synced) {
                    vec![("UV_PROJECT_ENVIRONMENT", folder.clone()), ("UV_NO_SYNC", "1".into())]
                } else {
                    Vec::new()
                };
                [("VIRTUAL_ENV", folder)].into_iter().chain(of_uv).collect()
            }
            Ecosystem::Node => {
                self.as_in_image.iter().map(|(name, value)| (*name, (*value).to_owned())).collect()
            }
            Ecosystem::Built => Vec::new(),
            Ecosystem::Ruby => vec![
                ("BUNDLE_PATH", format!("{folder}/gems")),
                ("BUNDLE_APP_CONFIG", format!("{folder}/config")),
                ("BUNDLE_BIN", format!("{folder}/bin")),
            ],
        }
    }

    /// What of it is where the image has it, and nothing of the machine's is: there, and here.
    pub fn seen(&self) -> Vec<(PathBuf, PathBuf)> {
        match self.ecosystem {
            Ecosystem::Python => {
                let places = self.installs.iter().map(|install| &install.place);
                let own = places.filter(|place| !SYSTEM.iter().any(|dir| *place == Path::new(dir)));
                own.map(|place| (place.clone(), self.folder.clone())).collect()
            }
            Ecosystem::Node => {
                let above =
                    self.installs.first().filter(|install| matches!(install.kind, Kind::Modules { .. }));
                let Some(place) = above.map(|install| &install.place) else { return Vec::new() };
                let above = place.parent().unwrap_or(place);
                let there = |rest: &Path| {
                    if rest == Path::new(NAME) { place.clone() } else { above.join(rest) }
                };
                let all = self.marked();
                all.into_iter().map(|rest| (there(&rest), self.folder.join(&rest))).collect()
            }
            Ecosystem::Ruby => Vec::new(),
            Ecosystem::Built => {
                let built = self.built.iter();
                built.flat_map(|built| built.seen(&self.folder, &self.marked())).collect()
            }
        }
    }

    /// The folder with modules, for programs that cannot have it beside their own files.
    pub fn node_path(&self) -> Option<PathBuf> {
        (self.ecosystem == Ecosystem::Node).then(|| self.folder.join("node_modules"))
    }

    /// What its mark names: folders with modules, or what has been built, below its own.
    fn marked(&self) -> Vec<PathBuf> {
        let text = backlot_files::text(&self.folder.join(MARK)).unwrap_or_default();
        text.lines().filter(|line| !line.is_empty()).map(PathBuf::from).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
