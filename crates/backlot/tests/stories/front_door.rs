//! Services by their names, through the front door of the real binary.

use std::fs;
use std::io::{BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use backlot_testkit::{Stage, free_port, free_ports, read_answer};
use serde_json::Value;

use crate::BACKLOT;
use crate::blog::wait_until;

/// Says who it is and what it was told, streams events, changes protocols, and counts what it gets.
const SERVER: &str = "
import http.server, os, sys, time
class Server(http.server.BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'
    def say(self, text):
        self.send_response(200)
        self.send_header('Content-Length', str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())
    def do_GET(self):
        if self.headers.get('Upgrade'):
            self.send_response(101)
            self.send_header('Connection', 'Upgrade')
            self.send_header('Upgrade', self.headers['Upgrade'])
            self.end_headers()
            self.close_connection = True
            while data := self.connection.recv(65536):
                self.wfile.write(data)
            return
        if self.path == '/events':
            self.send_response(200)
            self.send_header('Content-Type', 'text/event-stream')
            self.end_headers()
            self.close_connection = True
            for number in range(3):
                self.wfile.write(b'data: %d\\n\\n' % number)
                time.sleep(0.6)
            return
        told = [self.headers.get(name) or '-' for name in
                ('Host', 'X-Forwarded-For', 'X-Forwarded-Proto', 'X-Forwarded-Host', 'X-Mine')]
        self.say(' '.join(sys.argv[1:] + told))
    def do_POST(self):
        left = length = int(self.headers['Content-Length'])
        while left:
            left -= len(self.rfile.read(min(left, 1 << 20)))
        self.say(str(length))
    def log_message(self, *_): pass
http.server.ThreadingHTTPServer(('127.0.0.1', int(os.environ['PORT'])), Server).serve_forever()
";

/// The project `name` with a service of that name and one that nothing is heard of.
pub(crate) fn project(stage: &Stage, name: &str) -> PathBuf {
    let dir = stage.root().join(name);
    fs::create_dir_all(&dir).unwrap();
    fs::write(dir.join("server.py"), SERVER).unwrap();
    let service = |name: &str| format!("{{image: x, expose: ['8000'], command: python3 server.py {name}}}");
    let text = format!("services:\n  web: {}\n  My_Api: {}\n", service(name), service("api"));
    fs::write(dir.join("compose.yaml"), text).unwrap();
    dir
}

/// A stage whose door has a port of its own.
pub(crate) fn stage() -> (Stage, u16) {
    let port = free_port();
    (Stage::empty(BACKLOT).with("BACKLOT_DOOR", port.to_string()), port)
}

pub(crate) fn up(stage: &Stage, dir: &PathBuf, words: &[&str]) {
    stage.backlot(&[words, &["up", "-d", "--wait", "-q"]].concat()).within(dir).output().assert(0, "", "");
}

pub(crate) fn down(stage: &Stage, dir: &PathBuf, words: &[&str]) {
    stage.backlot(&[words, &["down", "-q"]].concat()).within(dir).output().assert_code(0);
}

fn send(port: u16, text: &str) -> TcpStream {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    stream.write_all(text.as_bytes()).unwrap();
    stream
}

/// The status and the body of an answer.
fn ask(port: u16, text: &str) -> (u16, String) {
    let (head, body) = read_answer(&mut BufReader::new(send(port, text))).unwrap();
    (head.split(' ').nth(1).unwrap().parse().unwrap(), body)
}

pub(crate) fn get(port: u16, host: &str) -> (u16, String) {
    ask(port, &format!("GET / HTTP/1.1\r\nHost: {host}\r\nX-Mine: 1\r\n\r\n"))
}

#[test]
fn every_service_of_every_environment_has_a_name() {
    let (stage, port) = stage();
    let (shop, blog) = (project(&stage, "shop"), project(&stage, "blog"));
    fs::write(shop.join("compose.testing.yaml"), "services: {web: {command: python3 server.py testing}}\n")
        .unwrap();
    up(&stage, &shop, &[]);
    up(&stage, &blog, &[]);
    up(&stage, &shop, &["-e", "testing"]);
    for (name, expected) in
        [("web.shop", "shop"), ("WEB.blog", "blog"), ("web.testing.shop", "testing"), ("my-api.shop", "api")]
    {
        let host = format!("{name}.localhost:{port}");
        let (status, body) = get(port, &host);
        assert_eq!((status, body), (200, format!("{expected} {host} 127.0.0.1 http {host} 1")));
    }
    // What is before a service's name is the service's own.
    assert_eq!(get(port, &format!("tenant.web.shop.localhost:{port}")).0, 200);
    for foreign in
        ["evil.example", "127.0.0.1", "web.shop.localhost.evil.example", "web.shop", "localhost.evil.example"]
    {
        assert_eq!(get(port, foreign).0, 421, "{foreign}");
    }
    let (status, body) = get(port, "wbe.shop.localhost");
    let near = body.lines().nth(1).unwrap_or_default().trim();
    assert_eq!((status, near), (404, &*format!("http://web.shop.localhost:{port}/")), "{body}");
    assert_eq!(get(port, "web.shpo.localhost").0, 404);

    let (_, page) = get(port, "localhost");
    assert!(page.contains(&format!("<a href=\"http://web.testing.shop.localhost:{port}/\">")), "{page}");
    let (_, list) =
        ask(port, &format!("GET / HTTP/1.1\r\nHost: localhost:{port}\r\nAccept: application/json\r\n\r\n"));
    let list: Value = serde_json::from_str(&list).unwrap();
    let names: Vec<&str> =
        list["environments"].as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["blog", "shop", "testing.shop"]);
    let (_, page) = get(port, "testing.shop.localhost");
    assert!(page.contains("web.testing.shop") && !page.contains("web.shop"), "{page}");

    let say = |words: &[&str]| stage.backlot(words).within(&shop).output().assert_code(0).stdout;
    assert_eq!(say(&["-e", "testing", "url", "web"]), format!("http://web.testing.shop.localhost:{port}/\n"));
    assert!(say(&["ps"]).contains(&format!("http://my-api.shop.localhost:{port}/")));
    assert!(say(&["ls"]).contains(&format!("*.testing.shop.localhost:{port}")));
    for (dir, words) in [(&shop, &[][..]), (&shop, &["-e", "testing"]), (&blog, &[])] {
        down(&stage, dir, words);
    }
    stage.assert_nothing_left();
}

#[test]
fn whatever_a_service_speaks_over_http_goes_through() {
    let (stage, port) = stage();
    let shop = project(&stage, "shop");
    up(&stage, &shop, &[]);
    let host = format!("Host: web.shop.localhost:{port}\r\n");
    let mut socket =
        send(port, &format!("GET / HTTP/1.1\r\n{host}Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n"));
    let mut reader = BufReader::new(socket.try_clone().unwrap());
    let (head, _) = read_answer(&mut reader).unwrap();
    assert!(head.starts_with("http/1.1 101") && head.contains("upgrade: websocket"), "{head}");
    for text in ["a", "b"] {
        socket.write_all(text.as_bytes()).unwrap();
        let mut echoed = [0];
        reader.read_exact(&mut echoed).unwrap();
        assert_eq!(echoed, text.as_bytes());
    }
    drop((socket, reader));

    let mut events = send(port, &format!("GET /events HTTP/1.1\r\n{host}\r\n"));
    let (mut told, mut first) = (String::new(), None);
    while !told.contains("data: 2") {
        let mut piece = [0; 1024];
        let count = events.read(&mut piece).unwrap();
        assert!(count > 0, "{told}");
        told += &String::from_utf8_lossy(&piece[..count]);
        if told.contains("data: 0") {
            first.get_or_insert_with(Instant::now);
        }
    }
    assert!(first.unwrap().elapsed() > Duration::from_millis(900), "all came at once: {told}");

    let length = 30 << 20;
    let mut upload = send(port, &format!("POST / HTTP/1.1\r\n{host}Content-Length: {length}\r\n\r\n"));
    upload.write_all(&vec![b'x'; length]).unwrap();
    assert_eq!(read_answer(&mut BufReader::new(upload)).unwrap().1, length.to_string());

    // Several requests on one connection go where each says.
    let both = format!(
        "GET / HTTP/1.1\r\n{host}\r\nGET / HTTP/1.1\r\nHost: evil.example\r\n\r\nGET / HTTP/1.1\r\nHost: my-api.shop.localhost\r\n\r\n"
    );
    let mut reader = BufReader::new(send(port, &both));
    let statuses: Vec<String> =
        (0..3).map(|_| read_answer(&mut reader).unwrap().0[9..12].to_owned()).collect();
    assert_eq!(statuses, ["200", "421", "200"]);
    for (lines, status) in [
        (format!("GET / HTTP/1.1\r\n{host}{host}\r\n"), 400),
        (format!("GET http://evil.example/ HTTP/1.1\r\n{host}\r\n"), 400),
        (format!("GET http://web.shop.localhost:{port}/ HTTP/1.1\r\n{host}\r\n"), 200),
        (format!("CONNECT web.shop.localhost:{port} HTTP/1.1\r\n{host}\r\n"), 405),
        ("GET / HTTP/1.1\r\n\r\n".to_owned(), 400),
        ("GET / HTTP/1.0\r\n\r\n".to_owned(), 421),
    ] {
        assert_eq!(ask(port, &lines).0, status, "{lines}");
    }
    down(&stage, &shop, &[]);
    stage.assert_nothing_left();
}

#[test]
fn the_door_is_there_as_long_as_something_is_up() {
    let (stage, port) = stage();
    let shop = project(&stage, "shop");
    let web = || get(port, "web.shop.localhost").0;
    up(&stage, &shop, &[]);
    assert_eq!(web(), 200);
    stage.backlot(&["stop", "web", "-q"]).within(&shop).output().assert_code(0);
    let (status, body) = get(port, "web.shop.localhost");
    assert!(status == 503 && body.contains("up -d web"), "{body}");
    let page = "GET / HTTP/1.1\r\nHost: web.shop.localhost\r\nAccept: text/html\r\n\r\n";
    let (_, body) = ask(port, page);
    assert!(body.contains("<code>backlot -C ") && body.contains("refresh"), "{body}");
    stage.backlot(&["start", "web", "-q"]).within(&shop).output().assert_code(0);
    assert_eq!(web(), 200);

    // Killed, it is opened again, at the same port.
    let door = || stage.find_process("__door");
    let first = door();
    stage.kill(&first);
    assert!(stage.find_processes("__door").is_empty());
    up(&stage, &shop, &[]);
    assert_eq!(web(), 200);
    // One of an older program is replaced.
    let (second, record) = (door(), stage.home().join("door/door.json"));
    let text = fs::read_to_string(&record).unwrap();
    let made: Value = serde_json::from_str(&text).unwrap();
    fs::write(&record, text.replace(&made["made"].to_string(), "1")).unwrap();
    up(&stage, &shop, &[]);
    assert_eq!(web(), 200);
    assert_ne!(door(), second);
    // As long as there is one, nobody starts another.
    let third = door();
    up(&stage, &shop, &[]);
    assert_eq!((stage.find_processes("__door").len(), door()), (1, third));

    down(&stage, &shop, &[]);
    wait_until("the door is closed", || stage.find_processes("__door").is_empty());
    up(&stage, &shop, &[]);
    assert_eq!(web(), 200);
    down(&stage, &shop, &[]);
    stage.assert_nothing_left();
}

#[test]
fn those_who_come_at_once_open_one_door() {
    let (stage, port) = stage();
    let all: Vec<PathBuf> = ["one", "two", "three"].iter().map(|name| project(&stage, name)).collect();
    let runs: Vec<_> =
        all.iter().map(|dir| stage.backlot(&["up", "-d", "--wait", "-q"]).within(dir).start()).collect();
    for mut run in runs {
        assert!(run.wait(Duration::from_mins(1)).unwrap().is_some_and(|status| status.success()));
    }
    assert_eq!(stage.find_processes("__door").len(), 1);
    for name in ["one", "two", "three"] {
        assert_eq!(get(port, &format!("web.{name}.localhost")).0, 200, "{name}");
    }
    for dir in &all {
        down(&stage, dir, &[]);
    }
    stage.assert_nothing_left();
}

#[test]
fn a_port_that_somebody_has_is_passed_over_for_good() {
    // The next ones are for nobody else.
    let port = free_ports(22);
    let _taken = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).unwrap();
    let stage = Stage::empty(BACKLOT).with("BACKLOT_DOOR", port.to_string());
    let shop = project(&stage, "shop");
    let told = stage.backlot(&["up", "-d", "-q"]).within(&shop).output();
    told.assert(0, "", &format!("…the front door is at port …: {port} cannot be had…"));
    let url = || stage.backlot(&["url", "web"]).within(&shop).output().assert_code(0).stdout;
    let first = url();
    assert!(first.starts_with("http://web.shop.localhost:") && !first.contains(&port.to_string()), "{first}");
    assert_eq!(url(), first);
    // Who wants none is told the address itself, and what speaks no HTTP has none.
    let url = stage
        .backlot(&["url", "web"])
        .env("BACKLOT_DOOR", "off")
        .within(&shop)
        .output()
        .assert_code(0)
        .stdout;
    assert!(url.starts_with("http://127.0.0.1:"), "{url}");
    stage.backlot(&["url", "wbe"]).within(&shop).output().assert(
        1,
        "",
        "…no service wbe (did you mean web?…",
    );
    let odd = stage.backlot(&["up", "-d", "-q"]).env("BACKLOT_DOOR", "seven").within(&shop).output();
    odd.assert(0, "", "…BACKLOT_DOOR is \"seven\", which is neither a port nor off…");
    down(&stage, &shop, &[]);
    stage.backlot(&["url"]).within(&shop).output().assert(1, "", "…nothing of development is up…\n…up -d…");
    stage.assert_nothing_left();
}

