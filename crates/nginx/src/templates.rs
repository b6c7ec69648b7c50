//! What the official image makes of templates when it starts.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use crate::source::Source;

/// Variables of the image that say where templates are, what their names end in, and where what is made of them goes, with what
/// holds where they say nothing.
const FOLDER: (&str, &str) = ("NGINX_ENVSUBST_TEMPLATE_DIR", "/etc/nginx/templates");
const SUFFIX: (&str, &str) = ("NGINX_ENVSUBST_TEMPLATE_SUFFIX", ".template");
const OUTPUT: (&str, &str) = ("NGINX_ENVSUBST_OUTPUT_DIR", "/etc/nginx/conf.d");
/// Folders that are deeper below the templates' are not looked into.
const DEEPEST: usize = 8;

/// A file that is made of a template.
#[derive(Debug, Clone)]
pub(crate) struct Filled {
    /// Where the container has it.
    pub(crate) target: PathBuf,
    /// The template, on this machine.
    pub(crate) file: PathBuf,
    /// The template with the variables filled in.
    pub(crate) text: String,
}

impl Source {
    /// The files that are made of templates, by their names.
    pub(crate) fn filled_templates(&self) -> Vec<Filled> {
        let said = |(name, usual): (&str, &str)| {
            let value = self.variables.get(name).filter(|value| !value.is_empty());
            value.map_or_else(|| usual.to_owned(), Clone::clone)
        };
        let (folder, suffix, output) = (said(FOLDER), said(SUFFIX), said(OUTPUT));
        let filled = self.below(Path::new(&folder)).into_iter().filter_map(|(name, file)| {
            let made = name.to_str()?.strip_suffix(suffix.as_str())?;
            let text = backlot_files::text(&file).ok()?;
            let target = Path::new(&output).join(made);
            Some(Filled { target, text: self.filled(&text), file })
        });
        filled.collect()
    }

    /// The mounted files below a folder, by their names in it.
    fn below(&self, folder: &Path) -> BTreeMap<PathBuf, PathBuf> {
        let mut mounts: Vec<_> = self.mounts.iter().collect();
        // What is mounted deeper is seen in the place of what is there.
        mounts.sort_by_key(|(target, _)| target.components().count());
        let mut found = BTreeMap::new();
        for (target, source) in mounts {
            match (target.strip_prefix(folder), folder.strip_prefix(target)) {
                (_, Ok(rest)) => walk(&source.join(rest), Path::new(""), 0, &mut found),
                (Ok(name), Err(_)) if source.is_file() => drop(found.insert(name.into(), source.clone())),
                (Ok(name), Err(_)) => walk(source, name, 0, &mut found),
                (Err(_), Err(_)) => {}
            }
        }
        found
    }

    /// `${NAME}` and `$NAME` of the service's variables; nginx's own variables stay.
    fn filled(&self, text: &str) -> String {
        let mut filled = String::with_capacity(text.len());
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('$') {
            filled.push_str(before);
            let (name, length) = named(after);
            match self.variables.get(name) {
                Some(value) => filled.push_str(value),
                None => filled.push_str(&rest[before.len()..=before.len() + length]),
            }
            rest = &after[length..];
        }
        filled + rest
    }
}

/// The name of a variable that a text begins with, and how much of that is the reference: nothing, where it is none.
fn named(text: &str) -> (&str, usize) {
    let (text, braces) = text.strip_prefix('{').map_or((text, 0), |inner| (inner, 1));
    let end = text.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(text.len());
    match (braces, &text[end..]) {
        (0, _) => (&text[..end], end),
        (_, after) if after.starts_with('}') => (&text[..end], end + 2),
        _ => ("", 0),
    }
}

fn walk(folder: &Path, name: &Path, depth: usize, found: &mut BTreeMap<PathBuf, PathBuf>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let (path, name) = (entry.path(), name.join(entry.file_name()));
        if path.is_file() {
            found.insert(name, path);
        } else if depth < DEEPEST {
            walk(&path, &name, depth + 1, found);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The files that are made of these templates, with their texts.
    fn made(source: &Source) -> Vec<(String, String)> {
        let all = source.filled_templates().into_iter();
        all.map(|filled| (filled.target.display().to_string(), filled.text)).collect()
    }

    fn variables(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn a_template_has_the_name_that_the_container_sees_whatever_it_is_called_here() {
        let dir = tempfile::tempdir().unwrap();
        let (site, more) = (dir.path().join("nginx.conf"), dir.path().join("more"));
        fs::create_dir_all(more.join("inner")).unwrap();
        fs::write(&site, "one").unwrap();
        fs::write(more.join("b.conf.template"), "hidden").unwrap();
        fs::write(more.join("inner/c.template"), "three").unwrap();
        fs::write(more.join("plain.conf"), "no template").unwrap();
        let mounts = vec![
            ("/etc/nginx/templates/b.conf.template".into(), site.clone()),
            ("/etc/nginx/templates".into(), more.clone()),
        ];
        let both = [("/etc/nginx/conf.d/b.conf", "one"), ("/etc/nginx/conf.d/inner/c", "three")];
        let both = both.map(|(name, text)| (name.to_owned(), text.to_owned()));
        assert_eq!(made(&Source { mounts, variables: BTreeMap::new() }), both);
        let said = variables(&[
            ("NGINX_ENVSUBST_TEMPLATE_DIR", "/t"),
            ("NGINX_ENVSUBST_TEMPLATE_SUFFIX", ".in"),
            ("NGINX_ENVSUBST_OUTPUT_DIR", "/etc/nginx"),
        ]);
        let source = Source { mounts: vec![("/t/nginx.conf.in".into(), site)], variables: said };
        assert_eq!(made(&source), [("/etc/nginx/nginx.conf".to_owned(), "one".to_owned())]);
    }

    #[test]
    fn a_configuration_has_those_that_it_includes_by_the_names_that_they_get() {
        let dir = tempfile::tempdir().unwrap();
        let file = |name: &str, text: &str| {
            fs::write(dir.path().join(name), text).unwrap();
            dir.path().join(name)
        };
        let site = "include /etc/nginx/conf.d/names;\nserver { listen ${PORT}; location / { proxy_pass http://web:8000; } }\n";
        let mounts = vec![
            ("/etc/nginx/templates/default.conf.template".into(), file("https.conf", site)),
            ("/etc/nginx/templates/names.template".into(), file("names", "server { listen 90; }\n")),
            ("/etc/nginx/templates/unused.template".into(), file("unused.conf", "server { listen 91; }\n")),
        ];
        let config =
            crate::Config::read(&Source { mounts, variables: variables(&[("PORT", "80")]) }).unwrap();
        assert_eq!(config.listens(), [80, 90].into());
        let services = std::collections::BTreeSet::from(["web".to_owned()]);
        assert_eq!(config.references(&services).unwrap(), [("web".to_owned(), 8000)].into());
    }

    #[test]
    fn only_whole_names_of_variables_are_filled_in() {
        let source = Source { mounts: Vec::new(), variables: variables(&[("PORT", "80"), ("A", "$PORT")]) };
        for (text, expected) in [
            ("listen ${PORT}; $PORT $PORTAL ${PORTAL} $host;", "listen 80; 80 $PORTAL ${PORTAL} $host;"),
            ("$A ${A}b ~ x$; ${PORT $", "$PORT $PORTb ~ x$; ${PORT $"),
            ("", ""),
        ] {
            assert_eq!(source.filled(text), expected);
        }
    }
}
