"""An expert sets thresholds and the policy over HTTP; every version stays, with who made it."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from alarms import MINUTE, Clock, book, finding
from matrix import World
from people import bearer

from gateway import store
from gateway.alerts.rules import Policy, Step
from gateway.channels import chain
from gateway.channels.tables import Channel
from gateway.settings import Settings
from gateway.tokens import Signer

THRESHOLDS, POLICY, RULES = "/api/v1/alerts/thresholds", "/api/v1/alerts/policy", "/api/v1/alerts/rules"
SECRET = "the-rules-have-a-secret-of-their-own"  # noqa: S105


@pytest.fixture(scope="module")
def settings(upstream, tmp_path_factory):
    return Settings(data=tmp_path_factory.mktemp("rules"), inference_url=upstream.url, secret=SECRET)


@pytest.fixture(scope="module")
def gateway(run_gateway, settings):
    with run_gateway(settings, key=False) as client:
        yield client


@pytest.fixture(scope="module")
def world(settings, gateway):
    database = store.connect(settings.database)
    yield World(database)
    database.dispose()


@pytest.fixture(scope="module")
def expert(world):
    made, _ = Signer(SECRET).make(world.user("expert"), 0)
    return bearer(made)


def set_(gateway, expert, threshold, **place):
    return gateway.put(THRESHOLDS, headers=expert, json={"threshold": threshold, **place})


def test_thresholds_are_the_programs_until_an_expert_sets_them_and_can_be_taken_back(gateway, expert, world):
    (first,) = gateway.get(THRESHOLDS, headers=expert).json()["items"]
    assert (first["unit_id"], first["fault"], first["version"], first["threshold"]["on"]) == (None, None, 0, None)
    unit = world.unit()
    set_(gateway, expert, {"least_level": 2}, note="too many in spring")
    mine = set_(gateway, expert, {"on": 0.7, "off": 0.5}, unit_id=unit, fault="F-FILTER").json()
    assert (mine["unit_id"], mine["threshold"]["on"], mine["threshold"]["within_hours"]) == (unit, 0.7, 336)
    back = set_(gateway, expert, None, unit_id=unit, fault="F-FILTER").json()
    assert (back["threshold"]["on"], back["threshold"]["least_level"]) == (None, 2)
    items = gateway.get(RULES, headers=expert, params={"about": "threshold"}).json()["items"]
    assert [(item["fault"], item["content"] is None, item["note"]) for item in items] == [
        ("F-FILTER", True, None), ("F-FILTER", False, None), (None, False, "too many in spring"),
    ]  # fmt: skip
    assert [item["version"] for item in items] == sorted((item["version"] for item in items), reverse=True)
    assert items[0]["actor"]


def test_the_versions_come_page_by_page(gateway, expert):
    for least in (1, 2, 3):
        set_(gateway, expert, {"least_level": least}, fault="F-ECON")
    page = gateway.get(RULES, headers=expert, params={"limit": 1})
    seen = page.json()["items"]
    while link := page.links.get("next"):
        page = gateway.get(link["url"], headers=expert)
        seen += page.json()["items"]
    assert len(seen) >= 3
    assert len({item["version"] for item in seen}) == len(seen)


def test_the_policy_is_replaced_whole(gateway, expert):
    found = gateway.get(POLICY, headers=expert).json()
    policy = found["policy"] | {"remind_s": 3600}
    policy["ladders"][3] = [{"after_s": 0}, {"after_s": 60, "channels": ["manager"]}]
    kept = gateway.put(POLICY, headers=expert, json={"policy": policy, "note": "winter"}).json()
    assert kept["version"] > found["version"]
    assert gateway.get(POLICY, headers=expert).json() == kept
    assert kept["policy"]["ladders"][3][1]["channels"] == ["manager"]


@pytest.mark.parametrize(
    ("threshold", "said"),
    [
        ({"on": 0.5}, "set on and off together"),
        ({"on": 0.5, "off": 0.6}, "off must not be above on"),
        ({"on": 1.5, "off": 0.5}, "less than or equal to 1"),
        ({"within_hours": 48}, "1, 6, 24, 72, 168 or 336"),
        ({"levels": 3}, "Extra inputs"),
    ],
)
def test_a_threshold_that_cannot_be_is_422_with_what_to_do(gateway, expert, threshold, said):
    answer = set_(gateway, expert, threshold)
    assert answer.status_code == 422
    assert said in answer.json()["detail"]


def test_a_ladder_that_does_not_climb_is_422(gateway, expert):
    policy = gateway.get(POLICY, headers=expert).json()["policy"]
    policy["ladders"][0] = [{"after_s": 0}, {"after_s": 0}]
    assert gateway.put(POLICY, headers=expert, json={"policy": policy}).status_code == 422


def test_a_threshold_of_a_unit_that_is_not_there_is_404(gateway, expert):
    assert set_(gateway, expert, {}, unit_id="nobody").status_code == 404


def test_a_step_of_the_ladder_is_heard_by_the_channels_or_chains_that_it_names():
    policy = Policy(ladders=[[Step(after_s=0), Step(after_s=60, channels=["manager", "night"])]] * 4)
    clock = Clock(book(policy=policy))
    clock.say(finding(level=4))
    clock.on(2 * MINUTE)
    first, second = clock.told()
    every = {"enabled": True, "kind": "email", "from_level": 1, "from_step": 0}
    ways = [Channel(name=name, chain=chain, **every) for name, chain in (("duty", "day"), ("sms", "night"))]
    assert chain.named(ways, first.details.get("channels", ())) == {"day", "night"}
    assert chain.named(ways, second.details["channels"]) == {"night"}


@pytest.mark.parametrize("asked", ["alerts?unit_id=a%00b", "alerts/rules?before=99999999999", "alerts?state=x"])
def test_what_no_database_can_look_for_is_422(gateway, expert, asked):
    assert gateway.get(f"/api/v1/{asked}", headers=expert).status_code == 422


@pytest.mark.parametrize("moment", ["0001-01-01T00:00:00%2B10:00", "9999-12-31T23:59:59-10:00"])
def test_a_moment_that_no_clock_has_is_422(gateway, expert, moment):
    assert gateway.get(f"/api/v1/alerts/labels?since={moment}", headers=expert).status_code == 422
