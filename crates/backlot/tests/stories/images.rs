//! What a Dockerfile says of a service that runs natively.

use backlot_testkit::{Stage, free_port, get};

use crate::{BACKLOT, has_views};

const UP: [&str; 4] = ["up", "-d", "--wait", "-q"];

#[test]
fn an_entrypoint_script_of_the_build_context_runs_the_command() {
    let stage = Stage::empty(BACKLOT);
    // Executable only in the image.
    stage.file("docker/entry.sh", "#!/bin/sh -e\necho \"entry: $GREETING $*\"\nexec \"$@\"\n");
    let dockerfile = "\
# syntax=docker/dockerfile:1
ARG WORD=hello
FROM debian:12 AS base
ARG WORD
ENV GREETING=\"$WORD you\"
WORKDIR /app
COPY --chmod=755 docker/entry.sh /usr/local/bin/
ENTRYPOINT [\"entry.sh\"]
CMD [\"echo\", \"usual\"]

FROM base AS other
CMD [\"echo\", \"other\"]
USER app

FROM debian:12
CMD [\"false\"]
";
    stage.file("docker/Dockerfile", dockerfile);
    let compose = "\
services:
  usual: {build: {context: ., dockerfile: docker/Dockerfile, target: base}}
  given: {build: {context: ., dockerfile: docker/Dockerfile, target: base, args: {WORD: dear}}, command: echo given}
  other: {build: {context: ., dockerfile: docker/Dockerfile, target: other}}
  alone: {build: {context: ., dockerfile: docker/Dockerfile, target: base}, entrypoint: [], command: echo alone}
";
    stage.file("compose.yaml", compose);
    let works = |name: &str, line: u8| {
        format!(
            "  ⚠ service {name} works in /app, where nothing of the project is: it starts in [project] ([project]/compose.yaml:{line}:3); mount a folder there\n"
        )
    };
    let other = works("other", 4);
    let user = "  ⚠ service other runs as you, not as USER app of its Dockerfile ([project]/compose.yaml:4:3); --engine docker changes the user\n";
    let named = works("alone", 5) + &works("given", 3) + &other + user + &works("usual", 2);
    stage.backlot(&UP).output().assert(0, "", named.trim_end());
    for (service, expected) in [
        ("usual", "usual-1  | entry: hello you echo usual\nusual-1  | usual"),
        ("given", "given-1  | entry: dear you echo given\ngiven-1  | given"),
        ("other", "other-1  | entry: hello you echo other\nother-1  | other"),
        ("alone", "alone-1  | alone"),
    ] {
        stage.backlot(&["logs", service]).output().assert_prints(expected);
    }
    stage.backlot(&["down", "-q"]).output().assert_prints("");
}

#[test]
fn a_service_that_is_built_from_nginx_is_one() {
    let stage = Stage::empty(BACKLOT);
    let port = free_port();
    stage.file("web/Dockerfile", "FROM node AS build\nCOPY site /made\nFROM nginx:alpine AS x\nCOPY *.conf /etc/nginx/conf.d/\nFROM x\nCOPY --from=build /made /usr/share/nginx/html\nSTOPSIGNAL SIGQUIT\n");
    stage.file(
        "web/a.conf",
        "server { listen 80; root /usr/share/nginx/html; location /x { return 200 \"from a.conf\"; } }\n",
    );
    stage.file("web/site/index.html", "the page\n");
    stage.file("compose.yaml", format!("services: {{front: {{build: web, ports: ['{port}:80']}}}}\n"));
    stage.backlot(&UP).output().assert(0, "", "…");
    assert_eq!(get(port, "/x").unwrap(), (200, "from a.conf".to_owned()));
    assert_eq!(get(port, "/").unwrap(), (200, "the page\n".to_owned()));
    stage.backlot(&["down", "-q"]).output().assert_prints("");
}

#[test]
fn a_database_that_is_built_from_postgres_is_one() {
    let stage = Stage::empty(BACKLOT);
    stage.file("db/Dockerfile", "ARG IMAGE=nothing\nFROM $IMAGE\nENV POSTGRES_PASSWORD=word\nRUN true\n");
    stage.file("compose.yaml", "services: {db: {build: {context: db, args: {IMAGE: postgres}}}}\n");
    stage.backlot(&UP).output().assert(0, "", "…");
    let select = ["db", "shell", "-c", "SELECT 'in'", "--", "-At"];
    stage.backlot(&select).output().assert_prints("in");
    stage.backlot(&["down", "-q"]).output().assert_prints("");
}

#[test]
fn the_health_check_of_a_dockerfile_is_asked_unless_the_service_says_no() {
    let stage = Stage::empty(BACKLOT);
    stage.file(
        "Dockerfile",
        "FROM debian\nHEALTHCHECK --interval=200ms --retries=2 CMD test -e well\nCMD [\"sleep\", \"100\"]\n",
    );
    stage.file("compose.yaml", "services: {app: {build: .}}\n");
    let failed = stage.backlot(&UP).output().assert_code(1);
    assert!(failed.stderr.contains("app is unhealthy after 2 failed checks"), "{failed}");
    stage.file("compose.yaml", "services: {app: {build: ., healthcheck: {disable: true}}}\n");
    stage.backlot(&UP).output().assert(0, "", "…");
    stage.file("compose.yaml", "services: {app: {build: ., healthcheck: {retries: 100}}}\n");
    stage.file("well", "");
    stage.backlot(&UP).output().assert(0, "", "…");
    stage.backlot(&["down", "-q"]).output().assert_prints("");
}

#[test]
fn an_nginx_whose_script_writes_its_configuration_listens_where_that_says() {
    if !has_views() {
        return;
    }
    let (stage, port) = (Stage::empty(BACKLOT), free_port());
    let compose = format!(
        "services:\n  front:\n    build: .\n    command: /app/start.sh\n    ports: ['{port}:80']\n    environment: {{SAID: well}}\n"
    );
    stage.file("compose.yaml", compose);
    stage.file("Dockerfile", "FROM nginx\nCOPY start.sh /app/start.sh\nRUN chmod -R 755 /app\n");
    // Only the Dockerfile makes it executable.
    let script = "#!/bin/sh\necho \"server { listen 80; return 200 $SAID; }\" > /etc/nginx/conf.d/default.conf\nexec nginx -g 'daemon off;'\n";
    stage.file("start.sh", script);
    stage.backlot(&["up", "-d", "--wait", "-q"]).output().assert_code(0);
    assert_eq!(get(port, "/").unwrap(), (200, "well".to_owned()));
    stage.backlot(&["down", "-q"]).output().assert_code(0);
    stage.assert_clean_tree();
    stage.file("start.sh", "#!/no/such/shell\n");
    let dry = stage.backlot(&["up", "--dry-run"]).output().assert_code(1);
    assert!(dry.stderr.contains("/no/such/shell"), "{dry}");
    stage.assert_nothing_left();
}

/// The site and the scripts that the official image of nginx has.
#[test]
fn an_nginx_that_brings_no_site_has_its_images_and_scripts_run_before_it() {
    if !has_views() {
        return;
    }
    let (stage, ports) = (Stage::empty(BACKLOT), [free_port(), free_port(), free_port()]);
    let [plain, scripts, both] = ports;
    stage.file("html/index.html", "plain\n").file("both.conf", "server { listen 81; return 200 both; }\n");
    stage.file(
        "Dockerfile",
        "FROM nginx\nCOPY 9-a.envsh 10-b.sh /docker-entrypoint.d/\nRUN chmod +x /docker-entrypoint.d/*\n",
    );
    stage.file("9-a.envsh", "export SAID=well\n");
    let script =
        "#!/bin/sh\necho \"server { listen 82; return 200 $SAID; }\" > /etc/nginx/conf.d/default.conf\n";
    stage.file("10-b.sh", script);
    stage.file(
        "compose.yaml",
        format!(
            "services:\n  plain: {{image: nginx, ports: ['{plain}:80'], volumes: ['./html:/usr/share/nginx/html:ro']}}\n  \
             scripts: {{build: ., ports: ['{scripts}:82']}}\n  \
             both: {{image: nginx, ports: ['{both}:81', '8443'], volumes: ['./both.conf:/etc/nginx/conf.d/both.conf']}}\n"
        ),
    );
    let up = stage.backlot(&["up", "-d", "--wait", "-q"]).output().assert_code(0);
    assert!(
        up.stderr
            .contains("service both publishes port 8443, at which its nginx does not listen (it does at 81)"),
        "{up}"
    );
    for (port, expected) in [(plain, "plain\n"), (scripts, "well"), (both, "both")] {
        assert_eq!(get(port, "/").unwrap(), (200, expected.to_owned()));
    }
    stage.backlot(&["down", "-q"]).output().assert_code(0);
    stage.assert_nothing_left();
}
