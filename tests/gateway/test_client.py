"""The typed client against the gateway: what a caller writes, and what he gets."""

from datetime import date
from uuid import uuid4

import pytest
from starlette.responses import JSONResponse, Response

from forewatt import Client, ProblemError, UnreachableError
from forewatt import client as ours


@pytest.fixture(autouse=True)
def _soon(monkeypatch):
    """Between two tries hardly any time passes."""
    monkeypatch.setattr(ours, "_pause_s", lambda tried: 0.01)


@pytest.fixture
def client(address, inference):
    name = f"ada{uuid4().hex[:8]}"
    with Client(address) as calling:
        calling.register(name, "123456", f"{name}@example.org")
        calling.login(name, "123456")
        yield calling


def test_days_go_in_and_come_out_again(client, tmp_path):
    assert client.import_sample().imported > 1000
    days = list(client.readings(date(2024, 1, 1), date(2024, 4, 30)))
    assert [days[0].date, days[-1].date, len(days)] == [date(2024, 1, 1), date(2024, 4, 30), 121]
    client.export(tmp_path / "mine.xlsx", date(2024, 4, 1), date(2024, 4, 30))
    again = client.import_workbook(tmp_path / "mine.xlsx", on_duplicate="keep")
    assert (again.imported, again.duplicates) == (0, 30)


def test_all_pages_are_read(client, monkeypatch):
    client.import_sample()
    whole = list(client.readings())
    monkeypatch.setattr(ours, "PER_PAGE", 400)
    assert list(client.readings()) == whole


def test_a_history_that_is_sent_along_is_answered_by_a_month(client, history):
    month = client.ask(history(), country="AU", subdivision="VIC")
    assert (month.origin, month.days[0].date, month.top10[0].rank) == (date(2014, 5, 31), date(2014, 6, 1), 1)


def test_a_refusal_is_a_problem_that_says_what_to_do(client):
    with pytest.raises(ProblemError, match="14") as refused:
        client.ask([{"date": "2014-05-31", "load": 1.0}])
    assert (refused.value.status, refused.value.trace_id is not None) == (422, True)


def test_what_passes_is_waited_for_and_what_stays_is_told(client, inference, history):
    inference.answer = Response(status_code=503, headers={"Retry-After": "0"})
    with pytest.raises(ProblemError) as refused:
        client.ask(history())
    asked = [path for _, path, _, _ in inference.seen if path == "/forecast"]
    assert (refused.value.status, len(asked)) == (503, ours.TRIES)


def test_a_refusal_that_is_no_document_is_told_too(inference, upstream):
    inference.answer = JSONResponse(["no"], 418)
    with Client(upstream.url) as client, pytest.raises(ProblemError, match="418"):
        client.login("ada", "123456")


def test_nobody_there_is_told_after_some_tries(free_address):
    with Client(free_address) as client, pytest.raises(UnreachableError, match="does not answer"):
        client.login("ada", "123456")


def test_a_token_is_renewed_and_given_back(client):
    before = client.import_sample().imported
    client.refresh()
    assert sum(1 for _ in client.readings()) == before
    client.logout()
    with pytest.raises(ProblemError) as refused:
        client.refresh()
    assert refused.value.status == 401


def test_the_environment_says_where_and_with_which_key(monkeypatch, inference, upstream, history):
    monkeypatch.setenv("FOREWATT_URL", upstream.url)
    monkeypatch.setenv("FOREWATT_API_KEY", "fw_x")
    inference.answer = JSONResponse({"items": [], "total": 0})
    with Client() as client:
        assert list(client.readings()) == []
    assert inference.seen[-1][2]["x-api-key"] == "fw_x"
