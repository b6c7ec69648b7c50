"""What others have for copying a database and for taking it back, for bench/snapshots."""

import os
import shutil
import socket
import subprocess
import time
from pathlib import Path

# Rows of a table and its key that make a MiB.
ROWS_A_MIB = 7_900
# The large table, and a small one.
FILL = """\
CREATE TABLE item AS SELECT g AS id, 0 AS n, 'item ' || g || repeat('x', 45) AS note FROM generate_series(1, {rows}) g;
ALTER TABLE item ADD PRIMARY KEY (id);
CREATE TABLE visit AS SELECT g AS id, 0 AS n FROM generate_series(1, {few}) g;
"""
# A few percent of the pages, written to the disk's files: of the small table, and all over the large one.
TOUCHES = {
    "small": "UPDATE visit SET n = n + 1; CHECKPOINT",
    "spread": "UPDATE item SET n = n + 1 WHERE id % 2000 = 0; CHECKPOINT",
}
# What a throw-away cluster of Backlot's is set to as well.
SETTINGS = ["fsync=off", "full_page_writes=off", "shared_buffers=64MB", "wal_level=minimal", "max_wal_senders=0"]
PASSWORD = "secret"


def fill(mib):
    return FILL.format(rows=mib * ROWS_A_MIB, few=mib * 300)


def as_postgres():
    """What begins a command that a server may not run as root."""
    return ["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups"] if os.geteuid() == 0 else []


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


class Server:
    """A server of the peers', with the database `source` that they copy, until the end."""

    def __init__(self, programs, clients, directory, settings=()):
        self.programs, self.clients, self.directory = Path(programs), Path(clients), Path(directory)
        self.port = free_port()
        self.directory.mkdir()
        if os.geteuid() == 0:
            shutil.chown(self.directory, "postgres", "postgres")
        quiet = {"check": True, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "cwd": self.directory}
        data = self.directory / "data"
        subprocess.run([*as_postgres(), self.programs / "initdb", "-N", "-A", "trust", "-U", "postgres", "--locale=C.UTF-8",
                        "-D", data], **quiet)
        words = [word for setting in (*SETTINGS, *settings) for word in ("-c", setting)]
        self.program = subprocess.Popen(
            [*as_postgres(), self.programs / "postgres", "-D", data, "-k", self.directory, "-p", str(self.port), *words],
            cwd=self.directory, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        while subprocess.run(self.psql("postgres", "SELECT 1"), check=False, capture_output=True).returncode:
            time.sleep(0.05)

    def reach(self, database):
        return f"postgresql://postgres@127.0.0.1:{self.port}/{database}"

    def psql(self, database, *statements):
        words = [word for statement in statements for word in ("-c", statement)]
        return [self.clients / "psql", "-XAtq", "-v", "ON_ERROR_STOP=1", *words, self.reach(database)]

    def ask(self, database, *statements):
        subprocess.run(self.psql(database, *statements), check=True, capture_output=True)

    def load(self, mib):
        self.ask("postgres", "DROP DATABASE IF EXISTS source", "CREATE DATABASE source")
        self.ask("source", *fill(mib).splitlines(), "VACUUM ANALYZE", "CHECKPOINT")

    def copy(self, strategy, name="copy"):
        self.ask("postgres", f"CREATE DATABASE {name} TEMPLATE source STRATEGY {strategy}")

    def again(self, strategy):
        """As a reset: the database goes, and is made of the other one once more."""
        self.ask("postgres", "DROP DATABASE copy", f"CREATE DATABASE copy TEMPLATE source STRATEGY {strategy}")

    def dump_and_restore(self):
        self.ask("postgres", "CREATE DATABASE copy")
        dump = subprocess.Popen([self.clients / "pg_dump", "-Fc", "-Z0", self.reach("source")], stdout=subprocess.PIPE)
        subprocess.run([self.clients / "pg_restore", "-d", self.reach("copy")], stdin=dump.stdout, check=True, capture_output=True)
        dump.stdout.close()
        if dump.wait():
            raise RuntimeError("pg_dump failed")

    def drop(self, name="copy"):
        self.ask("postgres", f"DROP DATABASE IF EXISTS {name}")

    def end(self):
        self.program.terminate()
        self.program.wait()


class Dslr:
    """DSLR, from PyPI, in a virtual environment of its own; none where it cannot be had."""

    @classmethod
    def install(cls, directory):
        venv = Path(directory) / "venv"
        try:
            subprocess.run(["python3", "-m", "venv", venv], check=True, capture_output=True)
            subprocess.run([venv / "bin/pip", "install", "-q", "dslr", "psycopg2-binary"], check=True, capture_output=True)
        except (OSError, subprocess.CalledProcessError):
            return None
        return cls(venv)

    def __init__(self, venv):
        self.venv = venv

    def version(self):
        text = subprocess.run([self.venv / "bin/pip", "show", "dslr"], check=True, capture_output=True, text=True).stdout
        return next(line.split()[1] for line in text.splitlines() if line.startswith("Version"))

    def run(self, server, *arguments):
        # It calls `pg_dump` and `psql` by their names.
        env = {"PATH": f"{server.clients}:{self.venv}/bin:/usr/bin:/bin", "LANG": "C.UTF-8", "HOME": str(self.venv)}
        subprocess.run([self.venv / "bin/dslr", "--url", server.reach("copy"), *arguments], env=env, cwd=self.venv, check=True,
                       capture_output=True)


class Disk:
    """A file system in a file, mounted until the end; none where that cannot be had."""

    @classmethod
    def make(cls, kind, directory, mib=8000):
        program = shutil.which(f"mkfs.{kind}")
        if program is None or os.geteuid() != 0:
            return None
        image, place = Path(directory) / f"{kind}.img", Path(directory) / kind
        place.mkdir()
        try:
            subprocess.run(["truncate", "-s", f"{mib}M", image], check=True)
            subprocess.run([program, "-q", image], check=True, capture_output=True)
            subprocess.run(["mount", "-o", "loop", image, place], check=True, capture_output=True)
        except subprocess.CalledProcessError:
            return None
        place.chmod(0o755)
        return cls(image, place)

    def __init__(self, image, place):
        self.image, self.place = image, place

    def end(self):
        subprocess.run(["umount", self.place], check=True)
        self.image.unlink()