#[test]
fn a_browser_is_given_the_name() {
    let (stage, port) = stage();
    let shop = project(&stage, "shop");
    up(&stage, &shop, &[]);
    let opened = stage.root().join("opened");
    stage.program("browser", &format!("#!/bin/sh\necho \"$@\" >> {}\n", opened.display()));
    let browser = stage.project().join("browser");
    for (said, words, expected) in [
        (
            format!("{}", browser.display()),
            &["open", "web"][..],
            format!("http://web.shop.localhost:{port}/"),
        ),
        (
            format!("nowhere:{} --new %s", browser.display()),
            &["open", "My_Api"],
            format!("--new http://my-api.shop.localhost:{port}/"),
        ),
    ] {
        let _ = fs::remove_file(&opened);
        stage.backlot(words).env("BROWSER", said).within(&shop).output().assert_code(0);
        assert_eq!(fs::read_to_string(&opened).unwrap().trim(), expected);
    }
    stage.backlot(&["open", "web"]).env("BROWSER", "false").within(&shop).output().assert(
        1,
        &format!("http://web.shop.localhost:{port}/"),
        "…",
    );
    down(&stage, &shop, &[]);
    stage.assert_nothing_left();
}

#[test]
fn a_worktree_has_its_branch_in_its_names() {
    let (stage, port) = stage();
    let shop = project(&stage, "shop");
    let git = |words: &[&str]| {
        let named = ["-c", "user.name=t", "-c", "user.email=t@example.com"];
        stage.run("git", &[&named[..], words].concat()).within(&shop).output().assert_code(0);
    };
    git(&["init", "-q"]);
    git(&["add", "-A"]);
    git(&["commit", "-qm", "all"]);
    git(&["worktree", "add", "-q", "-b", "feature/X", "../shop-x"]);
    let worktree = stage.root().join("shop-x");
    fs::create_dir(stage.root().join("elsewhere")).unwrap();
    git(&["clone", "-q", ".", "../elsewhere/shop"]);
    let clone = stage.root().join("elsewhere/shop");
    for dir in [&shop, &worktree, &clone] {
        up(&stage, dir, &[]);
    }
    let url = |dir: &PathBuf| stage.backlot(&["url", "web"]).within(dir).output().assert_code(0).stdout;
    assert_eq!(url(&shop), format!("http://web.shop.localhost:{port}/\n"));
    assert_eq!(url(&worktree), format!("http://web.feature-x.shop.localhost:{port}/\n"));
    assert_eq!(url(&clone), format!("http://web.shop-2.localhost:{port}/\n"));
    for host in ["web.shop.localhost", "web.feature-x.shop.localhost", "web.shop-2.localhost"] {
        assert_eq!(get(port, host).0, 200, "{host}");
    }
    // It keeps its name when the other one is gone for a while, and has another one on another branch.
    down(&stage, &shop, &[]);
    assert_eq!(url(&clone), format!("http://web.shop-2.localhost:{port}/\n"));
    stage.run("git", &["checkout", "-q", "-b", "other"]).within(&worktree).output().assert_code(0);
    wait_until("the branch counts", || get(port, "web.other.shop.localhost").0 == 200);
    // What is not up is not answered by another checkout.
    up(&stage, &shop, &[]);
    down(&stage, &worktree, &[]);
    let (status, body) = get(port, "web.other.shop.localhost");
    assert!(status == 503 && body.contains("shop-x -e development up"), "{body}");
    assert_eq!(get(port, "web.never.shop.localhost").0, 404);
    down(&stage, &shop, &[]);
    down(&stage, &clone, &[]);
    stage.assert_nothing_left();
}
