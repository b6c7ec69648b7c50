"""The gateway beside nginx, for bench/stacks: what they are asked, what that costs them, the table and the plot."""

import os
import re
import resource
import shutil
import socket
import statistics
import subprocess
import sys
import time
from pathlib import Path

NGINX = shutil.which("nginx") or "/usr/sbin/nginx"
PROXY = """
worker_processes 2;
daemon off;
pid %(dir)s/nginx.pid;
error_log %(dir)s/error.log;
events { worker_connections 8192; }
worker_rlimit_nofile 20000;
http {
    access_log off;
    %(temp)s
    upstream app { server 127.0.0.1:%(backend)d; %(keepalive)s }
    server {
        listen 127.0.0.1:%(port)d;
        keepalive_requests 1000000;
        location / {
            proxy_pass http://app;
            proxy_set_header Host $host;
            proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
            %(reuse)s
        }
    }
}
"""
REUSE = 'proxy_http_version 1.1; proxy_set_header Connection "";'
CONTENDERS = {"gateway": "the gateway", "pooled": "nginx, pooled (`keepalive 64`)", "plain": "nginx, as most configurations have it"}
COLOURS = {"gateway": "#1b6ca8", "pooled": "#c0392b", "plain": "#999999"}
# What is asked: the name, the bytes of an answer, and what wrk is told.
KINDS = {
    "12 bytes": (12, None),
    "100 KB": (102400, None),
    "POST of 10 KB": (12, 'wrk.method = "POST"; wrk.body = string.rep("x", 10240)'),
    "12 bytes, a connection each": (12, 'wrk.headers["Connection"] = "close"'),
}
CONNECTIONS = (64, 1000)
PLOTTED = (1, 8, 64, 256, 1000)
IDLE = 4000


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def wait_for(port, limit=10):
    end = time.monotonic() + limit
    while time.monotonic() < end:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            time.sleep(0.01)
    sys.exit(f"nothing listens on {port}")


def rss_mib(pid):
    line = next(line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("VmRSS"))
    return int(line.split()[1]) / 1024


def cpu(pids):
    """The processor time of processes so far, their own and the kernel's on their behalf, in seconds."""
    fields = [Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split() for pid in pids]
    return [sum(int(one[at]) for one in fields) / os.sysconf("SC_CLK_TCK") for at in (11, 12)]


