"""A project to be measured, somebody who writes to its database, and what was measured, for bench/snapshots."""

import json
import os
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path

from databases import PASSWORD, fill

ROOT = Path(__file__).resolve().parent.parent
BACKLOT = ROOT / "target/release/backlot"
PROGRAMS = Path("/usr/lib/postgresql/15/bin")
COMPOSE = """\
services:
  db: {image: postgres, environment: {POSTGRES_PASSWORD: %s}%s}
"""
DURABLE = ", volumes: ['data:/var/lib/postgresql/data']"

# Inserts row after row over one connection until its input ends, and tells how long the longest wait for an answer was.
WRITER = """
import select, sys, time, psycopg2
connection = psycopg2.connect(sys.argv[1])
connection.autocommit = True
cursor = connection.cursor()
cursor.execute("CREATE TABLE IF NOT EXISTS written (n serial PRIMARY KEY, at timestamptz DEFAULT now())")
cursor.execute("SELECT pg_backend_pid()")
process = cursor.fetchone()
longest = rows = 0
last = time.perf_counter()
while not select.select([sys.stdin], [], [], 0)[0]:
    cursor.execute("INSERT INTO written DEFAULT VALUES")
    now = time.perf_counter()
    # The first ones find caches cold.
    if rows == 100:
        print("begun", flush=True)
    elif rows > 100:
        longest = max(longest, now - last)
    last, rows = now, rows + 1
cursor.execute("SELECT pg_backend_pid()")
assert cursor.fetchone() == process
print(longest, rows)
"""


class Stage:
    """A project with a database that is thrown away, one with a volume, and a home of its own, on the disk of `directory`."""

    def __init__(self, directory, sizes):
        self.directory = Path(directory)
        self.project, self.durable = self.directory / "project", self.directory / "durable"
        for project, volume in ((self.project, ""), (self.durable, DURABLE)):
            (project / "scenarios").mkdir(parents=True)
            (project / "compose.yaml").write_text(COMPOSE % (PASSWORD, volume) + ("volumes: {data: }\n" if volume else ""))
        for mib in sizes:
            (self.project / f"scenarios/mb{mib}.sql").write_text(fill(mib))
        self.home = self.directory / "home"
        self.env = {**os.environ, "BACKLOT_HOME": str(self.home), "BACKLOT_DOOR": "off"}

    def backlot(self, *arguments, project=None, major=None):
        env = {**self.env, "BACKLOT_POSTGRES": major} if major else self.env
        start = time.perf_counter()
        done = subprocess.run([BACKLOT, *arguments], cwd=project or self.project, env=env, check=False, capture_output=True, text=True)
        took = time.perf_counter() - start
        if done.returncode:
            sys.exit(f"backlot {' '.join(arguments)} failed:\n{done.stdout}{done.stderr}")
        return took, done.stdout

    def settle(self):
        """Waits until nothing is done in the background."""
        mark, limit = str(self.home).encode(), time.monotonic() + 120
        while time.monotonic() < limit:
            if not any(b"__stock" in line and mark in line for line in command_lines()):
                return
            time.sleep(0.01)
        sys.exit("the background does not come to its end")

    def drop_spares(self):
        self.settle()
        for spare in self.home.glob("templates/*/spares/ready-*"):
            shutil.rmtree(spare)

    def ask(self, url, *statements):
        words = [word for statement in statements for word in ("-c", statement)]
        done = subprocess.run([PROGRAMS / "psql", "-XAtq", "-v", "ON_ERROR_STOP=1", *words, url], check=True, capture_output=True, text=True)
        return done.stdout.strip()

    def url(self, scenario):
        return self.backlot("scenario", "url", scenario)[1].strip()

    def data(self, scenario):
        return next(self.home.glob(f"projects/project-*/scenario_{scenario}/live/data"))


def command_lines():
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                yield (entry / "cmdline").read_bytes()
            except OSError:
                pass


def timed(act):
    start = time.perf_counter()
    act()
    return time.perf_counter() - start


class Writer:
    """Somebody who inserts rows all the time, over one connection."""

    def __init__(self, python, url):
        self.program = subprocess.Popen([python, "-c", WRITER, url], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        if self.program.stdout.readline() != "begun\n":
            sys.exit("nobody can write")

    def end(self):
        """The longest that it was held up, in seconds; an error if its connection has ended."""
        out, _ = self.program.communicate("end\n")
        if self.program.returncode:
            sys.exit("a connection was lost")
        return float(out.split()[0])


class Table:
    """Seconds by what took them."""

    def __init__(self):
        self.rows = {}

    def add(self, name, seconds):
        self.rows.setdefault(name, []).append(seconds * 1000)

    def median(self, name):
        return statistics.median(self.rows[name])

    def lines(self, asked, beside):
        """`asked` has what is asked for of some rows, `beside` the row that all are compared with."""
        lines = ["| what | min ms | median ms | max ms | runs | ratio | asked for |", "|---|---|---|---|---|---|---|"]
        for name, ms in self.rows.items():
            ratio = f"{self.median(name) / self.median(beside):.2f} ×" if beside in self.rows else ""
            lines.append(f"| {name} | {min(ms):.0f} | {self.median(name):.0f} | {max(ms):.0f} | {len(ms)} | {ratio} | {asked.get(name, '')} |")
        return lines


def changed_files(stage, scenario):
    """What of a scenario's data is not as in the template that it goes back to."""
    data = stage.data(scenario)
    record = json.loads((data.parent / "record.json").read_text())
    template = stage.home / "templates" / record["snapshot"] / "data"
    files = [file.relative_to(data) for file in data.rglob("*") if file.is_file() and file.name != "postmaster.pid"]
    kept = [file for file in files if (template / file).is_file()]
    same = "cmp -s -- \"$1/$3\" \"$2/$3\""
    return [template / file for file in kept
            if subprocess.run(["sh", "-c", same, "sh", data, template, file], check=False).returncode]


def cp(paths, to, *options):
    """`cp` as it copies by itself: in the kernel, by `copy_file_range`."""
    shutil.rmtree(to, ignore_errors=True)
    to.mkdir()
    return timed(lambda: subprocess.run(["cp", *options, *paths, to], check=True))
