//! Ports that are in use, services that are not there, and what is missing from the machine.

use std::net::TcpListener;

use backlot_testkit::{Stage, copy_tree, free_port, get};

use crate::BACKLOT;
use crate::blog::{blog, ps, single};

/// Somebody else's server on a port.
fn hold(port: u16) -> TcpListener {
    TcpListener::bind(("127.0.0.1", port)).unwrap()
}

#[test]
fn a_port_in_use_is_told_with_its_holder_before_anything_is_started() {
    let blog = blog();
    let database = free_port();
    for (environment, service, port) in [
        ("development", "web", blog.web),
        ("development", "db", database),
        ("production", "nginx", blog.nginx),
    ] {
        let held = hold(port);
        let up =
            blog.stage.backlot(&["-e", environment, "up", "-d"]).env("POSTGRES_PORT", database.to_string());
        let failed = up.output().assert_code(1);
        let said = format!(
            "error: port {port}, which service {service} publishes, is in use by process {} (",
            std::process::id()
        );
        // Who it is can only be told where the system does.
        let expected =
            if cfg!(target_os = "linux") { said.as_str() } else { said.split(" by ").next().unwrap() };
        assert!(failed.stderr.starts_with(expected), "{failed}");
        let way_out = format!("publish another port for {service} ([project]/docker/{environment}.yml:");
        assert!(failed.stderr.contains(&way_out), "{failed}");
        assert_eq!(failed.stderr.contains(" POSTGRES_PORT="), service == "db", "{failed}");
        blog.stage.assert_nothing_left();
        drop(held);
    }
    // What runs stays as it is when a port that is new is not free.
    let development = |arguments: &[&str]| blog.stage.backlot(arguments).output();
    development(&["up", "-d", "--wait", "-q"]).assert(0, "", "…");
    let held = hold(blog.nginx);
    let file = blog.stage.project().join("docker/development.yml");
    let text = std::fs::read_to_string(&file).unwrap();
    let moved = text.replace(&format!("{}:5000", blog.web), &format!("{}:5000", blog.nginx));
    std::fs::write(&file, moved).unwrap();
    development(&["up", "-d"]).assert_code(1);
    assert_eq!(get(blog.web, "/").unwrap().0, 200);
    drop(held);
    development(&["down", "--volumes", "--yes", "-q"]).assert_prints("");
}

#[test]
fn a_port_of_another_checkout_is_told_with_its_place() {
    let port = free_port();
    let stage = single("sh -c 'exec python3 -m http.server --bind 127.0.0.1 $$PORT'", "");
    let compose = std::fs::read_to_string(stage.project().join("compose.yaml")).unwrap();
    stage.file("compose.yaml", compose.replace("\"8000\"", &format!("\"{port}:8000\"")));
    let other = stage.root().join("other");
    copy_tree(&stage.project(), &other);
    stage.backlot(&["up", "-d", "--wait", "-q"]).output().assert(0, "", "…");
    let failed = stage.backlot(&["up", "-d"]).within(&other).output().assert_code(1);
    if cfg!(target_os = "linux") {
        let said = format!(
            "port {port}, which service web publishes, is in use by development of [project] (process "
        );
        assert!(failed.stderr.contains(&said), "{failed}");
        assert!(failed.stderr.contains("backlot -C [project] -e development down"), "{failed}");
        assert!(!failed.stderr.contains("[::1]"), "{failed}");
    }
    stage.backlot(&["up", "-d", "--wait", "-q"]).output().assert(0, "", "…");
    stage.backlot(&["down", "-q"]).output().assert_prints("");
}

#[test]
fn a_service_that_is_not_there_is_an_error_everywhere() {
    let stage = single("sh -c 'exec python3 -m http.server --bind 127.0.0.1 $$PORT'", "");
    let there = "error: there is no service wbe (did you mean web? there are web)";
    stage.backlot(&["up", "-d", "wbe"]).output().assert(1, "", there);
    stage.backlot(&["up", "-d", "--wait", "-q"]).output().assert(0, "", "…");
    for arguments in [
        &["exec", "wbe", "true"][..],
        &["scale", "wbe=2"],
        &["restart", "wbe"],
        &["wait", "wbe"],
        &["endpoints", "wbe"],
        &["top", "wbe"],
        &["ps", "wbe"],
        &["up", "wbe"],
        &["up", "-d", "wbe"],
    ] {
        stage.backlot(arguments).output().assert(1, "", there);
    }
    let said = "error: there is no service wbe (did you mean web? there are gateway, web)";
    stage.backlot(&["logs", "wbe"]).output().assert(1, "", said);
    stage.backlot(&["logs", "-f", "wbe"]).output().assert(1, "", said);
    stage.backlot(&["down", "-q"]).output().assert_prints("");
}