class Stage:
    """Servers and what stands before them, until the end."""

    def __init__(self, directory, examples):
        self.directory, self.examples, self.programs = directory, examples, []
        self.fronts = {}
        for size in {size for size, _ in KINDS.values()}:
            backend = self.start("backend", size)
            self.fronts["gateway", size] = self.gateway(backend)
            self.fronts["pooled", size] = self.nginx(backend, True)
            self.fronts["plain", size] = self.nginx(backend, False)
            self.fronts["bare", size] = (backend, None)
        # The order of a production stack: the project's own nginx before the gateway.
        self.fronts["chain", 12] = self.nginx(self.fronts["gateway", 12][0], True)

    def start(self, example, *arguments):
        port = free_port()
        words = [self.examples / example, str(port), *map(str, arguments)]
        self.programs.append(subprocess.Popen(words))
        wait_for(port)
        return port

    def gateway(self, backend):
        return self.start("balancer", 2, backend), self.programs[-1]

    def nginx(self, backend, keepalive):
        directory, port = self.directory / f"nginx-{len(self.programs)}", free_port()
        directory.mkdir()
        kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        values = {"dir": directory, "backend": backend, "port": port,
                  "temp": " ".join(f"{kind}_temp_path {directory}/{kind};" for kind in kinds),
                  "keepalive": "keepalive 64;" if keepalive else "", "reuse": REUSE if keepalive else ""}
        (directory / "nginx.conf").write_text(PROXY % values)
        self.programs.append(subprocess.Popen([NGINX, "-p", str(directory), "-c", str(directory / "nginx.conf")],
                                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))
        wait_for(port)
        return port, self.programs[-1]

    def pids(self, name, size):
        program = self.fronts[name, size][1]
        if program is None:
            return []
        children = Path(f"/proc/{program.pid}/task/{program.pid}/children").read_text().split()
        return [program.pid, *map(int, children)]

    def load(self, name, kind, connections, seconds):
        """Requests a second, the 99th percentile of the latency in milliseconds, microseconds a request (own, kernel's), and
        how many requests failed."""
        size, script = KINDS[kind]
        command = ["wrk", "-t2" if connections > 1 else "-t1", f"-c{connections}", f"-d{seconds}s", "--latency", "--timeout", "10s"]
        if script:
            file = self.directory / "wrk.lua"
            file.write_text(script)
            command += ["-s", str(file)]
        used = cpu(self.pids(name, size))
        command.append(f"http://127.0.0.1:{self.fronts[name, size][0]}/")
        text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        spent = [after - before for after, before in zip(cpu(self.pids(name, size)), used)]
        failed = sum(map(int, re.findall(r"Non-2xx or 3xx responses: (\d+)", text)))
        errors = re.search(r"Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)", text)
        failed += sum(map(int, errors.groups())) if errors else 0
        count = max(1, int(re.search(r"(\d+) requests in", text).group(1)))
        rate = float(re.search(r"Requests/sec:\s+([\d.]+)", text).group(1))
        value, unit = re.search(r"99%\s+([\d.]+)(us|ms|s)", text).groups()
        return (rate, float(value) * {"us": 0.001, "ms": 1, "s": 1000}[unit], spent[0] / count * 1e6, spent[1] / count * 1e6, failed)

    def turns(self, names, kind, connections, rounds, seconds):
        """The same of contenders that take turns; medians, and all that failed."""
        found = {name: [] for name in names}
        for _ in range(rounds):
            for name in names:
                found[name].append(self.load(name, kind, connections, seconds))
        return {name: (*(statistics.median(one[at] for one in all_of) for at in range(4)), sum(one[4] for one in all_of))
                for name, all_of in found.items()}

    def idle_mib(self):
        """The gateway's memory with so many connections that say nothing more after a request."""
        resource.setrlimit(resource.RLIMIT_NOFILE, (20000, 20000))
        port, program = self.gateway(self.fronts["bare", 12][0])
        clients = [socket.create_connection(("127.0.0.1", port)) for _ in range(IDLE)]
        for client in clients:
            client.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            client.recv(4096)
        time.sleep(2.5)
        return rss_mib(program.pid)

    def end(self):
        for program in self.programs:
            program.terminate()


def measure(directory, examples, rounds, seconds, requests):
    resource.setrlimit(resource.RLIMIT_NOFILE, (20000, 20000))
    stage = Stage(directory, examples)
    try:
        names = list(CONTENDERS)
        for name in names:
            stage.load(name, "12 bytes", 64, 1)
        table = {(kind, count): stage.turns(names, kind, count, rounds, seconds) for kind in KINDS for count in CONNECTIONS}
        plot = {count: table.get(("12 bytes", count)) or stage.turns(names, "12 bytes", count, rounds, seconds) for count in PLOTTED}
        chain = stage.turns(["chain", "pooled", "bare"], "12 bytes", 64, rounds, seconds)
        gateway = stage.fronts["gateway", 12][1].pid
        before, served = rss_mib(gateway), 0
        while served < requests:
            served += stage.load("gateway", "12 bytes", 64, 10)[0] * 10
        return {"table": table, "plot": plot, "chain": chain, "memory": (before, rss_mib(gateway), served), "idle": stage.idle_mib()}
    finally:
        stage.end()


def ratio(one, other):
    return f"{one / other:.2f} ×" if other else "-"


