"""The alert budget: what it proposes and what it says that it would have done, by a month replayed."""

import random
import sys
import time
from pathlib import Path
from uuid import uuid4

import httpx
import pytest

sys.path.insert(0, str(Path(__file__).parent))
from alarms import DAY, MINUTE, START, finding
from remedies import has_remedy
from works import NO_BROKER

from gateway.alerts.book import MemoryBook
from gateway.alerts.budget import Budget, Labelled, Past, preview, replayed, slim
from gateway.alerts.replay import Replay
from gateway.alerts.rules import Policy, Threshold, in_force, in_force_for_silence
from gateway.app import create_app
from gateway.settings import Settings

BUDGET = "/api/v1/alerts/budget"
UNITS, DAYS = 8, 30
ALL = (None, None)
ALERTS = {"SICK-0": 10, "SICK-1": 15, "SICK-2": 20}  # the day on which each begins to fail


def month(noise=0.02):
    """Three units that fail slowly, and healthy ones of which some are suspected for a day at a low chance."""
    chance = random.Random(7)  # noqa: S311 - a test's
    for quarter in range(DAYS * 96):
        at, day = START + quarter * 15 * MINUTE, quarter / 96
        for number in range(UNITS):
            suspected = int(day) in (number, number + 5) and number % 2
            likely = chance.uniform(0.25, 0.35) if suspected else chance.uniform(0, noise)
            yield finding(f"AHU-{number}", "F-SEN-DRIFT", level=1 if likely > 0.1 else 0, at=at, chance=likely)
        for unit, begin in ALERTS.items():
            likely = min(0.95, 0.02 + max(0, day - begin) * 0.12) if day < begin + 9 else 0.01
            yield finding(unit, "F-FILTER", level=min(4, int(likely * 5)), at=at, chance=likely)


@pytest.fixture(scope="module")
def findings():
    return slim(month())


def past(findings, *labels):
    return Past(findings, labels, {}, START, START + DAYS * DAY)


def label(unit, reason, first, last):
    return Labelled(
        id=uuid4(), unit_id=unit, fault="F-FILTER", reason=reason, begin=START + first * DAY, end=START + last * DAY
    )


def test_the_lowest_threshold_that_keeps_the_budget_is_proposed_and_a_month_takes_seconds(findings):
    began = time.process_time()
    said = preview(past(findings), Budget(alerts_a_day=0.2), {ALL: Threshold()}, Policy())
    took = time.process_time() - began
    assert took < 60, f"{took:.0f} s of a core"
    assert (said.units, said.findings, said.labels, said.kept) == (UNITS + 3, len(findings), 0, True)
    assert said.now.alerts > said.proposed.alerts == 3
    assert set(said.proposed.by_unit) == set(ALERTS)
    assert said.proposed.alerts_a_day <= 0.2
    cheaper = [one for one in said.tried if one.on < said.proposed.threshold.on]
    assert all(one.alerts_a_day > 0.2 for one in cheaper)
    assert any("nobody has said" in warning for warning in said.warnings)


def test_no_threshold_lies_below_the_chance_at_which_a_visit_is_worth_it(findings):
    said = preview(past(findings), Budget(alerts_a_day=1000, miss_costs_visits=4), {ALL: Threshold()}, Policy())
    assert min(one.on for one in said.tried) == 0.25
    assert said.proposed.threshold.on == 0.25


def test_labels_say_what_would_be_missed_and_what_spared(findings):
    mine = label("SICK-0", "true", 14, 19), label("AHU-1", "false", 1, 2), label("AHU-2", "true", 3, 4)
    said = preview(past(findings, *mine), Budget(alerts_a_day=5, miss_costs_visits=10), {ALL: Threshold()}, Policy())
    assert said.proposed.missed == [mine[2].id]  # nothing was predicted of it at all
    assert said.proposed.spared == [mine[1].id]
    assert said.proposed.cost == said.proposed.alerts + 10
    assert min(one.cost for one in said.tried) == said.proposed.cost


def test_a_budget_that_cannot_be_kept_says_so():
    certain = slim(finding(f"AHU-{n}", level=4, at=START + n * DAY, certain=True) for n in range(20))
    said = preview(past(certain), Budget(alerts_a_day=0.01), {ALL: Threshold()}, Policy())
    assert (said.kept, said.proposed.alerts) == (False, 20)
    assert "Allow more" in said.warnings[0]


def test_what_is_set_for_a_unit_stays(findings):
    mine = {ALL: Threshold(), ("SICK-0", None): Threshold(on=1, off=1)}
    said = preview(past(findings), Budget(alerts_a_day=0.2), mine, Policy())
    assert "SICK-0" not in said.proposed.by_unit


def test_the_mix_of_levels_is_compared_with_what_is_advised():
    levels = [1] * 80 + [2] * 15 + [3] * 5
    mixed = slim(finding(f"AHU-{n}", level=level, at=START + n * 6 * 60 * MINUTE) for n, level in enumerate(levels))
    said = preview(past(mixed), Budget(alerts_a_day=10), {ALL: Threshold()}, Policy())
    assert (said.now.mix, said.now.as_advised) == ({"notice": 0.8, "warning": 0.15, "urgent": 0.05}, True)


async def test_the_budget_is_looked_at_over_http_and_then_applied_as_a_version(findings, upstream, tmp_path):
    app = create_app(Settings(data=tmp_path, inference_url=upstream.url, anonymous=True, **NO_BROKER))
    asked, way = {"alerts_a_day": 0.2}, httpx.ASGITransport(app)
    async with app.router.lifespan_context(app), httpx.AsyncClient(transport=way, base_url="http://x") as client:
        assert (await client.post(BUDGET, json=asked)).json()["type"] == "urn:forewatt:problem:no-predictions"
        app.state.predicted = lambda *_: iter(findings)
        said = (await client.post(BUDGET, json=asked)).json()
        assert (said["units"], said["kept"], said["now"]["threshold"]["on"]) == (UNITS + 3, True, None)
        chosen = {name: said["proposed"]["threshold"][name] for name in ("on", "off")}
        applied = (await client.post(f"{BUDGET}/apply", json={"budget": asked, **chosen})).json()
        assert (applied["version"], applied["threshold"]["on"]) == (1, chosen["on"])
        (version,) = (await client.get("/api/v1/alerts/rules")).json()["items"]
        assert version["note"] == "budget: at most 0.2 a day, a miss costs 10 visits"
        wrong = await client.post(f"{BUDGET}/apply", json={"budget": asked, "on": 0.1, "off": 0.2})
        assert wrong.status_code == 422
        assert has_remedy(wrong.json()["detail"])


@pytest.mark.parametrize("threshold", [Threshold(), Threshold(on=0.3, off=0.2), Threshold(on=0.6, off=0.4)])
def test_leaving_out_what_repeats_itself_changes_no_alert(findings, threshold):
    some = [one for one in findings if one.unit_id in {"SICK-0", "AHU-1", "AHU-3"}]
    whole = MemoryBook({ALL: in_force(threshold, Policy())}, in_force_for_silence(Policy()))
    clock = Replay(whole, START)
    clock.play(some)
    clock.to(START + DAYS * DAY)
    short = replayed(past(some), {ALL: threshold}, Policy())
    assert [(row.id, row.state, row.raised_at) for row in short.rows] == [
        (row.id, row.state, row.raised_at) for row in whole.rows
    ]
    assert [notice.at for notice in short.notices] == [notice.at for notice in whole.notices]
