//! What the official image makes of templates before nginx starts, and the site that it brings along.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use crate::place::mounted;
use crate::source::Source;

/// The site that the image brings along, which is as any other file of its folder.
pub const SITE: &str = "/etc/nginx/conf.d/default.conf";
/// Where the image has scripts that it runs before nginx.
const SCRIPTS: &str = "/docker-entrypoint.d";
/// Folders deeper than this hold each other.
const DEEPEST: usize = 20;

/// A file that is made of a template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Made {
    /// Where nginx has it.
    pub(crate) target: PathBuf,
    /// The template, on this machine.
    pub(crate) template: PathBuf,
    /// What is in it.
    pub(crate) text: String,
}

impl Source {
    /// What is made of the templates: of each file below their folder that has their ending, one with the variables filled in.
    pub(crate) fn made(&self) -> Vec<Made> {
        let setting = |name: &str, usual: &'static str| {
            let said = self.variables.get(&format!("NGINX_ENVSUBST_{name}")).filter(|said| !said.is_empty());
            said.map_or_else(|| usual.to_owned(), Clone::clone)
        };
        let from = PathBuf::from(setting("TEMPLATE_DIR", "/etc/nginx/templates"));
        let to = PathBuf::from(setting("OUTPUT_DIR", "/etc/nginx/conf.d"));
        let ending = setting("TEMPLATE_SUFFIX", ".template");
        let filter = setting("FILTER", "");
        let variables: BTreeMap<&str, &str> =
            self.variables.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
        let variables = variables.into_iter().filter(|(name, _)| fits(name, &filter)).collect();
        let made = self.below(&from).into_iter().filter_map(|(path, template)| {
            let rest = path.strip_prefix(&from).ok()?.to_str()?.strip_suffix(ending.as_str())?;
            let text = filled(&backlot_files::text(&template).ok()?, &variables);
            Some(Made { target: to.join(rest), template, text })
        });
        made.collect()
    }

    /// The image's own site, unless something else is at its place. It is left out where the project has one of its own: there it
    /// only is in the way of that, and is what most take away.
    pub(crate) fn site_text(&self) -> Option<String> {
        let port = self.site?;
        let path = Path::new(SITE);
        let is_over = mounted(path, &self.mounts).is_some_and(|file| file.is_file())
            || self.made().iter().any(|made| made.target == path);
        let text = format!(
            "server {{\n    listen {port};\n    server_name localhost;\n    location / {{ root /usr/share/nginx/html; index \
             index.html index.htm; }}\n}}\n"
        );
        (!is_over).then_some(text)
    }

    /// The scripts that the image runs before nginx starts, as the container has them.
    pub fn scripts(&self) -> Vec<PathBuf> {
        let is_script =
            |path: &PathBuf| path.extension().is_some_and(|ending| ending == "sh" || ending == "envsh");
        self.below(Path::new(SCRIPTS)).into_keys().filter(is_script).collect()
    }

    /// Whether anything is made of templates.
    pub fn has_templates(&self) -> bool {
        !self.made().is_empty()
    }

    /// The files below a folder of the container: their paths there, and here.
    fn below(&self, folder: &Path) -> BTreeMap<PathBuf, PathBuf> {
        let mut mounts: Vec<_> = self.mounts.iter().collect();
        // What is mounted deeper is seen in the place of what is there.
        mounts.sort_by_key(|(target, _)| target.components().count());
        let mut found = BTreeMap::new();
        for (target, place) in mounts {
            if let Ok(rest) = folder.strip_prefix(target) {
                walk(folder, &place.join(rest), DEEPEST, &mut found);
            } else if target.starts_with(folder) {
                walk(target, place, DEEPEST, &mut found);
            }
        }
        found
    }
}

fn walk(target: &Path, place: &Path, depth: usize, found: &mut BTreeMap<PathBuf, PathBuf>) {
    if place.is_file() {
        found.insert(target.to_owned(), place.to_owned());
    }
    let entries = fs::read_dir(place).ok().filter(|_| depth > 0);
    for entry in entries.into_iter().flatten().flatten() {
        walk(&target.join(entry.file_name()), &entry.path(), depth - 1, found);
    }
}

