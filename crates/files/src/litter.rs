//! What lies in a project's folders without a person having written it.

use std::path::Path;

/// Folders that are made from the sources, or are not the project's own.
const MADE: [&str; 6] = ["node_modules", "target", "__pycache__", "venv", "env", "htmlcov"];

/// Whether a folder holds nothing that a person writes: what is hidden, made from sources, or installed.
pub fn is_made(folder: &Path) -> bool {
    let name = folder.file_name().unwrap_or_default().to_string_lossy();
    name.starts_with('.') || MADE.contains(&name.as_ref()) || folder.join("pyvenv.cfg").exists()
}

/// Whether a file of this name is what programs leave beside sources.
pub fn is_litter(name: &str) -> bool {
    let ending = Path::new(name).extension().and_then(|ending| ending.to_str());
    matches!(ending, Some("pyc" | "log" | "swp" | "sqlite3" | "pid"))
        || matches!(name, ".coverage" | ".DS_Store")
}
