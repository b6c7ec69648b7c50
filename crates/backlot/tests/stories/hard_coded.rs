//! What containers may hard-code: names, ports, addresses and places that are theirs alone.

use std::fs;

use backlot_testkit::{Stage, free_port, get, wait_until};

use crate::{BACKLOT, has_views};

const SERVE: &str = "\
import http.server, os, sys
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = sys.argv[1].encode()
        self.send_response(200); self.send_header('Content-Length', str(len(body))); self.end_headers()
        self.wfile.write(body)
    def log_message(self, *_): pass
http.server.ThreadingHTTPServer(('', int(sys.argv[2])), Handler).serve_forever()
";

#[track_caller]
fn up(stage: &Stage) {
    stage.backlot(&["up", "-d", "--wait", "-q"]).output().assert(0, "", "…");
}

#[track_caller]
fn sh(stage: &Stage, service: &str, line: &str) -> String {
    let run = stage.backlot(&["exec", "-T", service, "sh", "-c", line]).output();
    run.assert_code(0).stdout.trim_end().to_owned()
}

fn end(stage: &Stage) {
    stage.backlot(&["down", "-q", "--volumes", "--yes"]).output().assert(0, "", "…");
    stage.assert_nothing_left();
}

#[test]
fn a_database_is_at_its_own_port_for_its_check_and_for_commands_beside_it() {
    if !has_views() {
        return;
    }
    let stage = Stage::empty(BACKLOT);
    stage.file(
        "compose.yaml",
        "services:\n  db:\n    image: postgres\n    environment: {POSTGRES_PASSWORD: x}\n    \
         healthcheck: {test: 'pg_isready -h localhost -p 5432 && pg_isready -h db -p 5432', interval: 200ms, retries: 5}\n  \
         web: {image: web, command: sleep 1000, depends_on: {db: {condition: service_healthy}}}\n",
    );
    up(&stage);
    let ask = "PGPASSWORD=x psql -h localhost -p 5432 -U postgres -XAtc 'SELECT 42'";
    assert_eq!(sh(&stage, "db", ask), "42");
    assert_eq!(sh(&stage, "db", "getent hosts web | wc -l"), "1");
    assert_eq!(sh(&stage, "web", &ask.replace("localhost", "db")), "42");
    end(&stage);
}

#[test]
fn three_replicas_have_one_port_below_1024_and_each_is_itself() {
    if !has_views() {
        return;
    }
    let stage = Stage::empty(BACKLOT);
    let port = free_port();
    stage.file("serve.py", SERVE);
    stage.file(
        "compose.yaml",
        format!(
            "services:\n  web:\n    image: python\n    command: sh -c 'echo migrate && exec python3 serve.py $$$$ 80'\n    \
             working_dir: /app\n    volumes: ['.:/app']\n    ports: ['{port}:80']\n    deploy: {{replicas: 3}}\n    \
             healthcheck: {{test: 'curl -fsS http://localhost/ && curl -fsS http://web/', interval: 200ms, retries: 20}}\n  \
             asks: {{image: curl, command: sleep 1000, depends_on: {{web: {{condition: service_healthy}}}}}}\n"
        ),
    );
    up(&stage);
    let mut seen = std::collections::BTreeSet::new();
    wait_until("all three answer", || {
        seen.insert(get(port, "/").unwrap().1);
        seen.len() == 3
    });
    assert!(seen.contains(&sh(&stage, "asks", "curl -fsS http://web/")));
    assert_eq!(sh(&stage, "asks", "curl -sS -o /dev/null http://localhost/ || echo refused"), "refused");
    end(&stage);
}

#[test]
fn a_directory_is_made_by_what_is_mounted_below_it() {
    if !has_views() {
        return;
    }
    let stage = Stage::empty(BACKLOT);
    stage.file("code/main.py", "import os; print(os.getcwd(), flush=True); import time; time.sleep(1000)\n");
    stage.file(
        "compose.yaml",
        "services:\n  a: {image: python, working_dir: /app, volumes: ['./code:/app/src'], command: python3 src/main.py}\n  \
         b: {image: python, working_dir: /app, volumes: ['./code/main.py:/app/main.py'], command: python3 main.py}\n",
    );
    up(&stage);
    for service in ["a", "b"] {
        let logs = ["logs", service, "--no-log-prefix"];
        wait_until("it has said where it is", || stage.backlot(&logs).output().stdout.trim() == "/app");
    }
    end(&stage);
}

#[test]
fn a_servers_own_configuration_says_its_port() {
    if !has_views() || !std::path::Path::new("/usr/bin/redis-server").exists() {
        return;
    }
    let stage = Stage::empty(BACKLOT);
    stage.file("r.conf", "port 6380\n");
    stage.file(
        "compose.yaml",
        "services:\n  r: {image: 'redis:7', command: redis-server /etc/r.conf, volumes: ['./r.conf:/etc/r.conf']}\n  \
         usual: {image: 'redis:7'}\n  asks: {image: redis, command: sleep 1000}\n",
    );
    up(&stage);
    let ask = |host: &str, port: u16| {
        let line = format!("redis-cli -h {host} -p {port} ping 2>&1 | head -1");
        sh(&stage, "asks", &line)
    };
    wait_until("it answers", || ask("r", 6380) == "PONG");
    assert_eq!(ask("usual", 6379), "PONG");
    assert_ne!(ask("r", 6379), "PONG");
    end(&stage);
}

