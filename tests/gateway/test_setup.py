"""The first admin is made once, by a token that is shown on a terminal and stands in no log and no database."""

import io
import json
import os
import pty
import re
import shlex
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy.orm import Session

sys.path.insert(0, str(Path(__file__).parent))
from people import bearer, login, register
from processes import ROOT, a_process, environment

from gateway import setup, store
from gateway.settings import Settings
from gateway.tables import SetupToken

WORD = "correct horse battery"


@pytest.fixture
def settings(upstream, tmp_path):
    return Settings(data=tmp_path, inference_url=upstream.url)


@pytest.fixture
def people(run_gateway, settings):
    """A gateway without an admin."""
    with run_gateway(settings, key=False) as client:
        yield client


@pytest.fixture
def database(settings, people):
    engine = store.connect(settings.database)
    yield engine
    engine.dispose()


def shown(settings, database):
    """The token that somebody at a terminal reads."""
    terminal = io.StringIO()
    assert setup.show(settings, database, terminal) == ("token" in terminal.getvalue())
    found = re.search(r'"token": "([\w-]{43})"', terminal.getvalue())
    return found and found[1]


def make(people, token, **fields):
    return people.post("/api/auth/setup", json={"token": token, "password": WORD, **fields})


def test_the_token_makes_one_admin_who_logs_in(people, settings, database):
    token = shown(settings, database)
    made = make(people, token)
    assert (made.status_code, made.json()["username"]) == (201, "admin")
    headers = bearer(login(people, "admin", WORD).json()["token"])
    assert people.get("/api/v1/me", headers=headers).json()["role"] == "admin"
    again = make(people, token, username="second")
    assert (again.status_code, again.json()["type"]) == (403, "urn:forewatt:problem:setup-refused")
    assert shown(settings, database) is None


def test_a_token_of_an_earlier_start_is_good_until_one_is_used(people, settings, database):
    first, second = shown(settings, database), shown(settings, database)
    assert make(people, first, username="chief").status_code == 201
    assert make(people, second).status_code == 403


def test_of_many_who_show_tokens_at_once_one_makes_the_admin(people, settings, database):
    offered = [shown(settings, database) for _ in range(4)]
    with ThreadPoolExecutor(4) as many:
        answers = list(many.map(lambda n: make(people, offered[n], username=f"admin{n}").status_code, range(4)))
    assert sorted(answers) == [201, 403, 403, 403]


@pytest.mark.parametrize("wrong", ["", "x" * 43, "x" * 256])
def test_a_token_that_was_not_shown_is_403(people, settings, database, wrong):
    shown(settings, database)
    assert make(people, wrong).status_code == 403


def test_a_token_ends_after_a_day(people, settings, database):
    token = shown(settings, database)
    with Session(database) as session, session.begin():
        (kept,) = session.query(SetupToken).all()
        assert timedelta(hours=23) < kept.expires_at - datetime.now(UTC) <= timedelta(days=1)
        kept.expires_at = datetime.now(UTC)
    assert make(people, token).status_code == 403


def test_a_name_that_is_taken_costs_no_token(people, settings, database):
    register(people, "ada")
    token = shown(settings, database)
    assert make(people, token, username="ADA").status_code == 409
    assert make(people, token, username="grace").status_code == 201


def test_what_cannot_be_an_admin_is_422_and_costs_no_token(people, settings, database):
    token = shown(settings, database)
    assert make(people, token, password="12345").status_code == 422  # noqa: S106
    assert make(people, token, username="two words").status_code == 422
    assert make(people, token, role="x").status_code == 422
    assert make(people, token).status_code == 201


def test_only_its_hash_is_kept(people, settings, database, tmp_path):
    token = shown(settings, database)
    assert all(token.encode() not in path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())


def test_an_admin_from_the_environment_needs_no_token(run_gateway, upstream, tmp_path):
    settings = Settings(data=tmp_path, inference_url=upstream.url, admin_password=WORD)
    with run_gateway(settings):
        database = store.connect(settings.database)
        assert shown(settings, database) is None
        database.dispose()


def test_a_terminal_is_shown_a_command_that_makes_the_admin(tmp_path, inference):
    env = environment(DATA=tmp_path, INFERENCE_URL=inference.url, PORT=0)
    ours, theirs = pty.openpty()
    with a_process(env, stderr=theirs) as running, os.fdopen(ours, "rb", 0) as terminal:
        os.close(theirs)
        said = ""
        while "running on" not in said:
            said += terminal.read(4096).decode()
        address = re.search(r"http://127\.0\.0\.1:[1-9]\d*", said)[0]
        command = said[said.index("curl") : said.index("}'") + 2].replace("http://127.0.0.1:0", address)
        asked = shlex.split(command.replace("\\\r\n", " ").replace('"…"', f'"{WORD}"'))
        answer = subprocess.run(asked, capture_output=True, timeout=30, check=True)  # noqa: S603
        running.terminate()
    assert json.loads(answer.stdout)["username"] == "admin"
    token = json.loads(asked[-1])["token"]
    assert all(token not in line for line in said.splitlines() if line.startswith('{"timestamp"'))


def test_a_log_is_shown_no_token_and_names_the_command_that_shows_one(tmp_path, inference):
    env = environment(DATA=tmp_path, INFERENCE_URL=inference.url, PORT=0)
    with a_process(env, stderr=subprocess.PIPE, text=True) as running:
        lines = []
        for line in iter(running.stderr.readline, ""):
            lines.append(json.loads(line)["message"])
            if "running on" in line:
                break
        running.terminate()
        running.stderr.read()
    assert any("python -m gateway.setup" in line for line in lines)
    assert "token" not in str(lines)
    command = [sys.executable, "-m", "gateway.setup"]
    told = subprocess.run(command, env=env, cwd=ROOT, capture_output=True, text=True, timeout=30, check=True)  # noqa: S603
    assert re.search(r'"token": "[\w-]{43}"', told.stdout)
    assert told.stderr == ""


def test_the_command_says_what_is_wrong(tmp_path):
    def run(**knobs):
        command = [sys.executable, "-m", "gateway.setup"]
        env = environment(DATA=tmp_path, **knobs)
        return subprocess.run(command, env=env, cwd=ROOT, capture_output=True, text=True, timeout=30, check=False)  # noqa: S603

    wrong = run(PORT="http")
    assert (wrong.returncode, wrong.stdout) == (2, "")
    assert wrong.stderr.startswith("FOREWATT_PORT: ")