/// The text with `$NAME` and `${NAME}` of the variables that there are; nginx's own stay, as do those that nobody has set.
fn filled(text: &str, variables: &BTreeMap<&str, &str>) -> String {
    let mut all = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        let (before, reference) = rest.split_at(at);
        all.push_str(before);
        let (name, length) = named(&reference[1..]);
        let whole = &reference[..=length];
        all.push_str(variables.get(name).copied().unwrap_or(whole));
        rest = &reference[whole.len()..];
    }
    all + rest
}

/// The name after a `$`, and how long the reference is.
fn named(text: &str) -> (&str, usize) {
    let of = |text: &str| text.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(text.len());
    match text.strip_prefix('{') {
        Some(inner) if inner[of(inner)..].starts_with('}') => (&inner[..of(inner)], of(inner) + 2),
        Some(_) => ("", 1),
        None => (&text[..of(text)], of(text)),
    }
}

/// Whether a name is one of those that a pattern such as `^(APP_|PORT$)` means. What else patterns may hold lets all pass.
fn fits(name: &str, pattern: &str) -> bool {
    let (anchored, inner) = match pattern.strip_prefix("^(").and_then(|rest| rest.strip_suffix(')')) {
        Some(inner) => (true, inner),
        None => (false, pattern),
    };
    inner.split('|').any(|one| {
        let (begins, one) = one.strip_prefix('^').map_or((anchored, one), |rest| (true, rest));
        let (ends, one) = one.strip_suffix('$').map_or((false, one), |rest| (true, rest));
        let (ends, one) = one.strip_suffix(".*").map_or((ends, one), |rest| (false, rest));
        let is_plain = one.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        match (begins, ends) {
            _ if !is_plain => true,
            (true, true) => name == one,
            (true, false) => name.starts_with(one),
            (false, true) => name.ends_with(one),
            (false, false) => name.contains(one),
        }
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::fs;
    use std::path::{Path, PathBuf};

    use crate::{Config, Source};

    #[test]
    fn only_variables_that_are_set_are_filled_in_and_once() {
        let variables: BTreeMap<&str, &str> =
            [("API", "api:80"), ("NAME", "$API"), ("host", "x"), ("EMPTY", "")].into();
        for (text, expected) in [
            ("$API/${API}", "api:80/api:80"),
            ("$API_KEY ${API_KEY} $hostname $uri", "$API_KEY ${API_KEY} $hostname $uri"),
            ("[$EMPTY] $NAME ${host}s", "[] $API xs"),
            ("$ $1 ${ ${} ${API $$API", "$ $1 ${ ${} ${API $api:80"),
            ("end$", "end$"),
        ] {
            assert_eq!(super::filled(text, &variables), expected, "{text}");
        }
    }

    #[test]
    fn a_filter_says_which_variables_count() {
        for (name, pattern, expected) in [
            ("APP_A", "", true),
            ("APP_A", "^APP_", true),
            ("MY_APP_A", "^APP_", false),
            ("MY_APP_A", "APP_", true),
            ("PORT", "^(APP_|PORT$)", true),
            ("PORTS", "^(APP_|PORT$)", false),
            ("APP_A", "^APP_.*$", true),
            ("B", "^A|^B$", true),
            ("C", "^[C]", true),
        ] {
            assert_eq!(super::fits(name, pattern), expected, "{name} {pattern}");
        }
    }

    #[test]
    fn templates_are_found_and_made_where_variables_say() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir_all(dir.path().join("own/sub")).unwrap();
        fs::write(dir.path().join("own/nginx.conf.tpl"), "http { include sub/*.conf; }").unwrap();
        fs::write(dir.path().join("own/sub/a.conf.tpl"), "server { listen $A; }").unwrap();
        fs::write(dir.path().join("own/sub/a.conf"), "no template").unwrap();
        let set = |names: &[(&str, &str)]| {
            names.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
        };
        let mut source = Source {
            mounts: vec![("/tpl".into(), dir.path().join("own"))],
            variables: set(&[
                ("NGINX_ENVSUBST_TEMPLATE_DIR", "/tpl"),
                ("NGINX_ENVSUBST_OUTPUT_DIR", "/etc/nginx"),
                ("NGINX_ENVSUBST_TEMPLATE_SUFFIX", ".tpl"),
                ("A", "81"),
            ]),
            site: Some(80),
        };
        let targets: Vec<PathBuf> = source.made().into_iter().map(|made| made.target).collect();
        assert_eq!(targets, ["/etc/nginx/nginx.conf", "/etc/nginx/sub/a.conf"].map(PathBuf::from));
        assert_eq!(Config::read(&source).unwrap().listens(), [81].into());
        // Nothing is at their usual place.
        source.variables = set(&[("A", "81")]);
        assert_eq!(source.made(), []);
        assert_eq!(Config::read(&source).unwrap().listens(), [80].into());
    }

    #[test]
    fn a_template_has_the_name_that_the_container_sees_whatever_it_is_called_here() {
        let dir = tempfile::tempdir().unwrap();
        let (site, more) = (dir.path().join("nginx.conf"), dir.path().join("more"));
        fs::create_dir_all(more.join("inner")).unwrap();
        fs::write(&site, "one").unwrap();
        fs::write(more.join("b.conf.template"), "hidden").unwrap();
        fs::write(more.join("inner/c.template"), "three").unwrap();
        let mounts = vec![
            ("/etc/nginx/templates/b.conf.template".into(), site.clone()),
            ("/etc/nginx/templates".into(), more.clone()),
        ];
        let source = Source { mounts, ..Source::default() };
        let made = source.made().into_iter();
        let made: Vec<_> = made.map(|made| (made.target.display().to_string(), made.text)).collect();
        let both = [("/etc/nginx/conf.d/b.conf", "one"), ("/etc/nginx/conf.d/inner/c", "three")];
        assert_eq!(made, both.map(|(name, text)| (name.to_owned(), text.to_owned())));
    }

    #[test]
    fn a_configuration_has_those_that_it_includes_by_the_names_that_they_get() {
        let dir = tempfile::tempdir().unwrap();
        let file = |name: &str, text: &str| {
            fs::write(dir.path().join(name), text).unwrap();
            dir.path().join(name)
        };
        let site = "include /etc/nginx/conf.d/names;\nserver { listen 80; location / { proxy_pass http://web:8000; } }\n";
        let mounts = vec![
            ("/etc/nginx/templates/default.conf.template".into(), file("https.conf", site)),
            ("/etc/nginx/templates/names.template".into(), file("names", "server { listen 90; }\n")),
            ("/etc/nginx/templates/unused.template".into(), file("unused.conf", "server { listen 91; }\n")),
        ];
        let config = Config::read(&Source { mounts, ..Source::default() }).unwrap();
        assert_eq!(config.listens(), [80, 90].into());
        let services = std::collections::BTreeSet::from(["web".to_owned()]);
        assert_eq!(config.references(&services).unwrap(), [("web".to_owned(), 8000)].into());
    }

    #[test]
    fn the_images_site_is_there_unless_something_is_at_its_place() {
        let dir = tempfile::tempdir().unwrap();
        let file = |name: &str, text: &str| {
            fs::write(dir.path().join(name), text).unwrap();
            dir.path().join(name)
        };
        let own = file("own.conf", "server { listen 81; }");
        let template = file("t", "server { listen 82; }");
        let implied = file("implied.conf", "server { return 204; }");
        for (mounts, site, expected) in [
            (vec![], Some(80), vec![80]),
            (vec![], Some(8080), vec![8080]),
            (vec![], None, vec![]),
            (vec![("/etc/nginx/conf.d/own.conf", &own)], Some(80), vec![81]),
            (vec![("/etc/nginx/certs/own.conf", &own)], Some(80), vec![80]),
            (vec![("/etc/nginx/conf.d/default.conf", &own)], Some(80), vec![81]),
            (vec![("/etc/nginx/templates/default.conf.template", &template)], Some(80), vec![82]),
            (vec![("/etc/nginx/templates/a.conf.template", &template)], Some(80), vec![82]),
            // A server that says nothing listens at port 80.
            (vec![("/etc/nginx/conf.d/default.conf", &implied)], Some(8080), vec![80]),
        ] {
            let mounts = mounts.into_iter().map(|(target, place)| (PathBuf::from(target), place.clone()));
            let source = Source { mounts: mounts.collect(), site, ..Source::default() };
            let listens: Vec<u16> = Config::read(&source).unwrap().listens().into_iter().collect();
            assert_eq!(listens, expected, "{source:?}");
            let out = tempfile::tempdir().unwrap();
            crate::image(out.path(), &source, true).unwrap();
            let is_there = out.path().join("etc/conf.d/default.conf").is_file();
            let made = source.made().iter().any(|made| made.target == Path::new(super::SITE));
            assert_eq!(is_there, made || site.is_some_and(|port| expected == [port]), "{source:?}");
        }
    }
}
