"""The models fitted for a caller, with what became of each; another's are none of his."""

import sys
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from test_bad_input import check

from gateway import store
from gateway.fits import Subject
from gateway.tables import Fit

MODELS = "/api/v1/models"


@pytest.fixture(scope="module")
def database(shared_settings, shared):
    engine = store.connect(shared_settings.database)
    yield engine
    engine.dispose()


def fit(client, n, **more):
    """The n-th fit of a client."""
    subject = Subject(client.headers["x-owner"], country=more.pop("country", None))
    made = {
        "owner": subject.owner, "series": subject.series, "history_hash": f"{n:064x}",
        "created_at": datetime(2026, 11, 22, 8, 0, n, tzinfo=UTC), "first": date(2024, 1, 1),
        "last": date(2024, 5, 31) + timedelta(n), "model_name": subject.model, "model_version": f"20240501-{n:016x}",
        "kept": True, "reason": None, "scores": {"Q1": 0.7 + n / 100}, "card": f"# Fit {n}\n", "seconds": 20.5,
    }  # fmt: skip
    return Fit(**made | more)


@pytest.fixture
def ada(caller, database, shared_settings):
    """Somebody with two models of which the first is the current one, and a fit that was not kept."""
    unkept = {"kept": False, "model_version": None, "reason": "no better than naive", "card": None}
    first, *others = fit(caller, 1), fit(caller, 2, country="AU"), fit(caller, 3, **unkept)
    place = shared_settings.registry / first.model_name
    place.mkdir(parents=True)
    (place / "current").write_text(f"{first.model_version}\n")
    with store.transaction(database) as session:
        session.add_all([first, *others])
    return caller


def test_each_fit_is_listed_with_what_became_of_it(ada):
    said = ada.get(MODELS).json()
    assert said["released"] == {"model_name": "load", "model_version": "1"}
    assert [(item["kept"], item["current"], item["series"]) for item in said["items"]] == [
        (False, False, "power"),
        (True, False, "power/AU"),
        (True, True, "power"),
    ]
    assert said["items"][0].items() >= {"reason": "no better than naive", "model_version": None}.items()
    assert said["items"][2].items() >= {
        "first": "2024-01-01", "last": "2024-06-01", "scores": {"Q1": 0.71}, "seconds": 20.5,
        "created_at": "2026-11-22T08:00:01Z", "history_hash": f"{1:064x}",
    }.items()  # fmt: skip


def test_the_links_lead_through_all_of_them(ada):
    first = ada.get(MODELS, params={"limit": 2})
    rest = ada.get(first.links["next"]["url"])
    assert [item["last"] for item in first.json()["items"] + rest.json()["items"]] == [
        "2024-06-03",
        "2024-06-02",
        "2024-06-01",
    ]
    assert "next" not in rest.links
    check(ada.get(MODELS, params={"limit": 0}), 422)


def test_a_model_is_shown_with_its_card_and_to_its_owner_alone(ada, somebody):
    version = ada.get(MODELS).json()["items"][2]["model_version"]
    shown = ada.get(f"{MODELS}/{version}").json()
    assert (shown["card"], shown["current"], shown["model_version"]) == ("# Fit 1\n", True, version)
    check(somebody().get(f"{MODELS}/{version}"), 404)
    check(ada.get(f"{MODELS}/20240501-ffffffffffffffff"), 404)
    check(ada.get(f"{MODELS}/%00"), 422)
    assert somebody().get(MODELS).json()["items"] == []


def test_the_registry_says_which_released_model_answers(caller, shared_settings):
    place = shared_settings.registry / "load"
    place.mkdir(parents=True)
    (place / "current").write_text("20260101-0123456789abcdef\n")
    try:
        assert caller.get(MODELS).json()["released"]["model_version"] == "20260101-0123456789abcdef"
    finally:
        (place / "current").unlink()
        place.rmdir()


def test_models_are_listed_also_while_no_inference_server_answers(caller, inference):
    inference.delay_s = 3
    assert caller.get(MODELS).json() == {"items": [], "released": {"model_name": "load", "model_version": None}}
