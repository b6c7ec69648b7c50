//! What goes through an endpoint of the real binary: servers that speak first, or another protocol, or HTTP in its less
//! usual forms.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::time::{Duration, Instant};

use backlot_testkit::{Stage, free_port};

use crate::BACKLOT;
use crate::blog::wait_until;

/// Sends back what it gets, after its greeting if there is one.
const ECHO: &str = "
import os, socketserver, sys
class Echo(socketserver.BaseRequestHandler):
    def handle(self):
        if len(sys.argv) > 1:
            self.request.sendall(sys.argv[1].encode())
        while data := self.request.recv(4096):
            self.request.sendall(data)
class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
Server(('127.0.0.1', int(os.environ['PORT'])), Echo).serve_forever()
";

/// Streams a body in pieces, counts one that it gets, and changes protocols.
const PAGE: &str = "
import http.server, os, time
class Page(http.server.BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'
    def do_GET(self):
        if self.headers.get('Upgrade'):
            self.send_response(101)
            self.send_header('Connection', 'Upgrade')
            self.send_header('Upgrade', self.headers['Upgrade'])
            self.end_headers()
            self.close_connection = True
            while data := self.connection.recv(4096):
                self.wfile.write(data)
            return
        self.send_response(200)
        self.send_header('Transfer-Encoding', 'chunked')
        self.end_headers()
        for number in range(3):
            self.wfile.write(b'2\\r\\n%d\\n\\r\\n' % number)
            time.sleep(0.5)
        self.wfile.write(b'0\\r\\n\\r\\n')
    def do_POST(self):
        count = 0
        while size := int(self.rfile.readline(), 16):
            count += len(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        answer = str(count).encode()
        self.send_response(200)
        self.send_header('Content-Length', str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)
http.server.ThreadingHTTPServer(('127.0.0.1', int(os.environ['PORT'])), Page).serve_forever()
";

/// A stack of one program, and the port of its endpoint.
fn stage(program: &str, arguments: &str) -> (Stage, u16) {
    let (stage, port) = (Stage::empty(BACKLOT), free_port());
    stage.file("server.py", program);
    let compose = format!(
        "services:\n  server:\n    image: server\n    command: python3 server.py {arguments}\n    ports: [\"{port}:9000\"]\n"
    );
    stage.file("compose.yaml", compose);
    stage.backlot(&["up", "-d", "--wait", "-q"]).output().assert(0, "", "…");
    (stage, port)
}

fn connect(port: u16) -> TcpStream {
    let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    stream
}

#[track_caller]
fn expect(stream: &mut TcpStream, text: &str) {
    let mut read = vec![0; text.len()];
    stream.read_exact(&mut read).unwrap();
    assert_eq!(String::from_utf8_lossy(&read), text);
}

/// Reads up to and with `end`.
fn read_until(stream: &mut TcpStream, end: &str) -> String {
    let mut read = Vec::new();
    while !read.ends_with(end.as_bytes()) {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        read.extend(byte);
    }
    String::from_utf8(read).unwrap()
}

#[test]
fn servers_that_speak_no_http() {
    for greeting in ["", "220"] {
        let (stage, port) = stage(ECHO, greeting);
        for words in ["PING\r\n", "\u{16}\u{3}\u{1}", "GET key\r\n"] {
            let mut client = connect(port);
            expect(&mut client, greeting);
            client.write_all(words.as_bytes()).unwrap();
            expect(&mut client, words);
        }
        // A client that has been silent for long, and a rollout meanwhile.
        let mut silent = connect(port);
        std::thread::sleep(Duration::from_millis(500));
        expect(&mut silent, greeting);
        let begun = Instant::now();
        stage.backlot(&["restart", "--rolling", "-q"]).output().assert_prints("");
        if greeting.is_empty() {
            assert!(begun.elapsed() < Duration::from_secs(8), "{:?}", begun.elapsed());
            silent.write_all(b"late").unwrap();
            expect(&mut silent, "late");
        }
        stage.backlot(&["down", "-q"]).output().assert_prints("");
    }
}

#[test]
fn streamed_bodies_both_ways() {
    let (stage, port) = stage(PAGE, "");
    let mut client = connect(port);
    let begun = Instant::now();
    client.write_all(b"GET / HTTP/1.1\r\nHost: page\r\n\r\n").unwrap();
    let head = read_until(&mut client, "\r\n\r\n").to_ascii_lowercase();
    assert!(head.starts_with("http/1.1 200") && head.contains("transfer-encoding: chunked"), "{head}");
    assert!(read_until(&mut client, "0\n").contains('0'));
    // The first piece is there before the last one was sent.
    assert!(begun.elapsed() < Duration::from_millis(1400), "{:?}", begun.elapsed());
    read_until(&mut client, "2\n");
    read_until(&mut client, "0\r\n\r\n");

    client.write_all(b"POST / HTTP/1.1\r\nHost: page\r\nTransfer-Encoding: chunked\r\n\r\n").unwrap();
    for _ in 0..64 {
        client.write_all(format!("10000\r\n{}\r\n", "x".repeat(0x10000)).as_bytes()).unwrap();
    }
    client.write_all(b"0\r\n\r\n").unwrap();
    let head = read_until(&mut client, "\r\n\r\n");
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    expect(&mut client, "4194304");
    stage.backlot(&["down", "-q"]).output().assert_prints("");
}

#[test]
fn a_web_socket() {
    let (stage, port) = stage(PAGE, "");
    let mut client = connect(port);
    let ask = "GET /chat HTTP/1.1\r\nHost: page\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\r\n";
    client.write_all(ask.as_bytes()).unwrap();
    let head = read_until(&mut client, "\r\n\r\n").to_ascii_lowercase();
    assert!(head.starts_with("http/1.1 101") && head.contains("upgrade: websocket"), "{head}");
    for words in ["\u{1}frame", "another"] {
        client.write_all(words.as_bytes()).unwrap();
        expect(&mut client, words);
    }
    drop(client);
    let logged = || stage.backlot(&["logs", "gateway"]).output().assert_code(0).stdout;
    wait_until("it is in the log", || logged().contains("\"GET /chat HTTP/1.1\" 101 "));
    stage.backlot(&["down", "-q"]).output().assert_prints("");
}
