"""--check-config says what is set or what is wrong, and the profiles onprem and cloud refuse what is weak."""

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from people import known, login, register
from processes import START, environment

from gateway import configuration, localkey, passwords, profiles
from gateway.settings import Settings

DRAWN = "8f1c0c2b9a7d4e6f5a3b1d0e9c8b7a6f5e4d3c2b1a0f9e8d7c6b5a4f3e2d1c0b"
WORDS = "Kanu-Wolke-Siebzehn-Lampe"
STRICT = {"profile": "onprem", "secret": DRAWN, "anonymous": False}
SERVER = {"database_url": f"postgres://forewatt:{DRAWN[:20]}@db/forewatt"}


def wrong_with(**knobs) -> str:
    return "\n".join(configuration.refusals(Settings(**knobs)))


def checked(**knobs) -> subprocess.CompletedProcess:
    command = [*START, "--check-config"]
    env = environment(**knobs)
    return subprocess.run(command, env=env, capture_output=True, text=True, timeout=60, check=False)  # noqa: S603


def test_a_right_configuration_is_shown_without_its_secrets_and_starts_nothing(tmp_path):
    knobs = {"DATA": tmp_path / "data", "SECRET": DRAWN, "API_KEY": "hush-key", "ADMIN_PASSWORD": "hush-admin"}
    said = checked(**knobs, DATABASE_URL="mariadb://forewatt:hush-db@db:3307/forewatt", PORT=8123)
    assert (said.returncode, said.stderr) == (0, "")
    lines = dict(line.split("=", 1) for line in said.stdout.splitlines() if "=" in line.split(":")[0])
    assert lines["FOREWATT_PORT"] == "8123"
    assert lines["FOREWATT_SECRET"] == lines["FOREWATT_API_KEY"] == configuration.MASK
    assert lines["FOREWATT_DATABASE_URL"] == "mariadb://forewatt:***@db:3307/forewatt"
    assert "hush" not in said.stdout
    assert DRAWN not in said.stdout
    assert not (tmp_path / "data").exists()


def test_each_thing_that_is_wrong_is_a_line_that_names_it(tmp_path):
    said = checked(DATA=tmp_path / "data", PORT="http", DATABASE_URL="oracle://db/x", SECRET_FILE=tmp_path / "none")
    assert said.returncode == 2
    names = {line.partition(":")[0] for line in said.stderr.splitlines()}
    assert names == {"FOREWATT_PORT", "FOREWATT_DATABASE_URL", "FOREWATT_SECRET_FILE"}
    assert "Traceback" not in said.stderr


@pytest.mark.parametrize("mode", [0o755, 0o770, 0o701])
def test_a_data_folder_that_others_may_enter_is_refused_with_what_to_do(tmp_path, mode):
    (tmp_path / "data").mkdir()
    (tmp_path / "data").chmod(mode)
    assert wrong_with(data=tmp_path / "data").startswith("FOREWATT_DATA: others may enter")
    assert "chmod 700" in wrong_with(data=tmp_path / "data")
    (tmp_path / "data").chmod(0o700)
    assert wrong_with(data=tmp_path / "data") == ""


def test_a_data_folder_of_somebody_else_or_no_folder_is_refused(tmp_path):
    (tmp_path / "file").write_text("x")
    for data in (tmp_path / "file", tmp_path / "file" / "below"):
        assert "is a file" in wrong_with(data=data)
    if os.geteuid() == 0:
        (tmp_path / "theirs").mkdir(mode=0o700)
        os.chown(tmp_path / "theirs", 12345, 12345)
        assert "belongs to user 12345" in wrong_with(data=tmp_path / "theirs")


def test_a_file_of_a_secret_that_cannot_be_read_is_a_line_and_no_crash(tmp_path):
    unreadable = "/proc/self/mem"  # for root too
    said = checked(DATA=tmp_path / "data", SECRET_FILE=unreadable)
    assert (said.returncode, "cannot be read" in said.stderr, "Traceback" in said.stderr) == (2, True, False)


def test_the_url_of_the_database_may_lie_in_a_file(tmp_path):
    (tmp_path / "url").write_text("postgres://me:pw@db/forewatt\n")
    assert Settings(database_url_file=tmp_path / "url").database == "postgres://me:pw@db/forewatt"
    (tmp_path / "url").write_text("oracle://db/x")
    with pytest.raises(ValueError, match="not a database that is supported"):
        Settings(database_url_file=tmp_path / "url")


def test_a_strict_profile_with_words_drawn_by_lot_is_taken(tmp_path):
    strict = {**STRICT, "data": tmp_path, "admin_password": WORDS}
    assert configuration.refusals(Settings(**strict)) == []
    assert configuration.refusals(Settings(**strict | SERVER | {"profile": "cloud"})) == []


