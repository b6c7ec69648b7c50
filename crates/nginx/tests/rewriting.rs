//! Configurations as projects have them, rewritten, and shown to the real nginx where it is installed.

#![expect(clippy::unwrap_used, reason = "a test that cannot set itself up has to fail loudly")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use backlot_nginx::{Config, ConfigError, Rewrite, Source, locate};
use tempfile::TempDir;

struct Case {
    dir: TempDir,
    source: Source,
}

impl Case {
    fn new(files: &[(&str, &str)]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let mut source = Source::default();
        for (target, text) in files {
            let file = dir.path().join(target.trim_start_matches('/').replace('/', "_"));
            std::fs::write(&file, text).unwrap();
            source.mounts.push((PathBuf::from(target), file));
        }
        Self { dir, source }
    }

    fn main(text: &str) -> Self {
        Self::new(&[("/etc/nginx/nginx.conf", text)])
    }

    fn config(&self) -> Config {
        Config::read(&self.source).unwrap()
    }

    fn how(&self) -> Rewrite {
        let endpoint = |service: &str, port: u16, native: u16| ((service.to_owned(), port), native);
        Rewrite {
            endpoints: [
                endpoint("web", 8000, 21_000),
                endpoint("web", 80, 21_001),
                endpoint("api", 3000, 21_002),
                endpoint("web", 3000, 21_003),
            ]
            .into(),
            listens: [(80, 28_080), (8080, 28_081)].into(),
            dir: self.dir.path().join("run"),
            as_root: nix_is_root(),
        }
    }

    fn rewritten(&self) -> String {
        self.config().rewrite(&self.how()).text
    }
}

fn nix_is_root() -> bool {
    std::fs::metadata("/proc/self").is_ok_and(|own| std::os::unix::fs::MetadataExt::uid(&own) == 0)
}

fn services() -> std::collections::BTreeSet<String> {
    ["db", "web", "api"].map(str::to_owned).into()
}

#[test]
fn services_become_their_endpoints() {
    let case = Case::main(
        "http { upstream app { server web:8000 weight=2; server 10.0.0.1:80; }\n\
         server { listen 8080; location / { proxy_pass http://app; }\n\
         location /plain { proxy_pass http://web/x?y=web:8000; }\n\
         location /api/ { set $api http://api:3000; proxy_pass $api; }\n\
         location /out { proxy_pass https://example.com; } } }",
    );
    let references = case.config().references(&services()).unwrap();
    let expected = [("api".to_owned(), 3000), ("web".to_owned(), 80), ("web".to_owned(), 8000)];
    assert_eq!(references, expected.into());
    let text = case.rewritten();
    for line in [
        "server 127.0.0.1:21000 weight=2;",
        "server 10.0.0.1:80;",
        "proxy_pass http://app;",
        "proxy_pass http://127.0.0.1:21001/x?y=web:8000;",
        "set $api http://127.0.0.1:21002;",
        "proxy_pass https://example.com;",
        "listen 127.0.0.1:28081;",
    ] {
        assert!(text.contains(line), "{line}\n{text}");
    }
}

#[test]
fn a_mistyped_service_is_told_with_its_line() {
    let case = Case::main("http {\n  server {\n    location / { proxy_pass http://wbe:8000; }\n  }\n}");
    let error = case.config().references(&services()).unwrap_err();
    let ConfigError::UnknownService { at, host, .. } = &error else { panic!("{error}") };
    assert_eq!((at.line, host.as_str()), (3, "wbe"));
    assert!(error.to_string().contains("it has api, db, web"), "{error}");
}

#[test]
fn listeners_are_on_the_loopback_interface_once() {
    let case = Case::main(
        "http { server { listen 80 default_server; listen [::]:80 default_server; }\n\
         server { listen 0.0.0.0:8080; } server { listen [::]:8080 ipv6only=on; } server { listen unix:/x; } }",
    );
    assert_eq!(case.config().listens(), [80, 8080].into());
    let text = case.rewritten();
    assert_eq!(text.matches("listen 127.0.0.1:28080 default_server;").count(), 1, "{text}");
    assert_eq!(text.matches("listen 127.0.0.1:28081;").count(), 2, "{text}");
    assert!(text.contains("listen unix:/x;") && !text.contains("[::]"), "{text}");
}

#[test]
fn what_is_mounted_is_included_and_what_belongs_to_the_container_goes() {
    let mut case = Case::new(&[
        (
            "/etc/nginx/nginx.conf",
            "user nginx; pid /run/nginx.pid;\nhttp { include conf.d/*.conf; access_log /var/log/nginx/access.log main; resolver 127.0.0.11 valid=5s; }",
        ),
        ("/etc/nginx/conf.d/site.conf", "server { listen 80; root /usr/share/nginx/html; }"),
        ("/etc/nginx/templates/b.conf.template", "server { listen ${PORT}; return 200 $host; }"),
    ]);
    case.source.mounts.push(("/usr/share/nginx/html".into(), "/srv/site".into()));
    case.source.variables = BTreeMap::from([("PORT".to_owned(), "8080".to_owned())]);
    let text = case.rewritten();
    for line in [
        "listen 127.0.0.1:28080;",
        "root /srv/site;",
        "listen 127.0.0.1:28081;",
        "return 200 $host;",
        "access_log /dev/stdout main;",
    ] {
        assert!(text.contains(line), "{line}\n{text}");
    }
    for gone in ["user nginx", "pid /run/nginx.pid", "127.0.0.11"] {
        assert!(!text.contains(gone), "{gone}\n{text}");
    }
}

#[test]
fn what_is_in_a_table_is_no_directive() {
    let case = Case::main("http { map $cookie_role $door { user 1; pid 2; root /m/x; default 0; } }");
    let text = case.rewritten();
    for line in ["user 1;", "pid 2;", "root /m/x;", "default 0;"] {
        assert!(text.contains(line), "{line}\n{text}");
    }
}

#[test]
fn an_include_that_leads_nowhere_is_told() {
    let case = Case::main("http {\n include snippets/none.conf;\n}");
    let error = Config::read(&case.source).unwrap_err().to_string();
    assert!(error.contains("nginx.conf:2: there is no snippets/none.conf"), "{error}");
    let looping = Case::main("include nginx.conf;");
    assert!(matches!(Config::read(&looping.source), Err(ConfigError::Circle { .. })));
}

#[test]
fn the_real_nginx_takes_the_examples_and_explains_errors_in_terms_of_the_original() {
    let path = std::env::var("PATH").unwrap();
    let nginx = match locate(Some(&path)) {
        Ok(nginx) => nginx,
        Err(error) if std::env::var("CI").is_ok() => panic!("{error}"),
        Err(error) => return eprintln!("left out: {error}"),
    };
    let repository = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    for file in ["examples/flask/docker/nginx/nginx.conf", "examples/axum/nginx/nginx.conf"] {
        let case = Case::main(&std::fs::read_to_string(repository.join(file)).unwrap());
        let config = case.config().rewrite(&case.how());
        nginx.install(&config, &case.dir.path().join("run")).unwrap();
    }
    let case = Case::main("events {}\nhttp {\n  server {\n    listen 80;\n    nonsense on;\n  }\n}\n");
    let config = case.config().rewrite(&case.how());
    let error = nginx.install(&config, &case.dir.path().join("run")).unwrap_err().to_string();
    assert!(error.contains("unknown directive \"nonsense\"") && error.contains("nginx.conf:5)"), "{error}");
}