def lines(found, rounds, seconds, load):
    """The part of bench/STACKS.md that is about the gateway."""
    text = [
        f"A reverse proxy in front of one fast server, `wrk -t2`, medians of {rounds} rounds of {seconds} s; wrk, the proxies and the server share",
        f"the cores, and others used them, too: the load was {load[0]:.1f} before and {load[1]:.1f} after. What is to be trusted on such a machine is the "
        "processor",
        "time a request (of the proxy's own, and the kernel's for it) and the ratios; requests/s and p99 are what came of it then.",
        "",
        "![requests a second and p99 by connections](stacks.svg)",
        "",
        "| asked | connections | proxy | requests/s | p99 ms | own µs | kernel µs | requests/s beside pooled | p99 beside it | processor time beside it |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for (kind, count), row in found["table"].items():
        rate, p99, own, kernel, _ = row["pooled"]
        for name, label in CONTENDERS.items():
            one = row[name]
            failed = f" ({one[4]} failed)" if one[4] else ""
            pairs = [(one[0], rate), (one[1], p99), (one[2] + one[3], own + kernel)]
            beside = " | ".join("" if name == "pooled" else ratio(*pair) for pair in pairs)
            text.append(f"| {kind} | {count:,} | {label}{failed} | {one[0]:,.0f} | {one[1]:.2f} | {one[2]:.1f} | {one[3]:.1f} | {beside} |")
    chain, pooled, bare = (found["chain"][name][0] for name in ("chain", "pooled", "bare"))
    before, after, served = found["memory"]
    text += [
        "",
        f"- nginx → gateway → server makes {chain / pooled:.2f} × the requests/s of nginx → server (64 connections; the server alone {bare / pooled:.2f} ×).",
        f"- The gateway's memory before and after {served:,.0f} requests: {before:.1f} and {after:.1f} MiB; with {IDLE:,} idle connections "
        f"{found['idle']:.1f} MiB.",
        "- A POST is sent over a connection that was used before where nothing speaks for its end (docs/decisions/0018), else over one of its own.",
    ]
    return text


def plot(found, path):
    """Two panels, requests a second and the 99th percentile, by connections."""
    panels = [("requests/s", 0, 60), ("p99, ms", 1, 480)]
    height, width, top, bottom = 260, 340, 40, 300
    parts = ['<svg xmlns="http://www.w3.org/2000/svg" width="860" height="370" font-family="sans-serif" font-size="12">',
             '<rect width="860" height="370" fill="white"/>']
    places = {count: at * (width - 40) / (len(PLOTTED) - 1) for at, count in enumerate(PLOTTED)}
    for label, which, left in panels:
        most = max(row[name][which] for row in found.values() for name in CONTENDERS) * 1.05
        parts.append(f'<text x="{left}" y="24" font-weight="bold">{label}</text>')
        parts.append(f'<path d="M{left},{top} V{bottom} H{left + width - 30}" fill="none" stroke="black"/>')
        for step in range(1, 5):
            y = bottom - height * step / 4
            parts.append(f'<path d="M{left},{y:.0f} H{left + width - 30}" stroke="#dddddd"/>')
            parts.append(f'<text x="{left - 6}" y="{y + 4:.0f}" text-anchor="end">{most * step / 4:,.0f}</text>')
        for count, x in places.items():
            parts.append(f'<text x="{left + x + 5:.0f}" y="{bottom + 18}" text-anchor="middle">{count:,}</text>')
        for name in CONTENDERS:
            points = [(left + places[count] + 5, bottom - height * row[name][which] / most) for count, row in found.items()]
            line = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
            parts.append(f'<polyline points="{line}" fill="none" stroke="{COLOURS[name]}" stroke-width="2"/>')
            parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{COLOURS[name]}"/>' for x, y in points]
    for at, (name, label) in enumerate(CONTENDERS.items()):
        x = 60 + at * 270
        parts.append(f'<rect x="{x}" y="340" width="14" height="4" fill="{COLOURS[name]}"/>')
        parts.append(f'<text x="{x + 20}" y="347">{label.replace("`", "")}</text>')
    parts.append('<text x="425" y="332" text-anchor="middle">connections</text></svg>')
    path.write_text("\n".join(parts) + "\n")