@pytest.mark.parametrize(
    ("knobs", "says"),
    [
        ({"secret": None}, "FOREWATT_SECRET: set one"),
        ({"secret": "a" * 64}, "FOREWATT_SECRET: it looks like an example"),
        ({"secret": "changeme-changeme-changeme-changeme"}, "FOREWATT_SECRET: it looks like an example"),
        ({"secret": "my-very-Secret-word-0123456789-abcdef"}, "FOREWATT_SECRET: it looks like an example"),
        ({"api_key": "forewatt-key"}, "FOREWATT_API_KEY: it looks like an example"),
        ({"admin_password": "123456"}, "FOREWATT_ADMIN_PASSWORD: a password has 12 characters"),
        ({"admin_password": "password1234"}, "FOREWATT_ADMIN_PASSWORD: this password is one of those"),
        ({"anonymous": True}, "FOREWATT_ANONYMOUS: set it to false"),
        ({"database_url": "mysql://root:123456@db/power_forecast"}, "FOREWATT_DATABASE_URL: its password looks like"),
        ({"profile": "cloud"}, "FOREWATT_DATABASE_URL: name a PostgreSQL or MariaDB"),
    ],
)
def test_what_is_weak_is_refused_where_others_rely_on_it_and_only_there(knobs, says):
    (found,) = profiles.refusals(Settings(**{**STRICT, **knobs}))
    assert found.startswith(says)
    assert profiles.refusals(Settings(**{**STRICT, **knobs, "profile": "embedded"})) == []


def test_a_strict_gateway_does_not_start_weakly_and_says_each_reason(tmp_path):
    env = environment(DATA=tmp_path / "data", PROFILE="cloud", ANONYMOUS="true")
    ended = subprocess.run(START, env=env, capture_output=True, text=True, timeout=60, check=False)  # noqa: S603
    assert ended.returncode == 2
    assert [line.partition(":")[0] for line in ended.stderr.splitlines()] == [
        "FOREWATT_SECRET",
        "FOREWATT_ANONYMOUS",
        "FOREWATT_DATABASE_URL",
    ]
    assert not (tmp_path / "data").exists()


def test_a_strict_profile_takes_no_short_and_no_common_password_and_any_other(run_gateway, inference, tmp_path):
    with run_gateway(Settings(**STRICT, data=tmp_path, inference_url=inference.url), key=False) as client:
        for weak in ("123456", "elevenchars", "password1234", "PASSWORD1234", "123456789012", "aaaaaaaaaaaa"):
            answer = register(client, "new", weak)
            assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/password")
            assert weak not in answer.text
        for number, right in enumerate((WORDS.casefold(), "nur kleine woerter hier", "长" * 128)):
            assert register(client, f"new{number}", right).status_code == 201
            assert login(client, f"new{number}", right).status_code == 200


@pytest.mark.parametrize(
    ("knobs", "role_and_key"),
    [
        ({}, ("viewer", False)),
        ({"first_role": "operator"}, ("operator", False)),
        ({"local_key": True}, ("viewer", True)),
        ({"profile": "embedded"}, ("engineer", True)),
    ],
)
def test_where_others_rely_on_it_newcomers_look_and_the_machine_has_no_key_unless_it_is_said(
    run_gateway, inference, tmp_path, knobs, role_and_key
):
    settings = Settings(**{**STRICT, **knobs}, data=tmp_path, inference_url=inference.url)
    with run_gateway(settings, key=False) as client:
        headers = known(client, "new", WORDS)
        role = client.get("/api/v1/me", headers=headers).json()["role"]
    assert (role, (tmp_path / localkey.NAME).exists()) == role_and_key


def test_a_strict_worker_does_not_start_weakly_either(tmp_path):
    command = [sys.executable, "-m", "gateway.worker"]
    weak = environment(DATA=tmp_path / "data", PROFILE="onprem", SECRET="changeme" * 8)
    env = weak | {"CELERY_BROKER_URL": "redis://127.0.0.1:9/0"}
    ended = subprocess.run(command, env=env, capture_output=True, text=True, timeout=60, check=False)  # noqa: S603
    assert (ended.returncode, ended.stderr.partition(":")[0]) == (2, "FOREWATT_SECRET")
    assert not (tmp_path / "data").exists()


def test_the_documents_example_password_is_taken_in_the_embedded_profile_alone():
    assert passwords.weakness("123456", strict=False) is None
    assert passwords.weakness("123456", strict=True)


def test_the_gateway_makes_its_data_folder_for_its_owner_alone(run_gateway, inference, tmp_path):
    with run_gateway(Settings(data=tmp_path / "new", inference_url=inference.url)):
        for folder in (tmp_path / "new", tmp_path / "new" / "uploads", tmp_path / "new" / "results"):
            assert stat.S_IMODE(folder.stat().st_mode) == 0o700
