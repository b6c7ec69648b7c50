//! Every port that is published answers, where its file has it.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};

use backlot_testkit::{Stage, free_ports};

use crate::BACKLOT;

const UP: [&str; 4] = ["up", "-d", "--wait", "-q"];

/// What is answered there.
fn page(address: SocketAddr) -> Result<String, std::io::Error> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(std::time::Duration::from_secs(20)))?;
    stream.write_all(b"GET /page HTTP/1.0\r\n\r\n")?;
    let mut text = String::new();
    stream.read_to_string(&mut text)?;
    Ok(text.lines().next().unwrap_or_default().to_owned())
}

fn has_six() -> bool {
    TcpListener::bind("[::1]:0").is_ok()
}

#[test]
fn several_ranges_and_addresses() {
    let stage = Stage::empty(BACKLOT);
    let (one, range, other, db) = (free_ports(2), free_ports(4), free_ports(1), free_ports(2));
    stage.file("page", "");
    let web = "{image: python, command: sh -c 'exec python3 -m http.server --bind 127.0.0.1 $$PORT'";
    let compose = format!(
        "services:
  web: {web}, ports: ['{one}:8000', '127.0.0.1:{}:8000', '127.0.0.2:{one}:8000', '53:53/udp']}}
  many: {web}, deploy: {{replicas: 3}}, ports: ['{range}-{}:8000']}}
  far: {web}, ports: ['127.0.0.3:{other}:8000']}}
  db: {{image: postgres, environment: {{POSTGRES_PASSWORD: x}}, ports: ['{db}:5432', '127.0.0.1:{}:5432']}}
",
        one + 1,
        range + 3,
        db + 1
    );
    stage.file("compose.yaml", &compose);
    let up = stage.backlot(&UP).output().assert_code(0);
    assert!(up.stderr.contains("only TCP ports are published natively"), "{up}");
    let mut places = vec![
        format!("127.0.0.1:{one}"),
        format!("127.0.0.1:{}", one + 1),
        format!("127.0.0.2:{one}"),
        format!("127.0.0.3:{other}"),
    ];
    places.extend((range..range + 3).map(|port| format!("127.0.0.1:{port}")));
    if has_six() {
        places.push(format!("[::1]:{one}"));
    }
    for place in places {
        assert_eq!(page(place.parse().unwrap()).unwrap(), "HTTP/1.0 200 OK", "{place}");
    }
    // There are three replicas, and what is for this machine's other address is not for this one.
    for place in
        [format!("127.0.0.1:{}", range + 3), format!("127.0.0.1:{other}"), format!("[::1]:{}", one + 1)]
    {
        assert!(TcpStream::connect(place.parse::<SocketAddr>().unwrap()).is_err(), "{place}");
    }
    for port in [db, db + 1] {
        let url = format!("postgres://postgres:x@127.0.0.1:{port}/postgres");
        stage.run("psql", &["-XAtc", "SELECT 'in'", &url]).output().assert_prints("in");
    }
    // A second `up` finds its own ports in use by itself, and another range is there at once.
    stage.file(
        "compose.yaml",
        compose.replace(&format!("'127.0.0.2:{one}:8000'"), &format!("'127.0.0.4:{one}:8000'")),
    );
    stage.backlot(&UP).output().assert_code(0);
    assert!(page(format!("127.0.0.4:{one}").parse().unwrap()).is_ok());
    assert!(TcpStream::connect(format!("127.0.0.2:{one}").parse::<SocketAddr>().unwrap()).is_err());
    stage.backlot(&["down", "-q"]).output().assert_prints("");
}

#[test]
fn a_database_alone_answers_at_its_second_port() {
    let stage = Stage::empty(BACKLOT);
    let port = free_ports(2);
    let compose = format!(
        "services:\n  db: {{image: postgres, environment: {{POSTGRES_PASSWORD: x}}, ports: ['{port}:5432', '{}:5432']}}\n",
        port + 1
    );
    stage.file("compose.yaml", compose);
    stage.backlot(&UP).output().assert_code(0);
    for port in [port, port + 1] {
        let url = format!("postgres://postgres:x@127.0.0.1:{port}/postgres");
        stage.run("psql", &["-XAtc", "SELECT 'in'", &url]).output().assert_prints("in");
    }
    stage.backlot(&["down", "-q"]).output().assert_prints("");
}

#[test]
fn an_address_that_is_had_or_not_this_machines_is_told_before_anything_starts() {
    let stage = Stage::empty(BACKLOT);
    let port = free_ports(1);
    let compose =
        |ports: &str| format!("services:\n  web: {{image: x, command: sleep 100, ports: ['{ports}']}}\n");
    if has_six() {
        let held = TcpListener::bind(("::1", port)).unwrap();
        stage.file("compose.yaml", compose(&format!("{port}:80")));
        let failed = stage.backlot(&UP).output().assert_code(1);
        let said = format!("error: port [::1]:{port}, which service web publishes, is in use");
        assert!(failed.stderr.contains(&said), "{failed}");
        drop(held);
    }
    stage.file("compose.yaml", compose(&format!("192.0.2.1:{port}:80")));
    let failed = stage.backlot(&UP).output().assert_code(1);
    assert!(failed.stderr.contains("is at no address of this machine"), "{failed}");
    let both = format!(
        "services:\n  a: {{image: x, command: sleep 100, ports: ['0.0.0.0:{port}:80']}}\n  b: {{image: x, command: sleep 100, ports: ['127.0.0.1:{port}:80']}}\n"
    );
    stage.file("compose.yaml", both);
    let failed = stage.backlot(&UP).output().assert_code(1);
    assert!(failed.stderr.contains(&format!("services a and b both publish port {port}")), "{failed}");
}
