"""`make up` itself: it starts both, says how to ask, and leaves nothing behind when it is stopped."""

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

import psutil
import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture
def make_up(start, free_port):
    """`make up` with a data folder and ports of its own; what is installed counts as up to date."""

    def run(**knobs: object):
        ports = {"FOREWATT_PORT": free_port(), "FOREWATT_INFERENCE_PORT": free_port()} | knobs
        return start.launch(["make", "-o", ".venv/up", "up"], ports["FOREWATT_PORT"], ROOT, ports), ports.values()

    return run


def wait_for(text: str, running) -> str:
    """The log, once the text is in it."""
    end = time.monotonic() + 60
    while text not in (log := running.log.read_text()):
        assert running.process.poll() is None, log
        assert time.monotonic() < end, log
        time.sleep(0.1)
    return log


def alive(process: psutil.Process) -> bool:
    """Not so whoever has ended and is only waited for, which is up to the system once his parent is gone."""
    with contextlib.suppress(psutil.NoSuchProcess):
        return process.status() != psutil.STATUS_ZOMBIE
    return False


def all_gone(family: list[psutil.Process], ports) -> None:
    """Nobody of the family is left, and each port can be taken again."""
    _, left = psutil.wait_procs(family, timeout=30)
    assert not [process for process in left if alive(process)]
    for port in ports:
        socket.create_server(("127.0.0.1", port)).close()


def test_make_up_prints_a_curl_that_answers_and_ctrl_c_stops_all(make_up, type_curl):
    running, ports = make_up()
    log = wait_for("Ctrl-C stops all of it.", running)
    answer = json.loads(type_curl(log[log.index("Forewatt answers.") :]).stdout)
    assert (len(answer["days"]), len(answer["top10"])) == (31, 10)
    assert (running.data / answer["stored_csv"]).is_file()
    assert (running.data.stat().st_mode & 0o777) == 0o700
    assert ((running.data / "local.key").stat().st_mode & 0o777) == 0o600
    assert running.right["X-API-Key"] not in running.log.read_text()
    family = running.family
    os.killpg(running.process.pid, signal.SIGINT)  # as a terminal does
    all_gone(family, ports)
    assert "Traceback" not in running.log.read_text()


def test_ctrl_c_before_anything_is_ready_stops_all_too(make_up):
    running, ports = make_up()
    wait_for("started", running)
    family = running.family
    os.killpg(running.process.pid, signal.SIGINT)
    all_gone(family, ports)
    assert "Forewatt answers." not in running.log.read_text()


def test_a_taken_port_ends_make_up_with_an_error_and_stops_the_other_server(make_up):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        running, (_, inference) = make_up(FOREWATT_PORT=taken.getsockname()[1])
        wait_for("started", running)
        family = running.family
        assert running.process.wait(60) != 0
        all_gone(family, [inference])
    assert "address already in use" in running.log.read_text().lower()


def test_what_make_test_installs_is_enough_for_make_up(tmp_path, start):
    for name in ("Makefile", "pyproject.toml", "constraints.txt"):
        shutil.copy(ROOT / name, tmp_path)
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    for name in ("python", "pip"):  # installing nothing takes no network
        (tmp_path / ".venv" / "bin" / name).symlink_to(shutil.which("true"))
    assert start.run("make", "-q", ".venv/up", cwd=tmp_path).returncode == 1
    assert start.run("make", ".venv/dev", cwd=tmp_path).returncode == 0
    assert start.run("make", "-q", ".venv/up", cwd=tmp_path).returncode == 0


@pytest.mark.parametrize("target", ["test", "train", "simulate", "load", "capacity", "tune", "canaries"])
def test_whichever_command_comes_first_nobody_else_may_enter_the_data(target, tmp_path):
    told = ["make", "--no-print-directory", "-n", "-o", ".venv/dev", target, f"FOREWATT_DATA={tmp_path / 'data'}"]
    said = subprocess.run(told, cwd=ROOT, capture_output=True, text=True, check=True)  # noqa: S603
    assert said.stdout.startswith(f"mkdir -p -m 700 {tmp_path / 'data'}\n")
