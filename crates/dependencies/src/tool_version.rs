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
