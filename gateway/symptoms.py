"""What can be wrong with a machine and with what the gateway relies on; each look is one line with what to do."""

from __future__ import annotations

import os
import shutil
import socket
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

import httpx
import psutil
import redis
from sqlalchemy import URL, Connection, make_url, text
from sqlalchemy.exc import SQLAlchemyError

from gateway import configuration, dialects, migrations
from gateway.settings import Settings

GIBIBYTE = 1024**3
PATIENCE_S = 3.0
LEAST_ROOM, LITTLE_ROOM = 0.1, 1.0  # GiB
LEAST_MEMORY = 1.0  # GiB, for both servers and a fit
SKEW_S, BROKEN_S = 2.0, 10.0  # leases of tasks are of twenty seconds
CGROUP = Path("/sys/fs/cgroup/memory.max")
OLDEST = datetime(2026, 1, 1, tzinfo=UTC)  # this program is not older

State = Literal["ok", "warn", "fail"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One line: what was looked at, how it is, and what to do where it is not well."""

    subject: str
    state: State
    says: str
    remedy: str | None = None


def machine() -> Iterator[Finding]:
    """What this computer is, and how it is set up for models."""
    found = ".".join(map(str, sys.version_info[:3]))
    old = sys.version_info < (3, 11)
    yield Finding("python", "fail" if old else "ok", found, "Install Python 3.11 or later." if old else None)
    cores = len(os.sched_getaffinity(0))
    few = "A second core keeps answers quick while a model is fitted." if cores < 2 else None
    yield Finding("cores", "warn" if few else "ok", f"{cores}", few)
    memory = _memory_gib()
    little = "Give it more, or no model can be fitted beside the servers." if memory < LEAST_MEMORY else None
    yield Finding("memory", "warn" if little else "ok", f"{memory:.1f} GiB", little)
    yield _threads()
    has = find_spec("sklearn") is not None and find_spec("training") is not None
    yield Finding(
        "training",
        "ok" if has else "warn",
        "models can be fitted here" if has else "models cannot be fitted here",
        None if has else "pip install 'forewatt[train]', or run a worker where it is; else the released model answers.",
    )


def folder(settings: Settings) -> Iterator[Finding]:
    """The data folder and the room on its disk."""
    wrong = configuration.refusals(settings)
    for why in wrong:
        name, _, rest = why.partition(": ")
        yield Finding("settings", "fail", name, rest)
    if not wrong:
        yield Finding("settings", "ok", f"profile {settings.profile}, data in {settings.data}")
    place = next(path for path in (settings.data, *settings.data.absolute().parents) if path.exists())
    room = shutil.disk_usage(place).free / GIBIBYTE
    state: State = "fail" if room < LEAST_ROOM else "warn" if room < LITTLE_ROOM else "ok"
    yield Finding("disk", state, f"{room:.1f} GiB free at {place}", None if state == "ok" else "Make room.")


def servers(settings: Settings) -> Iterator[Finding]:
    """Whether the gateway runs, or its port is free; and whether the inference server has its model."""
    host = "127.0.0.1" if settings.host in {"0.0.0.0", "::"} else settings.host  # noqa: S104 - as it was set
    runs = _asked(f"http://{host}:{settings.port}/livez") is not None
    holder = None if runs else _holder(settings.port)
    yield Finding(
        "gateway",
        "fail" if holder else "ok",
        f"answers on port {settings.port}" if runs else holder or f"does not run; port {settings.port} is free",
        f"End it, or set FOREWATT_PORT to another than {settings.port}." if holder else None,
    )
    url = str(settings.inference_url).rstrip("/")
    ready, model = _asked(f"{url}/readyz"), _asked(f"{url}/v2/models/load")
    if ready is not None and model is not None:
        yield Finding("inference server", "ok", f"{url} answers with load {', '.join(model.get('versions', []))}")
        return
    remedy = "Start it (make up starts both), or set FOREWATT_INFERENCE_URL to where it is."
    yield Finding("inference server", "fail" if runs else "warn", f"{url} is not ready", remedy)


def database(settings: Settings) -> Iterator[Finding]:
    """Whether it answers, has our tables, and has the same clock."""
    url = dialects.read_url(settings.database)
    if url.get_backend_name() == "sqlite" and not Path(str(url.database)).exists():
        yield Finding("database", "ok", f"{url.database} is made at the first start")
        return
    engine = dialects.engine(settings.database, 1)
    try:
        with engine.connect() as connection:
            yield from _tables(connection)
    except SQLAlchemyError as wrong:
        said = str(getattr(wrong, "orig", None) or wrong).strip().splitlines()[0]
        remedy = "Start it, and compare FOREWATT_DATABASE_URL with what it says; docs/databases.md has the URLs."
        yield Finding("database", "fail", f"{_shown(url)} does not answer: {said}", remedy)
    finally:
        engine.dispose()


def broker() -> Iterator[Finding]:
    """Where tasks are sent, if they are sent."""
    url = os.environ.get("CELERY_BROKER_URL")
    if not url:
        yield Finding("broker", "ok", "none is set; the gateway starts a worker beside it")
        return
    shown = make_url(url).render_as_string(hide_password=True) if "://" in url else "CELERY_BROKER_URL"
    try:
        with redis.Redis.from_url(url, socket_timeout=PATIENCE_S, socket_connect_timeout=PATIENCE_S) as asked:
            asked.ping()
        yield Finding("broker", "ok", f"{shown} answers")
    except (redis.RedisError, ValueError) as wrong:
        remedy = "Start it, or correct CELERY_BROKER_URL; tasks wait in the database until it answers."
        yield Finding("broker", "fail", f"{shown} does not answer: {wrong}", remedy)


def clock() -> Iterator[Finding]:
    """Whether the time is one that can be."""
    now = datetime.now(UTC)
    wrong = None if now > OLDEST else "Set the clock, and keep it by NTP; tokens and leases end by it."
    yield Finding("clock", "fail" if wrong else "ok", f"{now:%Y-%m-%d %H:%M:%S} UTC", wrong)


def _memory_gib() -> float:
    whole = psutil.virtual_memory().total
    with suppress(OSError, ValueError):
        whole = min(whole, int(CGROUP.read_text()))
    return float(whole / GIBIBYTE)


def _threads() -> Finding:
    threads = os.environ.get("OMP_NUM_THREADS")
    if threads == "1":
        return Finding("threads", "ok", "OMP_NUM_THREADS is 1")
    remedy = "Set OMP_NUM_THREADS=1, as make does: otherwise models that are fitted take each other's cores."
    return Finding("threads", "warn", f"OMP_NUM_THREADS is {threads or 'not set'}", remedy)


def _asked(url: str) -> dict[str, list[str]] | None:
    """The answer of a server that is well."""
    try:
        answer = httpx.get(url, timeout=PATIENCE_S, trust_env=False).raise_for_status()
        found = answer.json() if answer.content else {}
        return found if isinstance(found, dict) else {}
    except (httpx.HTTPError, ValueError):
        return None


def _holder(port: int) -> str | None:
    """Who listens on this port, as far as we may know."""
    with socket.socket() as free:
        free.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        with suppress(OSError):
            free.bind(("127.0.0.1", port))
            return None
    with suppress(psutil.Error):
        for line in psutil.net_connections("tcp"):
            if line.status == psutil.CONN_LISTEN and line.laddr.port == port and line.pid:
                return f"port {port} is held by {psutil.Process(line.pid).name()}, process {line.pid}"
    return f"port {port} is held by another program"


def _tables(connection: Connection) -> Iterator[Finding]:
    where = _shown(connection.engine.url)
    try:
        found, newest = migrations.revision(connection), migrations.newest()
    except migrations.TablesError as wrong:
        yield Finding("database", "fail", where, str(wrong))
        return
    behind = None if found == newest else f"The gateway's next start brings its tables to {newest}."
    said = f"{where} answers with revision {found or 'none'}"
    yield Finding("database", "warn" if behind else "ok", said, behind)
    if not _is_file(connection.engine.url):
        yield _same_clock(connection)


def _same_clock(connection: Connection) -> Finding:
    utc = "UTC_TIMESTAMP(6)" if connection.dialect.name == "mysql" else "CURRENT_TIMESTAMP AT TIME ZONE 'UTC'"
    theirs: datetime = connection.execute(text(f"SELECT {utc}")).scalar_one()
    apart = abs(datetime.now(UTC) - theirs.replace(tzinfo=UTC)) / timedelta(seconds=1)
    state: State = "fail" if apart > BROKEN_S else "warn" if apart > SKEW_S else "ok"
    remedy = None if state == "ok" else "Keep both by NTP; who works on a task loses it where clocks differ."
    return Finding("clock of the database", state, f"{apart:.1f} s apart", remedy)


def _is_file(url: URL) -> bool:
    return url.get_backend_name() == "sqlite"


def _shown(url: URL) -> str:
    return str(url.database) if _is_file(url) else f"{url.get_backend_name()} at {url.host}"
