//! The directives whose arguments are paths: what is at such a path in the container, and where that is here.

use std::path::{Path, PathBuf};

use crate::parse::Directive;
use crate::place::{inside, module, mounted};

/// What a directive does with its path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Use {
    /// Reads the file or directory that its first argument is.
    Reads,
    /// The same of its last argument: `js_import name from file`.
    ReadsLast,
    /// Writes there: what is mounted is written; what is not is nginx's own, and kept with what else it has.
    Writes,
    /// Writes lines there.
    Logs,
    /// Loads a part of nginx: the one of the nginx that is installed here, if that has it as a file.
    Loads,
    /// Says how nginx runs on its machine, which is ours to say.
    Ours,
}

/// All of nginx's documentation, but for `include`, which is read, and those of [`TLS`].
const PATHS: [(&str, Use); 38] = [
    ("root", Use::Reads),
    ("alias", Use::Reads),
    ("auth_basic_user_file", Use::Reads),
    ("auth_jwt_key_file", Use::Reads),
    ("geoip_city", Use::Reads),
    ("geoip_country", Use::Reads),
    ("geoip_org", Use::Reads),
    ("js_fetch_trusted_certificate", Use::Reads),
    ("js_path", Use::Reads),
    ("perl_modules", Use::Reads),
    ("perl_require", Use::Reads),
    ("xml_entities", Use::Reads),
    ("xslt_stylesheet", Use::Reads),
    ("js_import", Use::ReadsLast),
    ("js_include", Use::ReadsLast),
    ("js_preload_object", Use::ReadsLast),
    ("fastcgi_cache_path", Use::Writes),
    ("fastcgi_store", Use::Writes),
    ("google_perftools_profiles", Use::Writes),
    ("proxy_cache_path", Use::Writes),
    ("proxy_store", Use::Writes),
    ("scgi_cache_path", Use::Writes),
    ("scgi_store", Use::Writes),
    ("state", Use::Writes),
    ("uwsgi_cache_path", Use::Writes),
    ("uwsgi_store", Use::Writes),
    ("working_directory", Use::Writes),
    ("access_log", Use::Logs),
    ("error_log", Use::Logs),
    ("load_module", Use::Loads),
    ("client_body_temp_path", Use::Ours),
    ("daemon", Use::Ours),
    ("fastcgi_temp_path", Use::Ours),
    ("lock_file", Use::Ours),
    ("pid", Use::Ours),
    ("proxy_temp_path", Use::Ours),
    ("scgi_temp_path", Use::Ours),
    ("uwsgi_temp_path", Use::Ours),
];
/// `user` is no path, and ours as well.
const USER: &str = "user";
/// What comes before `ssl_` in the directives about TLS to those behind; nothing in those about TLS to clients.
const TLS_TO: [&str; 5] = ["", "proxy_", "grpc_", "uwsgi_", "zone_sync_"];
/// What comes after it where that is a file.
const TLS: [&str; 10] = [
    "certificate",
    "certificate_key",
    "client_certificate",
    "crl",
    "dhparam",
    "ech_file",
    "password_file",
    "session_ticket_key",
    "stapling_file",
    "trusted_certificate",
];
/// First arguments that are no paths: switches, and what has a scheme.
const NO_PATHS: [&str; 4] = ["", "on", "off", "stderr"];
const SCHEMES: [&str; 5] = ["data:", "engine:", "store:", "syslog:", "memory:"];

fn use_of(name: &str) -> Option<Use> {
    let is_tls = |(to, rest): (&str, &str)| TLS_TO.contains(&to) && TLS.contains(&rest);
    if name.split_once("ssl_").is_some_and(is_tls) {
        return Some(Use::Reads);
    }
    if name == USER {
        return Some(Use::Ours);
    }
    PATHS.iter().find(|(known, _)| *known == name).map(|(_, purpose)| *purpose)
}

