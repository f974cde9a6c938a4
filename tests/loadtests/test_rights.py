"""A generator shows the key that it is given, else this machine's own, and that one to nobody elsewhere."""

import pytest

from loadtests.rights import shown

HERE = ["http://127.0.0.1:8080", "http://localhost:8080/", "http://[::1]:8080"]
ELSEWHERE = ["http://192.0.2.1:8080", "https://forewatt.example", "http://127.0.0.1.example:8080", "", "127.0.0.1:8080"]


@pytest.fixture
def data(tmp_path, monkeypatch):
    monkeypatch.delenv("FOREWATT_API_KEY", raising=False)
    monkeypatch.setenv("FOREWATT_DATA", str(tmp_path))
    (tmp_path / "local.key").write_text("fw_local\n")
    return tmp_path


@pytest.mark.parametrize("url", HERE)
def test_to_this_machine_it_shows_the_key_that_its_gateway_wrote(data, url):
    assert shown(url) == {"X-API-Key": "fw_local"}
    (data / "local.key").unlink()
    assert shown(url) == {}


@pytest.mark.parametrize("url", ELSEWHERE)
def test_to_others_it_shows_nothing_of_this_machine(data, url):
    assert shown(url) == {}


@pytest.mark.parametrize("url", [*HERE, *ELSEWHERE])
def test_a_key_of_the_environment_goes_before_and_everywhere(data, url, monkeypatch):
    monkeypatch.setenv("FOREWATT_API_KEY", "given")
    assert shown(url) == {"X-API-Key": "given"}
