//! Programs whose addresses are their own, for real: as whoever runs the tests.

#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a test that cannot set itself up has to fail loudly")]
#![expect(clippy::print_stdout, reason = "what was skipped is to be seen")]

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddrV4, TcpListener, TcpStream};
use std::path::Path;
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use backlot_process::{Child, Program, SpawnOptions, Stream};
use backlot_view::{Mount, Network, Route, Router, Rung, Transport, View, What, rung, why_not};

const LIMIT: Duration = Duration::from_secs(20);

/// True if programs can have addresses of their own here; else says why not.
fn is_possible() -> bool {
    if rung() != Rung::Whole {
        println!("skipped: {}", why_not().unwrap());
    }
    rung() == Rung::Whole
}

/// Services by their address.
#[derive(Default)]
struct Services(Mutex<BTreeMap<Ipv4Addr, Arc<Network>>>);

impl Router for Services {
    fn route(&self, _from: Ipv4Addr, to: Ipv4Addr, port: u16, transport: Transport) -> Route {
        match self.0.lock().unwrap().get(&to).map(|network| network.find(transport, port)) {
            Some(found) => found.map_or(Route::Nobody, Route::To),
            None => Route::Foreign,
        }
    }
}

/// Some programs that know each other.
struct World {
    services: Arc<Services>,
    hosts: tempfile::NamedTempFile,
}

impl World {
    fn new() -> Self {
        let mut hosts = tempfile::NamedTempFile::new().unwrap();
        let name = |number: u8| format!("{} s{number}\n", address(number));
        let text: String = (1..9).map(name).collect();
        hosts.write_all(format!("127.0.0.1 localhost\n::1 localhost\n{text}").as_bytes()).unwrap();
        Self { services: Arc::default(), hosts }
    }

    /// The network of the service with that number, and its news.
    fn network(&self, number: u8, fixed: BTreeMap<u16, SocketAddrV4>) -> (Arc<Network>, Receiver<()>) {
        let router: Arc<dyn Router> = Arc::clone(&self.services) as _;
        let network = Arc::new(Network::new(address(number), fixed, router));
        self.services.0.lock().unwrap().insert(address(number), Arc::clone(&network));
        let (heard, news) = channel();
        network.tell(heard);
        (network, news)
    }

    fn python(&self, network: &Arc<Network>, text: &str) -> Program {
        let what = What::Path(self.hosts.path().to_owned());
        let mounts = [Mount { target: "/etc/hosts".into(), what, read_only: true }];
        let view = View::new(&mounts, Path::new("/")).unwrap().with_network(Arc::clone(network)).unwrap();
        let program = Program::new("python3").env("PATH", "/usr/local/bin:/usr/bin:/bin");
        program.env("PYTHONUNBUFFERED", "1").args(["-c", &format!("{START}{text}")]).within(Arc::new(view))
    }

    /// What some lines of Python print as the service with that number.
    fn printed(&self, number: u8, text: &str) -> String {
        let (network, _) = self.network(number, BTreeMap::new());
        let output = self.python(&network, text).output(LIMIT).unwrap();
        assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    /// A service that runs on; it has to listen before this returns.
    fn serving(&self, number: u8, text: &str) -> (Arc<Network>, Serving) {
        let (network, news) = self.network(number, BTreeMap::new());
        let serving = self.started(&network, text);
        news.recv_timeout(LIMIT).unwrap();
        (network, serving)
    }

    fn started(&self, network: &Arc<Network>, text: &str) -> Serving {
        let options = SpawnOptions { stderr: Stream::Inherit, ..SpawnOptions::default() };
        Serving(self.python(network, text).spawn(options).unwrap())
    }
}

struct Serving(Child);

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.0.kill();
    }
}

fn address(number: u8) -> Ipv4Addr {
    Ipv4Addr::new(127, 201, u8::try_from(std::process::id() % 251).unwrap(), number)
}

const START: &str = r"
import socket, os, errno, threading, ctypes
def serve(sock, text, count=None):
    sock.listen(64)
    while count is None or count > 0:
        client, _ = sock.accept()
        client.sendall(text.encode()); client.close()
        if count: count -= 1
def tcp(host, port, family=socket.AF_INET):
    sock = socket.socket(family)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.bind((host, port)); return sock
