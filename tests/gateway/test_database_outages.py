"""The database is away, frozen, killed or full: the gateway starts all the same, says so in time, and heals."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import psutil
import pytest
import servers

sys.path.insert(0, str(Path(__file__).parent))
from books import XLSX, book, rows
from people import login, register

from gateway import dialects
from gateway.settings import Settings

PROBLEM = "application/problem+json"
PATIENCE_S = 60
KINDS = pytest.mark.parametrize("kind", [servers.postgresql, servers.mariadb], ids=["postgresql", "mariadb"])


def refused(answer: httpx.Response, code: str = "database-unavailable") -> None:
    assert (answer.status_code, answer.headers["content-type"]) == (503, PROBLEM), answer.text
    assert answer.json()["type"] == f"urn:forewatt:problem:{code}"
    assert int(answer.headers["retry-after"]) > 0


def until(true) -> None:
    """Waits for something that will be so in a while."""
    end = time.monotonic() + PATIENCE_S
    while not true():
        assert time.monotonic() < end
        time.sleep(0.1)


def well(client: httpx.Client) -> bool:
    return client.get("/readyz").status_code == 200


@KINDS
def test_a_gateway_that_starts_before_its_database_says_so_and_heals(run_gateway, inference, tmp_path, kind):
    password = "correct horse battery"  # noqa: S105
    with kind() as server, server.database() as url:
        server.stop()
        knobs = {"data": tmp_path, "inference_url": inference.url, "database_url": url, "admin_password": password}
        knobs["anonymous"] = True  # the key of the machine comes with the database
        with run_gateway(Settings(**knobs), key=False) as client:
            assert client.get("/livez").status_code == 200
            missing = client.get("/readyz")
            assert [fault["message"] for fault in missing.json()["errors"]] == ["The database does not answer."]
            for answer in (login(client, "admin", password), client.get("/api/data/fetchData")):
                refused(answer)
            assert client.post("/v2/models/load/infer", content=b"{}").status_code == 200
            server.start()
            until(lambda: well(client))
            assert login(client, "admin", password).status_code == 200


@contextlib.contextmanager
def frozen(server):
    """All of its processes stand still: its ports are open and nobody is there."""
    parent = psutil.Process(server.process.pid)
    stopped = [parent, *parent.children(recursive=True)]
    for process in stopped:
        process.suspend()
    try:
        yield
    finally:
        for process in stopped:
            process.resume()


@KINDS
def test_a_server_that_froze_or_was_killed_is_503_in_time_for_all_and_comes_back(
    run_gateway, inference, tmp_path, kind, monkeypatch
):
    monkeypatch.setattr(dialects, "CONNECT_S", 1)
    monkeypatch.setattr(dialects, "SILENCE_S", 1)
    monkeypatch.setitem(dialects.HURRY, "mysql", {"read_timeout": 1, "write_timeout": 1})
    with kind() as server, server.database() as url:
        knobs = {"data": tmp_path, "inference_url": inference.url, "database_url": url}
        with run_gateway(Settings(**knobs)) as client, ThreadPoolExecutor(40) as many:

            def ask(_: int) -> httpx.Response:  # a pool of many threads closes connections under each other's hands
                like = {"base_url": client.base_url, "event_hooks": client.event_hooks, "trust_env": False}
                with httpx.Client(**like, verify=False) as own:  # noqa: S501 - there is no TLS
                    return own.get("/api/data/fetchData", timeout=PATIENCE_S)

            def all_ask() -> list[httpx.Response]:
                return list(many.map(ask, range(80)))

            assert {answer.status_code for answer in all_ask()} == {200}
            with frozen(server):
                for answer in all_ask():
                    refused(answer)
                assert client.get("/livez").status_code == 200
                assert client.get("/readyz").status_code == 503
            until(lambda: {answer.status_code for answer in all_ask()} == {200})  # all at once may outlast its silence
            children = psutil.Process(server.process.pid).children(recursive=True)
            server.stop(signal.SIGKILL)
            psutil.wait_procs(children, PATIENCE_S)
            for answer in all_ask():
                refused(answer)
            server.start()
            until(lambda: well(client))
            assert register(client, "survivor").status_code == 201


@contextlib.contextmanager
def mounted(folder: Path, options: str):
    """A file system of its own, in memory."""
    command = ["mount", "-t", "tmpfs", "-o", options, "none", folder]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)  # noqa: S603
    if done.returncode:
        pytest.skip(f"no file system can be mounted here, as root may: {done.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", folder], timeout=30, check=True)  # noqa: S603, S607


def fill(folder: Path) -> Path:
    """A file that takes all the room that there is."""
    path = folder / "filler"
    with path.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(b"x" * 4096)
    return path


def test_on_a_full_disk_what_is_there_is_read_and_nothing_is_stored_by_halves(run_gateway, inference, tmp_path):
    def bring(client, content):
        return client.post("/api/data/import", files={"file": ("x.xlsx", content, XLSX)})

    def asked(client):
        (folder / "uploads" / "x.csv").write_text(
            "".join(["date,load\n", *(f"2024-01-{d:02},5\n" for d in range(1, 32))])
        )
        return client.post("/api/predict", json={"new_data_path": "/uploads/x.csv"})

    with mounted(tmp_path, "size=4m,mode=0700") as folder:
        with run_gateway(Settings(data=folder, inference_url=inference.url)) as client:
            assert bring(client, book(rows(20))).status_code == 200
            assert asked(client).status_code == 200
            before = len(list((folder / "results").iterdir()))
            filler = fill(folder)
            refused(bring(client, book(rows(3000))), "storage-full")
            assert client.get("/api/data/fetchData").json()["total"] == 20
            refused(client.post("/api/predict", json={"new_data_path": "/uploads/x.csv"}), "storage-full")
            assert len(list((folder / "results").iterdir())) == before
            assert well(client)
            filler.unlink()
            assert bring(client, book(rows(3000))).json()["imported"] == 2980
            with mounted(folder / "results", "ro"):
                refused(client.post("/api/predict", json={"new_data_path": "/uploads/x.csv"}), "storage-read-only")
            assert asked(client).status_code == 200
        assert not os.path.ismount(folder / "results")
