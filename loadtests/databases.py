"""PostgreSQL and MariaDB as processes of their own: free ports of this host, folders of their own, no rights."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict
from uuid import uuid4

from sqlalchemy import create_engine, text

from loadtests.servers import StartError, free_port

PLACES = os.pathsep.join(
    [os.environ["PATH"], "/usr/sbin", *sorted(map(str, Path("/usr/lib/postgresql").glob("*/bin")), reverse=True)]
)
PATIENCE_S = 60


class MissingError(Exception):
    """A server is not installed; the text says how to get it."""


class Rights(TypedDict, total=False):
    """As whom a process runs, where not as ourselves."""

    user: int
    group: int
    extra_groups: list[int]


def program(name: str, package: str) -> str:
    """Where it is. Raises ``MissingError``."""
    found = shutil.which(name, path=PLACES)
    if found is None:
        raise MissingError(f"{package} is not installed: apt-get install {package}")
    return found


def unprivileged() -> Rights:
    """How a process is started with no rights; both servers refuse to run as root."""
    if os.geteuid() != 0:
        return {}
    nobody = pwd.getpwnam("nobody")
    return {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}


@dataclass
class Server:
    """A server that runs; ``at`` is the URL of its administrator with the name of the database left open."""

    at: str
    command: list[str]
    folder: Path
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Starts it, or starts it again, and waits until it answers."""
        env = {"PATH": os.environ["PATH"], "LC_ALL": "C", "TZ": "UTC"}
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(  # noqa: S603
                self.command, stdout=log, stderr=log, env=env, cwd=self.folder, **unprivileged()
            )
        end = time.monotonic() + PATIENCE_S
        while not self.answers():
            said = (self.folder / "log").read_text(errors="replace")
            if self.process.poll() is not None or time.monotonic() > end:
                raise StartError(said)
            time.sleep(0.1)

    def stop(self, how: int = signal.SIGTERM) -> None:
        """Stops it and waits for its end; a frozen one too."""
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
            self.process.send_signal(how)
            try:
                self.process.wait(PATIENCE_S)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()

    def answers(self) -> bool:
        """Whether it can be asked."""
        try:
            self.does("SELECT 1")
        except Exception:  # whatever it says, it is not there yet
            return False
        return True

    def does(self, *statements: str, within: str | None = None) -> None:
        """As its administrator, in one database or in none of ours."""
        engine = create_engine(self.at.format(within or self.home), isolation_level="AUTOCOMMIT")
        try:
            with engine.connect() as connection:
                for statement in statements:
                    connection.execute(text(statement))
        finally:
            engine.dispose()

    @property
    def home(self) -> str:
        """A database that is always there."""
        return "postgres" if self.at.startswith("postgresql") else "mysql"

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self.at.rpartition(":")[2].partition("/")[0])

    @contextmanager
    def database(self, template: str | None = None) -> Iterator[str]:
        """A new database and a user who may do all in it and nothing elsewhere; gives the URL as people write it."""
        name = f"t{uuid4().hex[:12]}"
        if self.home == "postgres":
            self.does(f"CREATE DATABASE {name} OWNER tester" + (f" TEMPLATE {template}" if template else ""))
        else:
            self.does(f"CREATE DATABASE {name}", f"GRANT ALL ON {name}.* TO tester@'%'")
        family = "postgres" if self.home == "postgres" else "mariadb"
        yield f"{family}://tester:p%40ss@127.0.0.1:{self.port}/{name}"
        force = " WITH (FORCE)" if self.home == "postgres" else ""
        self.does(f"DROP DATABASE {name}{force}")


@contextmanager
def folder() -> Iterator[Path]:
    """A folder of the one who may do nothing, in memory where there is such a place."""
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # noqa: S108
    made = Path(tempfile.mkdtemp(prefix="forewatt-", dir=memory))
    if rights := unprivileged():
        os.chown(made, rights["user"], rights["group"])
    try:
        yield made
    finally:
        shutil.rmtree(made, ignore_errors=True)


@contextmanager
def postgresql() -> Iterator[Server]:
    """PostgreSQL as it comes, but for what would only make it slower here."""
    initdb, postgres = (program(name, "postgresql") for name in ("initdb", "postgres"))
    with folder() as place:
        command = [initdb, "-D", place / "data", "-U", "admin", "--auth=trust", "-E", "UTF8", "--locale=C", "-N"]
        _run(command, place)
        hosts = "host all admin 127.0.0.1/32 trust\nhost all all 127.0.0.1/32 scram-sha-256\n"
        (place / "data" / "pg_hba.conf").write_text(hosts)
        port = free_port()
        command = [postgres, "-D", place / "data", "-p", str(port), "-k", place, "-h", "127.0.0.1", "-F"]
        server = Server(f"postgresql+psycopg://admin@127.0.0.1:{port}/{{}}", [*map(str, command)], place)
        yield from _running(server, "CREATE ROLE tester LOGIN PASSWORD 'p@ss'")


@contextmanager
def mariadb(*options: str) -> Iterator[Server]:
    """MariaDB as it comes, but for what would only make it slower here; its own choice of letters is Latin. Or a MySQL,
    whose ``mysqld`` is named by the environment's ``FOREWATT_MYSQLD``.
    """
    with folder() as place:
        data, port = f"--datadir={place / 'data'}", free_port()
        command = [*_installed(data, place), "--character-set-server=latin1"]
        command += [data, f"--socket={place / 's'}", f"--port={port}", "--bind-address=127.0.0.1"]
        command += ["--innodb-flush-log-at-trx-commit=0", "--innodb-buffer-pool-size=64M"]
        server = Server(f"mysql+pymysql://root@127.0.0.1:{port}/{{}}?charset=utf8mb4", [*command, *options], place)
        yield from _running(server, "CREATE USER tester@'%' IDENTIFIED BY 'p@ss'")


def _installed(data: str, place: Path) -> list[str]:
    """How the server is started on the folder that its installation has made."""
    if mysqld := os.environ.get("FOREWATT_MYSQLD"):
        alone = ["--secure-file-priv=NULL", "--skip-log-bin", "--loose-skip-mysqlx"]  # 8 logs, and listens twice
        command = [mysqld, "--no-defaults", f"--basedir={Path(mysqld).parents[1]}", *alone]
        _run([*command, "--initialize-insecure", data], place)
        return command
    install, mariadbd = program("mariadb-install-db", "mariadb-server"), program("mariadbd", "mariadb-server")
    _run([install, "--no-defaults", "--auth-root-authentication-method=normal", "--skip-test-db", data], place)
    return [mariadbd, "--no-defaults", "--skip-name-resolve"]


def _run(command: Sequence[object], place: Path) -> None:
    done = subprocess.run(  # noqa: S603
        [*map(str, command)],
        cwd=place,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
        **unprivileged(),
    )
    if done.returncode:
        raise StartError(done.stdout + done.stderr)


def _running(server: Server, *first: str) -> Iterator[Server]:
    try:
        server.start()
        server.does(*first)
        yield server
    finally:
        server.stop()