def ask(host, port):
    try:
        with socket.create_connection((host, port), 5) as sock: return sock.recv(100).decode()
    except OSError as error: return errno.errorcode.get(error.errno, str(error))
";

fn from_outside(network: &Network, port: u16) -> String {
    let mut text = String::new();
    let place = network.find(Transport::Tcp, port).unwrap();
    TcpStream::connect(place).unwrap().read_to_string(&mut text).unwrap();
    text
}

#[test]
fn programs_at_one_port_reach_each_other_by_name_and_themselves_by_localhost() {
    if !is_possible() {
        return;
    }
    let world = World::new();
    let (one, _one) = world.serving(1, "serve(tcp('0.0.0.0', 8000), 'one')");
    let (two, _two) = world.serving(2, "serve(tcp('', 8000), 'two')");
    assert_eq!((from_outside(&one, 8000), from_outside(&two, 8000)), ("one".into(), "two".into()));
    let asked = "print(ask('s1', 8000), ask('s2', 8000), ask('s1', 8001), ask('localhost', 8000))";
    assert_eq!(world.printed(3, asked), "one two ECONNREFUSED ECONNREFUSED\n");
    let own = "sock = tcp('0.0.0.0', 8000)\n\
        threading.Thread(target=serve, args=(sock, 'own', 4)).start()\n\
        print(ask('localhost', 8000), ask('127.0.0.1', 8000), ask('::1', 8000), ask('s4', 8000))";
    assert_eq!(world.printed(4, own), "own own own own\n");
}

#[test]
fn what_the_machine_listens_at_is_not_the_programs_own() {
    if !is_possible() {
        return;
    }
    let machine = TcpListener::bind("0.0.0.0:0").unwrap();
    let port = machine.local_addr().unwrap().port();
    let world = World::new();
    let asked = format!("print(ask('localhost', {port}), ask('127.0.0.1', {port}), ask('s5', {port}))");
    assert_eq!(world.printed(5, &asked), "ECONNREFUSED ECONNREFUSED ECONNREFUSED\n");
    // It can have the same port all the same, and takes it for its own.
    let own = format!(
        "sock = tcp('0.0.0.0', {port}); sock.listen()\nprint(sock.getsockname()[1])\n\
        try: tcp('127.0.0.1', {port})\n\
        except OSError as error: print(errno.errorcode[error.errno])\n\
        threading.Thread(target=serve, args=(sock, 'own', 1)).start()\nprint(ask('localhost', {port}))"
    );
    assert_eq!(world.printed(6, &own), format!("{port}\nEADDRINUSE\nown\n"));
}

#[test]
fn any_port_a_low_one_and_the_newer_addresses() {
    if !is_possible() {
        return;
    }
    let world = World::new();
    let low = "serve(tcp('0.0.0.0', 80), 'low')";
    let (network, _low) = world.serving(1, low);
    assert_eq!(from_outside(&network, 80), "low");
    let any = "sock = tcp('', 0)\nport = sock.getsockname()[1]\n\
        threading.Thread(target=serve, args=(sock, 'any', 2)).start()\nprint(ask('localhost', port), ask('s2', port))";
    assert_eq!(world.printed(2, any), "any any\n");
    let both = "four = tcp('0.0.0.0', 81)\nsix = socket.socket(socket.AF_INET6)\n\
        six.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1); six.bind(('::', 81))\n\
        threading.Thread(target=serve, args=(four, 'four', 2)).start()\n\
        threading.Thread(target=serve, args=(six, 'six', 1)).start()\n\
        print(ask('127.0.0.1', 81), ask('::1', 81), ask('s3', 81))";
    assert_eq!(world.printed(3, both), "four six four\n");
    let (network, _dual) = world.serving(4, "serve(tcp('::', 8000, socket.AF_INET6), 'dual')");
    assert_eq!(from_outside(&network, 8000), "dual");
    assert_eq!(world.printed(5, "print(ask('s4', 8000), ask('s1', 80))"), "dual low\n");
}

#[test]
fn fixed_ports_are_at_their_places() {
    if !is_possible() {
        return;
    }
    let world = World::new();
    let place = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let std::net::SocketAddr::V4(place) = place else { panic!("{place}") };
    let (network, news) = world.network(1, [(80, place)].into());
    let _serving = world.started(&network, "serve(tcp('0.0.0.0', 80), 'front')");
    news.recv_timeout(LIMIT).unwrap();
    assert_eq!(network.listening(), [(80, place)].into());
    assert_eq!(from_outside(&network, 80), "front");
}