#[test]
fn datagrams_find_services_and_their_answers_come_back() {
    if !has_views() {
        return;
    }
    let stage = Stage::empty(BACKLOT);
    let echo = "import socket\ns = socket.socket(2, 2); s.bind(('0.0.0.0', 8125))\nwhile True:\n    d, a = s.recvfrom(99); s.sendto(d, a)\n";
    let asks = "import socket\ns = socket.socket(2, 2); s.settimeout(5)\n\
        s.sendto(b'one', ('statsd', 8125)); d, a = s.recvfrom(99); print(d.decode(), a[0] == socket.gethostbyname('statsd'))\n\
        s.sendmsg([b'two'], [], 0, (socket.gethostbyname('statsd'), 8125)); print(s.recvfrom(99)[0].decode())\n\
        s.connect(('statsd', 8125)); s.send(b'three'); print(s.recv(99).decode())\n";
    stage.file("echo.py", echo).file("asks.py", asks);
    stage.file(
        "compose.yaml",
        "services:\n  statsd: {image: python, working_dir: /app, volumes: ['.:/app'], command: python3 echo.py}\n  \
         asks: {image: python, working_dir: /app, volumes: ['.:/app'], command: sleep 1000}\n",
    );
    up(&stage);
    wait_until("the server is there", || {
        sh(&stage, "asks", "timeout 8 python3 asks.py 2>/dev/null; true") == "one True\ntwo\nthree"
    });
    end(&stage);
}

#[test]
fn nginx_has_its_own_configuration_and_looks_names_up_later() {
    if !has_views() || backlot_nginx_is_missing() {
        return;
    }
    let stage = Stage::empty(BACKLOT);
    let port = free_port();
    stage.file("serve.py", SERVE);
    stage.file(
        "templates/site.conf.template",
        "server {\n    listen ${PORT};\n    listen [::]:${PORT};\n    resolver 127.0.0.11 valid=1s;\n    \
         location / { set $up http://backend:8000; proxy_pass $up; }\n    location /port { return 200 $server_port; }\n}\n",
    );
    stage.file(
        "compose.yaml",
        format!(
            "services:\n  api:\n    image: python\n    command: python3 serve.py hello 8000\n    working_dir: /app\n    volumes: ['.:/app']\n    \
             networks: {{default: {{aliases: [backend]}}}}\n  nginx:\n    image: nginx\n    environment: {{PORT: '80'}}\n    ports: ['{port}:80']\n    \
             volumes: ['./templates:/etc/nginx/templates:ro']\n    depends_on: [api]\n"
        ),
    );
    up(&stage);
    wait_until("the page is there", || get(port, "/").is_ok_and(|page| page == (200, "hello".into())));
    assert_eq!(get(port, "/port").unwrap(), (200, "80".into()));
    assert!(sh(&stage, "nginx", "cat /etc/nginx/conf.d/site.conf").contains("listen 80;"));
    let own = fs::read_to_string("/etc/nginx/nginx.conf").unwrap_or_default();
    assert_ne!(sh(&stage, "nginx", "cat /etc/nginx/nginx.conf"), own.trim_end(), "the machine's");
    end(&stage);
}

#[test]
fn a_host_without_an_address_is_told() {
    if !has_views() {
        return;
    }
    let stage = Stage::empty(BACKLOT);
    stage.file(
        "compose.yaml",
        "services:\n  web: {image: web, command: sleep 1000, extra_hosts: ['far:10.0.0.1', 'odd:nowhere']}\n",
    );
    let told = stage.backlot(&["up", "--dry-run"]).output().assert_code(0);
    assert!(
        told.stderr.contains("service web knows no odd: \"nowhere\" in its extra_hosts is no address"),
        "{told}"
    );
    assert!(!told.stderr.contains("far"), "{told}");
}

fn backlot_nginx_is_missing() -> bool {
    !["/usr/sbin/nginx", "/usr/bin/nginx"].iter().any(|file| std::path::Path::new(file).exists())
}

#[test]
fn two_projects_have_the_same_ports_and_host_mode_has_the_machines() {
    if !has_views() {
        return;
    }
    let stages = ["one", "two"].map(|text| {
        let stage = Stage::empty(BACKLOT);
        stage.file("serve.py", SERVE);
        stage.file(
            "compose.yaml",
            format!(
                "services:\n  web: {{image: python, command: python3 serve.py {text} 8000, working_dir: /app, volumes: ['.:/app'], \
                 expose: ['8000']}}\n  side: {{image: python, command: sleep 1000, network_mode: 'service:web'}}\n  \
                 asks: {{image: curl, command: sleep 1000, depends_on: {{web: {{condition: service_healthy}}}}}}\n"
            ),
        );
        up(&stage);
        stage
    });
    for (stage, text) in stages.iter().zip(["one", "two"]) {
        assert_eq!(sh(stage, "asks", "curl -fsS http://web:8000/"), text);
        assert_eq!(sh(stage, "side", "curl -fsS http://localhost:8000/"), text);
    }
    stages.iter().for_each(end);
}