#[test]
fn only_what_is_asked_for_is_up_and_the_database_with_it() {
    let blog = blog();
    let file = blog.stage.project().join("docker/production.yml");
    let text = std::fs::read_to_string(&file).unwrap();
    let more = "  other:\n    build: .\n    command: no-such-program\n    ports: [\"NGINX:1\"]\n";
    std::fs::write(&file, text.replace("services:\n", &format!("services:\n{more}"))).unwrap();
    // Nor does it matter that a port of something else is in use.
    let held = hold(blog.nginx);
    blog.production(&["up", "-d", "--wait", "web"]).assert_code(1);
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, text.replace("NGINX:1", "1")).unwrap();
    let up = blog.production(&["up", "-d", "--wait", "web"]).assert_code(0);
    assert!(up.stdout.contains("  web: http://127.0.0.1:"), "{up}");
    let running = || -> Vec<String> {
        let mut services = ps(&blog.stage, "production");
        services.retain(|service| service["replicas"][0]["state"] == "running");
        services.iter().map(|service| service["service"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(running(), ["db", "web"]);
    blog.production(&["restart", "-q"]).assert_prints("");
    assert_eq!(running(), ["db", "web"]);
    let failed = blog.production(&["up", "-d", "nginx"]).assert_code(1);
    assert!(failed.stderr.contains("which service nginx publishes, is in use"), "{failed}");
    drop(held);
    blog.production(&["up", "-d", "--wait", "nginx"]).assert_code(0);
    assert_eq!(get(blog.nginx, "/").unwrap().0, 200);
    let failed = blog.production(&["up", "-d"]).assert_code(1);
    assert!(failed.stderr.contains("service other runs no-such-program"), "{failed}");
    blog.production(&["down", "--volumes", "--yes", "-q"]).assert_prints("");
}

/// A run on a machine without nginx; nothing where that cannot be played.
fn without_nginx(stage: &Stage, arguments: &[&str]) -> Option<backlot_testkit::Outcome> {
    let hidden = "for dir in /usr/sbin /usr/local/sbin /usr/bin; do
            if [ -e $dir/nginx ]; then mount --bind /dev/null $dir/nginx || exit 1; fi
        done; exec \"$0\" \"$@\"";
    let run = |command: &[&str]| {
        stage.run("unshare", &[&["--mount", "sh", "-c", hidden], command].concat()).output()
    };
    let can = stage.run("sh", &["-c", "command -v unshare && [ $(id -u) = 0 ]"]).output().code == 0;
    (can && run(&["true"]).code == 0).then(|| run(&[&[BACKLOT], arguments].concat()))
}

#[test]
fn without_nginx_the_rest_is_up_and_that_is_said() {
    let blog = blog();
    let production = |arguments: &[&str]| {
        // Where Docker is, it would do.
        without_nginx(&blog.stage, &[&["-e", "production", "--engine", "native"], arguments].concat())
    };
    let Some(failed) = production(&["up", "-d", "nginx"]) else { return };
    failed.assert(
        1,
        "",
        "error: no nginx is installed, which service nginx needs\n  because: …\n  help: install it: …",
    );
    blog.stage.assert_nothing_left();
    let up = production(&["up", "-d", "--wait"]).unwrap().assert_code(0);
    let warning = "⚠ no nginx is installed, which service nginx needs: it is left out; install it: ";
    assert!(up.stderr.contains(warning), "{up}");
    let port =
        up.stdout.lines().find_map(|line| line.trim().strip_prefix("web: http://127.0.0.1:")?.parse().ok());
    assert_eq!(get(port.unwrap(), "/").unwrap(), (200, "Hello, World!".into()));
    blog.production(&["down", "--volumes", "--yes", "-q"]).assert_prints("");
}