#[test]
fn datagrams_find_their_way() {
    if !is_possible() {
        return;
    }
    let world = World::new();
    let text = "import time\nserver = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); server.bind(('0.0.0.0', 8125))\n\
        client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\n\
        print(client.sendto(b'hello', ('localhost', 8125)), server.recv(99))\n\
        client.connect(('s1', 8125)); client.send(b'again'); print(server.recv(99))";
    assert_eq!(world.printed(1, text), "5 b'hello'\nb'again'\n");
    let resolver = "print(len(socket.getaddrinfo('s1', 80, proto=6)))";
    assert_eq!(world.printed(2, resolver), "1\n");
}

/// What a program may pass that means no good, or nothing: it harms itself alone.
#[test]
fn odd_calls_have_their_usual_errors() {
    if !is_possible() {
        return;
    }
    let world = World::new();
    let (network, _serving) = world.serving(1, "serve(tcp('0.0.0.0', 8000), 'still there')");
    let odd = r"
libc = ctypes.CDLL(None, use_errno=True)
def call(name, *arguments):
    return errno.errorcode.get(ctypes.get_errno(), 0) if getattr(libc, name)(*arguments) else 'done'
sock = socket.socket(); fd = sock.fileno()
wild = ctypes.c_void_p(16)
print(call('connect', fd, wild, 16), call('connect', fd, wild, -1), call('bind', fd, None, 16), call('bind', fd, wild, 99999))
print(call('connect', 999, b'\2\0\0\1\x7f\0\0\1' + bytes(8), 16), call('listen', 999, 5), call('listen', 0, 5))
print(call('connect', fd, b'\2\0\0\1\x7f\0\0\1' + bytes(8), 16))
reader, writer = os.pipe()
print(call('bind', reader, b'\2\0\0\1\x7f\0\0\1' + bytes(8), 16))
print(call('getsockname', fd, wild, wild), call('getsockname', fd, None, None))
print(call('io_uring_setup', 1, None) if hasattr(libc, 'io_uring_setup') else errno.errorcode[errno.ENOSYS])
data = ctypes.create_string_buffer(b'\2\0\x1f\x40\x7f\0\0\1' + bytes(8))
over = False
def change():
    while not over: data[4:8] = b'\x08\x08\x08\x08'; data[4:8] = b'\x7f\0\0\1'; data[0] = b'\x0a'; data[0] = b'\2'
threading.Thread(target=change).start()
for _ in range(2000):
    with socket.socket() as sock:
        sock.setblocking(False)
        libc.connect(sock.fileno(), data, 16)
over = True
print('over')
";
    let printed = world.printed(2, odd);
    let lines: Vec<&str> = printed.lines().collect();
    assert_eq!(lines[0], "EFAULT EINVAL EFAULT EINVAL");
    assert_eq!(lines[1], "EBADF EBADF ENOTSOCK");
    assert_eq!(&lines[2..], ["ECONNREFUSED", "ENOTSOCK", "EFAULT EFAULT", "ENOSYS", "over"]);
    assert_eq!(from_outside(&network, 8000), "still there");
}

#[test]
fn many_threads_and_ends_in_the_middle_of_a_call() {
    if !is_possible() {
        return;
    }
    let world = World::new();
    let (network, _serving) = world.serving(1, "serve(tcp('0.0.0.0', 8000), 'served')");
    let many = "def some():\n    for _ in range(100): assert ask('s1', 8000) == 'served'\n\
        all = [threading.Thread(target=some) for _ in range(8)]\n\
        [one.start() for one in all]; [one.join() for one in all]\nprint('all')";
    assert_eq!(world.printed(2, many), "all\n");
    for number in 3..8 {
        let (own, _) = world.network(number, BTreeMap::new());
        let endless = "def go():\n    while True: ask('s1', 8000)\n[threading.Thread(target=go).start() for _ in range(4)]";
        let serving = world.started(&own, endless);
        std::thread::sleep(Duration::from_millis(60));
        drop(serving);
    }
    assert_eq!(from_outside(&network, 8000), "served");
}
