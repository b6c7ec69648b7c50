//! Where a Node project's own settings have its modules, if not beside its `package.json`.

/// The files with such settings.
pub const SETTINGS: [&str; 3] = [".yarnrc", ".npmrc", "pnpm-workspace.yaml"];
/// What the setting is called in them, and as an option.
const NAMES: [&str; 3] = ["modules-folder", "modules-dir", "modulesDir"];

/// The folder that a line of such a file names for modules (`--modules-folder /node_modules`).
pub fn folder_of_modules(line: &str) -> Option<&str> {
    let line = line.trim().trim_start_matches("--");
    let line = line.strip_prefix("install.").unwrap_or(line);
    let rest = NAMES.iter().find_map(|name| line.strip_prefix(name))?;
    let value = rest.strip_prefix([' ', '\t', '=', ':'])?.trim_matches([' ', '\t', '=', ':', '"', '\'']);
    (!value.is_empty()).then_some(value)
}

#[cfg(test)]
mod tests {
    use super::folder_of_modules;

    #[test]
    fn settings_name_a_folder() {
        for (line, expected) in [
            ("--modules-folder /node_modules", Some("/node_modules")),
            ("--install.modules-folder \"../lib\"", Some("../lib")),
            ("modules-dir=../lib", Some("../lib")),
            ("modules-dir = ../lib", Some("../lib")),
            ("modulesDir: '/x y'", Some("/x y")),
            ("--modules-folder=/x", Some("/x")),
            ("modules-dirs=1", None),
            ("# modules-dir=1", None),
            ("modules-dir=", None),
        ] {
            assert_eq!(folder_of_modules(line), expected, "{line}");
        }
    }
}
