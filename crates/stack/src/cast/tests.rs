use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use backlot_nginx::{LocateError, Nginx};
use backlot_process::Owner;
use backlot_project::{Environment, EnvironmentName, Lookup, Project};

use super::Cast;
use crate::error::StackError;
use crate::translation::Translation;
use backlot_state::Home;
use backlot_state::Site;
use backlot_state::tools::on_path;

const COMPOSE: &str = "\
services:
  db: {image: postgres, environment: {POSTGRES_PASSWORD: x}, ports: ['5432:5432']}
  web:
    image: web
    command: sh -c 'exec sleep 1'
    ports: ['8000:80', '8001:80', '9000', '53:53/udp']
    depends_on: [db]
  nginx:
    image: nginx
    ports: ['8080:8080', '8443:443']
    volumes: ['./nginx.conf:/etc/nginx/nginx.conf']
  worker: {build: ., command: no-such-program, depends_on: [web]}
";

/// What comes of the services that are asked for, in a project with this Compose file, with nginx or without.
fn cast<T>(compose: &str, has_nginx: bool, ask: impl FnOnce(&Translation<'_>) -> T) -> T {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("compose.yaml"), compose).unwrap();
    let conf = "events {}\nhttp { server { listen 8080; location / { proxy_pass http://web:80; } } }\n";
    std::fs::write(dir.path().join("nginx.conf"), conf).unwrap();
    let project = Project::find(lookup(dir.path())).unwrap();
    let environment: Environment =
        project.environment(&EnvironmentName::parse("development").unwrap()).unwrap();
    let home = Home::at(dir.path().join("home"), Owner::Caller);
    let program = "/usr/sbin/nginx".into();
    ask(&Translation {
        environment: &environment,
        root: dir.path(),
        caller: &BTreeMap::from([("PATH".to_owned(), "/usr/bin:/bin".to_owned())]),
        nginx: if has_nginx { Ok(Nginx { program }) } else { Err(LocateError) },
        running: &[],
        databases: vec!["db"],
        most: backlot_view::Rung::None,
        scenario: None,
        site: &Site::new(&home, &project, "development"),
        throwaway: false,
        scale: &BTreeMap::new(),
        current: BTreeMap::new(),
        contains: false,
        no_containers: None,
        containers: None,
        writes: false,
        provided: &BTreeMap::new(),
        installs: true,
        litter: &std::cell::OnceCell::new(),
    })
}

fn lookup(dir: &Path) -> Lookup {
    Lookup { start_dir: dir.to_owned(), ..Lookup::default() }
}

fn names(cast: &Cast) -> Vec<&str> {
    cast.services.iter().map(String::as_str).collect()
}

fn set(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

#[test]
fn only_what_is_asked_for_has_to_be_there() {
    let asked = |wanted: &[&str]| {
        let wanted: Vec<String> = wanted.iter().map(|name| (*name).to_owned()).collect();
        cast(COMPOSE, false, move |translation| translation.cast(&wanted))
    };
    assert_eq!(names(&asked(&["web"]).unwrap()), ["db", "web"]);
    assert_eq!(asked(&["nginx"]).unwrap_err().code(), "no-nginx");
    assert_eq!(asked(&["worker"]).unwrap_err().code(), "no-program");
    let all = asked(&[]).unwrap_err();
    let hint = all.hint().unwrap().render("");
    assert!(hint.ends_with("or run the rest: `backlot up db web`"), "{hint}");
    assert_eq!((all.obstacles().len(), all.code()), (1, "no-program"));
    let error = asked(&["wbe"]).unwrap_err().to_string();
    assert_eq!(error, "there is no service wbe (did you mean web? there are db, nginx, web, worker)");
}

#[test]
fn a_missing_nginx_is_left_out_when_nobody_has_asked_for_it_or_needs_it() {
    let compose = COMPOSE.replace("no-such-program", "sleep 1");
    let all = cast(&compose, false, |translation| translation.cast(&[])).unwrap();
    assert_eq!(names(&all), ["db", "web", "worker"]);
    let [StackError::NoNginx { service, .. }] = &all.left_out[..] else { panic!("{all:?}") };
    assert_eq!(service, "nginx");
    assert!(cast(&compose, false, |translation| translation.why_not(&[])).unwrap().is_some());
    let needed = compose.replace("depends_on: [web]", "depends_on: [nginx]");
    assert!(cast(&needed, false, |translation| translation.cast(&[])).is_err());
    let all = cast(&compose, true, |translation| translation.cast(&[])).unwrap();
    assert_eq!((all.services.len(), all.left_out.len()), (4, 0));
}

#[test]
fn where_nothing_would_be_left_nothing_is_left_out() {
    let compose = "services:\n  nginx:\n    image: nginx\n    volumes: ['./nginx.conf:/etc/nginx/nginx.conf']\n  web: {image: shop}\n";
    let error = cast(compose, false, |translation| translation.cast(&[])).unwrap_err();
    assert_eq!(error.obstacles().len(), 2, "{error}");
    let all = cast(compose, true, |translation| translation.cast(&[])).unwrap();
    assert_eq!((names(&all), all.left_out.len()), (vec!["nginx"], 1));
}

#[test]
fn what_only_an_image_has_is_left_out_like_what_it_alone_knows() {
    const ALL: &str = "\
services:
  web: {image: web, command: sleep 1}
  flower: {image: flower, command: no-such-program flower}
  store: {image: store, command: server /data}
  made: {image: store, entrypoint: sh, command: -c 'mkdir -p /data/a && no-such-store server /data'}
";
    let all = cast(ALL, false, |translation| translation.cast(&[])).unwrap();
    let said: Vec<String> = all.left_out.iter().map(ToString::to_string).collect();
    assert_eq!(
        said,
        [
            "service flower runs no-such-program of its image flower, which is not on PATH",
            "service made runs no-such-store of its image store, which is not on PATH",
            "service store runs server of its image store, which is not on PATH",
        ]
    );
    assert_eq!(names(&all), ["web"]);
    // The interpreter of its code may be here: that does not make it this machine's.
    let code = format!("{ALL}  task: {{image: task, command: python3 manage.py migrate}}\n");
    let all = cast(&code, false, |translation| translation.cast(&[])).unwrap();
    let said = all.left_out.iter().map(ToString::to_string).find(|said| said.contains("task"));
    assert_eq!(said.unwrap(), "service task runs /manage.py of its image task, which is not there");
    // What is needed, or asked for, is not left out; nor is what runs the project's code, or an interpreter.
    let needed = format!("{ALL}  front: {{image: web, command: sleep 1, depends_on: [store]}}\n");
    let error = cast(&needed, false, |translation| translation.cast(&[])).unwrap_err();
    assert!(error.to_string().ends_with("which is not on PATH, and service front needs it"), "{error}");
    let hint = error.hint().unwrap().render("");
    assert!(hint.contains("or have the others run without it: `--without store`"), "{hint}");
    for kept in ["image: 'golang:1.22'", "image: code, volumes: ['.:/code']", "image: 'redis:7'"] {
        let text = format!("{ALL}  kept: {{{kept}, command: no-such-program}}\n");
        let error = cast(&text, false, |translation| translation.cast(&[])).unwrap_err();
        assert_eq!(error.to_string(), "service kept runs no-such-program, which is not on PATH");
    }
    // What a line may have installed is not looked for.
    let line = "sh -c 'apt-get install -y no-such-store && no-such-store'";
    let text = format!("services: {{one: {{image: debian, command: \"{line}\"}}}}\n");
    let program = on_path("apt-get", &BTreeMap::from([("PATH".to_owned(), "/usr/bin:/bin".to_owned())]));
    assert_eq!(cast(&text, false, |translation| translation.cast(&[])).is_ok(), program.is_some());
}

#[test]
fn everything_that_is_in_the_way_is_told_at_once() {
    let more = "  other: {build: other}\n  third: {image: x, command: sleep 1, ports: ['8000:1']}\n";
    let compose = format!("{COMPOSE}{more}");
    let error = cast(&compose, true, |translation| translation.cast(&[])).unwrap_err();
    let said = error.to_string();
    assert_eq!(said.lines().next(), Some("3 things are in the way:"), "{said}");
    for part in ["service other is built by", "service worker runs no-such-program", "both publish port 8000"]
    {
        assert!(said.contains(part), "{said}");
    }
    assert_eq!(error.code(), "no-dockerfile");
    // What no engine can mend goes before what this machine lacks.
    let last = compose.replace("  other: ", "  zoo: ");
    let why = cast(&last, true, |translation| translation.why_not(&[])).unwrap().unwrap();
    assert_eq!(why.code(), "no-dockerfile", "{why}");
}

#[test]
fn ports_that_are_published_are_claimed_once() {
    let claims = |compose: &str, services: &[&str]| {
        let services = set(services);
        let (claims, same) = cast(compose, true, |translation| translation.claims(&services));
        let claims = claims.into_iter().filter(|claim| claim.address.is_ipv4());
        let claims: Vec<_> = claims.map(|claim| (claim.service, claim.address.port())).collect();
        (claims, same.iter().map(ToString::to_string).collect::<Vec<_>>())
    };
    let (web, nginx) = (("web".to_owned(), 8000), ("nginx".to_owned(), 8080));
    let second = ("web".to_owned(), 8001);
    // nginx does not listen on 443: nothing is behind that port.
    let all = claims(COMPOSE, &["db", "nginx", "web"]);
    assert_eq!(all, (vec![nginx.clone(), web.clone(), second.clone()], Vec::new()));
    assert_eq!(claims(COMPOSE, &["web"]).0, [web, second]);
    let (_, same) = claims(&COMPOSE.replace("8080:", "8000:"), &["nginx", "web"]);
    assert_eq!(same, ["services nginx and web both publish port 8000"]);
}
