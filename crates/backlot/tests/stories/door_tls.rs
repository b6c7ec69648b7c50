//! The front door over TLS, with a client that is not ours.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use crate::front_door::{down, project, stage, up};

/// Asks for a name over TLS, trusting a certificate; then changes protocols and has something echoed.
const CLIENT: &str = "
import socket, ssl, sys
port, authority, name, host = int(sys.argv[1]), *sys.argv[2:5]
context = ssl.create_default_context(cafile=authority)
def connect():
    return context.wrap_socket(socket.create_connection(('127.0.0.1', port)), server_hostname=name)
def head(stream):
    text = b''
    while not text.endswith(b'\\r\\n\\r\\n'):
        text += stream.recv(1)
    return text.decode()
stream = connect()
stream.sendall(f'GET / HTTP/1.1\\r\\nHost: {host}\\r\\nConnection: close\\r\\n\\r\\n'.encode())
print(head(stream).split()[1], b''.join(iter(lambda: stream.recv(4096), b'')).decode().strip())
stream = connect()
stream.sendall(f'GET / HTTP/1.1\\r\\nHost: {host}\\r\\nConnection: Upgrade\\r\\nUpgrade: websocket\\r\\n\\r\\n'.encode())
print(head(stream).split()[1])
stream.sendall(b'echo')
print(stream.recv(4).decode())
";

#[test]
fn names_are_vouched_for_by_an_authority_of_this_machine() {
    let (stage, port) = stage();
    let shop = project(&stage, "shop");
    stage.file("client.py", CLIENT);
    up(&stage, &shop, &[]);
    let (authority, key) =
        (stage.home().join("door/authority.pem"), stage.home().join("door/authority.json"));
    let client = |name: &str, host: &str| {
        let words =
            ["client.py", &port.to_string(), &authority.display().to_string(), name, host].map(str::to_owned);
        stage.run("python3", &words.each_ref().map(String::as_str)).output()
    };
    // Nobody vouches for anything before that is asked for.
    fs::create_dir_all(authority.parent().unwrap()).unwrap();
    let untold = stage.backlot(&["url", "web"]).within(&shop).output();
    untold.assert(0, &format!("http://web.shop.localhost:{port}/"), "");
    assert!(!key.exists());
    let told = stage.backlot(&["url", "--tls", "web"]).within(&shop).output();
    told.assert(
        0,
        &format!("https://web.shop.localhost:{port}/"),
        "…trusted by…authority.pem\n…authority.pem…",
    );
    assert_eq!(fs::metadata(&key).unwrap().permissions().mode() & 0o777, 0o600);
    let host = format!("web.shop.localhost:{port}");
    client("web.shop.localhost", &host).assert(
        0,
        &format!("200 shop {host} 127.0.0.1 https {host} -\n101\necho"),
        "",
    );
    // Whatever name the connection is for, the host is what counts.
    let foreign = client("web.shop.localhost", "evil.example").assert_code(0);
    assert!(foreign.stdout.starts_with("421 "), "{foreign}");
    let refused = client("evil.example", &host).assert_code(1);
    assert!(refused.stderr.contains("SSLError") || refused.stderr.contains("ssl."), "{refused}");

    // It is made once.
    let before = fs::read_to_string(&authority).unwrap();
    stage.backlot(&["up", "-d", "-q", "--tls"]).within(&shop).output().assert(0, "", "");
    assert_eq!(fs::read_to_string(&authority).unwrap(), before);
    let none = stage.backlot(&["url", "--tls"]).env("BACKLOT_DOOR", "off").within(&shop).output();
    none.assert(1, "", "…there is no front door, which alone speaks TLS…");
    down(&stage, &shop, &[]);
    stage.assert_nothing_left();
}

/// Without an authority, a client of TLS is told so, and does not wait.
#[test]
fn without_an_authority_there_is_no_handshake() {
    let (stage, port) = stage();
    let shop = project(&stage, "shop");
    up(&stage, &shop, &[]);
    let text = "import socket, ssl, sys; c = ssl.create_default_context(); c.wrap_socket(socket.create_connection(('127.0.0.1', int(sys.argv[1]))), \
                server_hostname='web.shop.localhost')";
    let refused = stage.run("python3", &["-c", text, &port.to_string()]).output().assert_code(1);
    assert!(refused.stderr.to_lowercase().contains("handshake failure"), "{refused}");
    down(&stage, &shop, &[]);
    stage.assert_nothing_left();
}
