"""An account's days are its own; whoever has no account shares those of the machine."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from books import XLSX, book, rows
from people import known

from gateway.settings import Settings


@pytest.fixture(scope="module")
def gateway(run_gateway, upstream, tmp_path_factory):
    with run_gateway(Settings(data=tmp_path_factory.mktemp("owners"), inference_url=upstream.url)) as client:
        yield client


def total(gateway, headers=None):
    return gateway.get("/api/data/fetchData", headers=headers).json()["total"]


def test_what_one_account_brings_another_and_a_stranger_do_not_see(gateway):
    one, other = known(gateway, "one-owner"), known(gateway, "other-owner")
    file = {"file": ("days.xlsx", book(rows(20)), XLSX)}
    brought = gateway.post("/api/data/import", files=file, headers=one)
    assert (brought.status_code, brought.json()["imported"]) == (200, 20)
    assert [total(gateway, who) for who in (one, other, None)] == [20, 0, 0]
    meant = {"start_date": "2024-01-01", "end_date": "2024-12-31", "confirm": "true"}
    gateway.request("DELETE", "/api/v1/readings", params=meant, headers=other)
    assert total(gateway, one) == 20


def test_who_has_no_account_keeps_the_days_of_the_machine(gateway):
    file = {"file": ("days.xlsx", book(rows(3)), XLSX)}
    assert gateway.post("/api/data/import", files=file).json()["imported"] == 3
    assert total(gateway) == 3