/// The directive with its path as it is on this machine; nothing where it is not to be said at all. `dir` is nginx's own
/// directory.
pub(crate) fn relocated(
    directive: &Directive,
    mounts: &[(PathBuf, PathBuf)],
    dir: &Path,
) -> Option<Directive> {
    let Some(purpose) = use_of(directive.name()) else { return Some(directive.clone()) };
    let position = if purpose == Use::ReadsLast { directive.words.len().saturating_sub(1) } else { 1 };
    let written =
        directive.words.get(position).map(|word| word.trim_matches(['"', '\''])).unwrap_or_default();
    let is_path = !NO_PATHS.contains(&written) && !SCHEMES.iter().any(|scheme| written.starts_with(scheme));
    let there = Some(written).filter(|_| is_path).and_then(|path| outside(path, mounts));
    let path = match purpose {
        Use::Ours => return None,
        Use::Loads => module(Path::new(written))?.display().to_string(),
        Use::Reads | Use::ReadsLast => match there {
            Some(there) => there,
            None => return Some(directive.clone()),
        },
        Use::Writes | Use::Logs if !is_path => return Some(directive.clone()),
        Use::Writes => there.unwrap_or_else(|| own(written, dir)),
        Use::Logs => match there.filter(|there| Path::new(there).parent().is_some_and(Path::is_dir)) {
            Some(there) => there,
            None if is_device(written) => return Some(directive.clone()),
            // As the files that the official image links to its output.
            None if directive.name() == "error_log" => "stderr".into(),
            None => "/dev/stdout".into(),
        },
    };
    let mut words = directive.words.clone();
    if let Some(word) = words.get_mut(position) {
        *word = quoted(&path);
    }
    Some(directive.with(words))
}

/// The place on this machine of a path of the container, if it is mounted. What depends on a variable is where the
/// directory is in which that begins.
fn outside(path: &str, mounts: &[(PathBuf, PathBuf)]) -> Option<String> {
    let fixed = path.find('$').map_or(path.len(), |at| path[..at].rfind('/').map_or(0, |slash| slash + 1));
    let (fixed, variable) = path.split_at(fixed);
    let there = mounted(&inside(fixed), mounts)?.display().to_string();
    let there = there.trim_end_matches('/');
    // A slash at the end of an `alias` counts.
    let slash = if fixed.ends_with('/') || !variable.is_empty() { "/" } else { "" };
    Some(format!("{there}{slash}{variable}"))
}

/// A place in nginx's own directory, where it makes one directory and none above it.
fn own(path: &str, dir: &Path) -> String {
    let fixed = path.find('$').unwrap_or(path.len());
    let (fixed, variable) = path.split_at(fixed);
    let name = fixed.trim_matches('/').replace('/', "-");
    format!("{}{}{variable}", dir.join(name).display(), if fixed.ends_with('/') { "/" } else { "" })
}

/// What every machine has at the same path, but for the standard streams, which are those of the container.
fn is_device(path: &str) -> bool {
    path.starts_with("/dev/") && !path.starts_with("/dev/std") && !path.starts_with("/dev/fd/")
}

