//! The front door leads to containers, too: to where Docker has published them.

use std::io::{BufReader, Write};
use std::net::{Ipv4Addr, TcpListener};
use std::thread;

use backlot_testkit::{FakeDocker, Stage, free_port, wait_until};

use crate::BACKLOT;
use crate::front_door::get;

/// Answers each request with a text.
fn serve(text: &'static str) -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let mut stream = BufReader::new(stream);
            let _ = backlot_testkit::read_answer(&mut stream);
            let length = text.len();
            let _ = write!(
                stream.get_mut(),
                "HTTP/1.1 200 OK\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{text}"
            );
        }
    });
    port
}

/// Tells of one container of `web` while it is up, published at a port; and of a cache, which speaks no HTTP.
fn docker(stage: &Stage, port: u16) -> FakeDocker {
    let root = stage.root().display().to_string();
    let container = |service: &str, target: u16| {
        format!(
            r#"{{"Id": "abc{target}", "Name": "/{service}-1", "Image": "sha256:a", "State": {{"Status": "running", "Pid": 1, "StartedAt": "2026-01-01T00:00:00Z"}},
            "HostConfig": {{}}, "Config": {{"ExposedPorts": {{"{target}/tcp": {{}}}}, "Labels": {{"com.docker.compose.service": "{service}",
            "com.docker.compose.container-number": "1", "com.docker.compose.oneoff": "False"}}}},
            "NetworkSettings": {{"Ports": {{"{target}/tcp": [{{"HostIp": "0.0.0.0", "HostPort": "{port}"}}]}}, "Networks": {{}}}}}}"#
        )
    };
    let all = format!("[{}, {}]", container("web", 8000), container("cache", 6379));
    std::fs::write(stage.root().join("inspect.json"), all).unwrap();
    std::fs::write(stage.root().join("up"), "no\n").unwrap();
    let script = format!(
        "read up < {root}/up\ncase \"$*\" in\n*version*) exit 0;;\n*' up '*) echo yes > {root}/up;;\n*' down'*|rm*) echo no > {root}/up;;\n\
         ps*) [ $up = yes ] && echo abc1 && echo abc2; exit 0;;\ninspect*) cat {root}/inspect.json;;\nesac"
    );
    FakeDocker::on(stage, &script)
}

#[test]
fn a_name_leads_to_a_container() {
    let port = free_port();
    let mut stage = Stage::empty(BACKLOT).with("BACKLOT_DOOR", port.to_string());
    stage.file("compose.yaml", "name: shop\nservices:\n  web: {image: app, ports: ['8000']}\n  cache: {image: redis, ports: ['6379']}\n");
    let docker = docker(&stage, serve("from a container"));
    stage.set("PATH", docker.path());
    let backlot = |words: &[&str]| stage.backlot(&[&["--engine", "docker"], words].concat()).output();
    backlot(&["up", "-d", "-q"]).assert(0, "", "");
    assert_eq!(get(port, "web.shop.localhost"), (200, "from a container".to_owned()));
    assert_eq!(get(port, "cache.shop.localhost").0, 404);
    backlot(&["url"]).assert_prints(&format!("web  http://web.shop.localhost:{port}/"));
    backlot(&["down", "-q"]).assert_code(0);
    // Docker is asked once a minute; what is gone from the home is seen at once.
    wait_until("the door is closed", || stage.find_processes("__door").is_empty());
    stage.assert_nothing_left();
}
