"""The doctor says what is wrong with a machine and what to do; it changes nothing."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from processes import environment
from servers import free_port

from gateway import doctor, store
from gateway.settings import Settings


@pytest.fixture
def examined(monkeypatch, capsys):
    """Looks with these settings; gives the status, the findings by what was looked at, and all that was said."""

    def look(omp="1", broker=None, **knobs) -> tuple[int, dict[str, dict], str]:
        for name in [name for name in os.environ if name.startswith(("FOREWATT_", "CELERY_"))]:
            monkeypatch.delenv(name)
        monkeypatch.setenv("OMP_NUM_THREADS", omp)
        for name, value in {f"FOREWATT_{k}": v for k, v in knobs.items()}.items():
            monkeypatch.setenv(name, str(value))
        if broker:
            monkeypatch.setenv("CELERY_BROKER_URL", broker)
        status = doctor.main(["--json"])
        said = capsys.readouterr().out
        return status, {finding["subject"]: finding for finding in json.loads(said)}, said

    return look


def test_as_a_command_it_says_a_line_for_each_thing_and_its_status(tmp_path):
    env = environment(DATA=tmp_path / "data", PORT=free_port(), INFERENCE_URL=f"http://127.0.0.1:{free_port()}")
    command = [sys.executable, "-m", "gateway.doctor"]
    said = subprocess.run(command, env=env, capture_output=True, text=True, timeout=60, check=False)  # noqa: S603
    assert (said.returncode, said.stderr) == (0, "")
    lines = said.stdout.splitlines()
    assert all(line.startswith(("ok    ", "warn  ")) for line in lines)
    assert any(line.startswith("warn  inference server: ") and "make up" in line for line in lines)


def test_a_machine_that_is_well_has_a_line_for_each_thing_and_nothing_is_made(examined, inference, tmp_path):
    data = tmp_path / "data"
    status, found, _ = examined(DATA=data, PORT=free_port(), INFERENCE_URL=inference.url)
    assert status == 0
    assert {name for name, finding in found.items() if finding["state"] == "fail"} == set()
    assert {"python", "cores", "memory", "disk", "clock", "threads", "training", "settings", "gateway"} <= found.keys()
    assert {"inference server", "database", "broker"} <= found.keys()
    assert not data.exists()


def test_each_thing_that_is_wrong_fails_with_what_to_do_and_no_password(examined, tmp_path):
    (tmp_path / "data").mkdir(mode=0o755)
    knobs = {"DATABASE_URL": f"postgres://me:hush-db@127.0.0.1:{free_port()}/x", "DATA": tmp_path / "data"}
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        status, found, said = examined(
            **knobs, PORT=port, omp="8", broker=f"redis://:hush-mq@127.0.0.1:{free_port()}/0"
        )
    assert status == 1
    wrong = {name: finding["state"] for name, finding in found.items() if finding["state"] != "ok"}
    expected = {"settings": "fail", "gateway": "fail", "database": "fail", "broker": "fail", "threads": "warn"}
    assert wrong.items() >= expected.items()
    assert all(found[name]["remedy"] for name in wrong)
    assert str(os.getpid()) in found["gateway"]["says"]
    assert "hush" not in said


def test_a_setting_that_cannot_be_read_is_one_finding(examined, tmp_path):
    status, found, _ = examined(DATA=tmp_path, PORT="http")
    assert (status, found["settings"]["says"]) == (1, "FOREWATT_PORT")


def test_a_running_gateway_and_its_inference_server_are_known(examined, run_gateway, inference, tmp_path):
    with run_gateway(Settings(data=tmp_path, inference_url=inference.url)) as client:
        knobs = {"DATA": tmp_path, "PORT": client.base_url.port, "INFERENCE_URL": inference.url}
        status, found, _ = examined(**knobs)
        assert status == 0
        assert f"answers on port {client.base_url.port}" in found["gateway"]["says"]
        assert found["inference server"]["state"] == "ok"
        inference.ready = False
        status, found, _ = examined(**knobs)
        assert (status, found["inference server"]["state"]) == (1, "fail")


@pytest.mark.parametrize("empty", ["postgresql", "mariadb"], indirect=True)
def test_a_database_is_reached_and_its_tables_and_clock_are_compared(examined, empty, tmp_path):
    knobs = {"DATA": tmp_path, "PORT": free_port(), "DATABASE_URL": empty.url.render_as_string(hide_password=False)}
    _, found, _ = examined(**knobs)
    assert (found["database"]["state"], "revision none" in found["database"]["says"]) == ("warn", True)
    store.migrate(empty)
    _, found, _ = examined(**knobs)
    assert (found["database"]["state"], found["clock of the database"]["state"]) == ("ok", "ok")