/// A word of nginx's grammar that means this text, unless it holds a `$`.
pub(crate) fn quoted(text: &str) -> String {
    if text.contains([' ', ';', '{', '}', '"', '\'', '#', '\\']) {
        format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
    } else {
        text.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::{PATHS, TLS, TLS_TO, USER, Use, relocated, use_of};
    use crate::locate::locate;
    use crate::parse::parse;
    use std::path::{Path, PathBuf};
    use std::sync::Arc;
    use std::time::Duration;

    /// The line as it is here: `/m` is mounted from `/here`, `/etc/nginx/tls` from `/tls`.
    fn here(line: &str) -> Option<String> {
        let mounts = [("/m", "/here"), ("/etc/nginx/tls", "/tls"), ("/logs", "/tmp")];
        let mounts = mounts.map(|(target, source)| (PathBuf::from(target), PathBuf::from(source)));
        let directives = parse(line, &Arc::from(Path::new("nginx.conf"))).unwrap();
        relocated(&directives[0], &mounts, Path::new("/own")).map(|new| new.words.join(" ") + ";")
    }

    fn tls() -> impl Iterator<Item = String> {
        TLS_TO.iter().flat_map(|to| TLS.iter().map(move |what| format!("{to}ssl_{what}")))
    }

    #[test]
    fn what_is_mounted_is_where_it_is_mounted_from() {
        for name in tls().chain(PATHS.iter().map(|(name, _)| (*name).to_owned())) {
            let line = here(&format!("{name} /m/some/file;"));
            match use_of(&name).unwrap() {
                Use::Reads | Use::ReadsLast | Use::Writes => {
                    assert_eq!(line, Some(format!("{name} /here/some/file;")));
                }
                Use::Logs => assert!(
                    line.is_some_and(|line| line.contains(" stderr;") || line.contains(" /dev/stdout;"))
                ),
                Use::Loads | Use::Ours => assert_eq!(line, None, "{name}"),
            }
        }
    }

    #[test]
    fn paths_are_written_in_many_ways() {
        for (line, expected) in [
            ("ssl_certificate tls/site.pem;", "ssl_certificate /tls/site.pem;"),
            ("alias '/m/a b/';", "alias \"/here/a b/\";"),
            ("root /m/$host/www;", "root /here/$host/www;"),
            (
                "ssl_certificate /m/site-$ssl_server_name.pem;",
                "ssl_certificate /here/site-$ssl_server_name.pem;",
            ),
            ("root $somewhere;", "root $somewhere;"),
            ("ssl_certificate data:$pem;", "ssl_certificate data:$pem;"),
            ("proxy_ssl_certificate \"\";", "proxy_ssl_certificate \"\";"),
            ("js_import app from tls/app.js;", "js_import app from /tls/app.js;"),
            ("xslt_stylesheet /m/a.xsl x=/m;", "xslt_stylesheet /here/a.xsl x=/m;"),
            ("proxy_store on;", "proxy_store on;"),
            ("proxy_store /data$uri;", "proxy_store /own/data$uri;"),
            ("proxy_cache_path /var/cache/x levels=1:2;", "proxy_cache_path /own/var-cache-x levels=1:2;"),
            ("ssl_session_cache shared:m:1m;", "ssl_session_cache shared:m:1m;"),
        ] {
            assert_eq!(here(line).as_deref(), Some(expected), "{line}");
        }
    }

    #[test]
    fn lines_go_to_a_mounted_file_or_to_the_output() {
        for (line, expected) in [
            ("access_log /logs/access.log main;", "access_log /tmp/access.log main;"),
            ("access_log /m/access.log;", "access_log /dev/stdout;"),
            ("access_log /var/log/nginx/access.log main;", "access_log /dev/stdout main;"),
            ("access_log /srv/elsewhere.log;", "access_log /dev/stdout;"),
            ("access_log off;", "access_log off;"),
            ("access_log /dev/null;", "access_log /dev/null;"),
            ("access_log syslog:server=log:514;", "access_log syslog:server=log:514;"),
            ("error_log logs/error.log warn;", "error_log stderr warn;"),
            ("error_log stderr info;", "error_log stderr info;"),
            ("error_log /dev/stdout;", "error_log stderr;"),
        ] {
            assert_eq!(here(line).as_deref(), Some(expected), "{line}");
        }
    }

    /// Parts of nginx that many an nginx comes without, or that are sold.
    const PARTS: [&str; 9] =
        ["auth_jwt_", "geoip_", "google_", "js_", "perl_", "state", "x", "zone_sync_", "ssl_ech_"];
    /// What there is of TLS to clients only.
    const TO_CLIENTS: [&str; 5] =
        ["client_certificate", "dhparam", "ech_file", "session_ticket_key", "stapling_file"];

    #[test]
    fn nginx_knows_each_of_them() {
        let Ok(nginx) = locate(std::env::var("PATH").ok().as_deref()) else { return };
        let dir = tempfile::tempdir().unwrap();
        let is_everywhere = |name: &String| {
            let to_others = name.split_once("_ssl_").is_some_and(|(_, what)| TO_CLIENTS.contains(&what));
            !to_others && !PARTS.iter().any(|part| name.starts_with(part))
        };
        let names = PATHS.iter().map(|(name, _)| (*name).to_owned()).chain(tls()).chain([USER.to_owned()]);
        for name in names.filter(is_everywhere) {
            let file = dir.path().join("nginx.conf");
            std::fs::write(&file, format!("{name} x;\n")).unwrap();
            let test =
                backlot_process::Program::new(&nginx.program).args(["-t", "-e", "stderr", "-c"]).arg(&file);
            let said = test.output(Duration::from_secs(20)).unwrap().last_lines(20).join("\n");
            assert!(!said.contains("unknown directive"), "{said}");
        }
    }
}
