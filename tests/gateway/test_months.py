"""Which months can be asked for is known at once, from the ends of what is stored."""

import sys
from datetime import date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as tuned
from hypothesis import strategies as some
from pydantic import ValidationError

sys.path.insert(0, str(Path(__file__).parent))
from works import store_days

from bentos.load.schema import MAX_ROWS, Question
from gateway import months, snapshots, store
from gateway.errors import Problem
from gateway.months import Asked


@pytest.fixture(scope="module")
def database(tmp_path_factory):
    engine = store.connect(f"sqlite:///{tmp_path_factory.mktemp('months') / 'x.db'}")
    store.migrate(engine)
    store_days(engine, "ada", date(2024, 1, 10), 142)  # until 30 May
    store_days(engine, "short", date(2024, 5, 20), 13)
    store_days(engine, "patchy", date(2024, 1, 1), 40)
    store_days(engine, "patchy", date(2024, 3, 1), 40)
    store_days(engine, "zero", date(2024, 1, 1), 60, load=lambda n: 0.0 if n < 20 else 5.0)
    yield engine
    engine.dispose()


def found(database, owner="ada", year=None, month=None, **more):
    with store.transaction(database) as session:
        return months.reach(session, owner, Asked(year=year, month=month, **more))


def test_without_a_month_the_one_after_the_last_day_is_meant(database):
    reach = found(database)
    assert (reach.month[0], reach.month[-1], reach.passed) == (date(2024, 6, 1), date(2024, 6, 30), False)
    assert (reach.known.days, reach.known.first, reach.known.last) == (142, date(2024, 1, 10), date(2024, 5, 30))


def test_a_month_that_has_begun_keeps_its_days(database):
    reach = found(database, "ada", 2024, 5)
    assert (reach.passed, reach.known.last) == (False, date(2024, 5, 30))


def test_of_a_month_that_has_passed_only_what_was_known_before_it_counts(database):
    reach = found(database, "ada", 2024, 4)
    assert (reach.passed, reach.known.last, reach.known.days) == (True, date(2024, 3, 31), 82)


@pytest.mark.parametrize(
    ("owner", "month", "code", "words"),
    [
        ("nobody", (None, None), "no-history", "import"),
        ("nobody", (2024, 5), "no-history", "import"),
        ("short", (None, None), "history_too_short", "13"),
        ("patchy", (None, None), "too_many_gaps", "missing"),
        ("zero", (None, None), "too_many_gaps", "zero"),
        ("ada", (2024, 1), "history-too-short", "earlier"),
        ("ada", (2023, 12), "history-too-short", "earlier"),
        ("ada", (2024, 8), "month_too_far", "62"),
        ("ada", (2199, 1), "month_too_far", "62"),
        ("ada", (2024, None), "month_incomplete", "both"),
    ],
)
def test_what_cannot_be_forecast_is_refused_with_what_to_do(database, owner, month, code, words):
    with pytest.raises(Problem) as refused:
        found(database, owner, *month)
    problem = refused.value
    assert problem.status_code == 422
    assert words in problem.detail
    assert code == (problem.faults[0].code if problem.faults else problem.type.rpartition(":")[2])


def test_today_has_not_ended_and_does_not_count(database):
    zone = "Pacific/Kiritimati"
    today = datetime.now(ZoneInfo(zone)).date()
    store_days(database, "now", today - timedelta(days=29), 30)
    assert found(database, "now", timezone=zone).known.last == today - timedelta(days=1)


def test_of_a_long_history_as_much_counts_as_a_question_may_have(database):
    store_days(database, "old", date(1990, 1, 1), MAX_ROWS + 10)
    reach = found(database, "old")
    assert (reach.known.days, reach.known.first) == (MAX_ROWS, date(1990, 1, 11))


@tuned(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(owner=some.sampled_from(["ada", "short", "patchy", "zero"]), year=some.just(2024), month=some.integers(1, 12))
def test_what_is_refused_here_is_what_a_question_of_the_same_days_refuses(database, tmp_path, owner, year, month):
    try:
        reach = found(database, owner, year, month)
    except Problem:
        reach = None
    first = date(year, month, 1)
    after = (first + timedelta(days=32)).replace(day=1)
    rows = snapshots.rows(database, (owner, "power"))
    before = (
        [row for row in rows if row["date"] < first.isoformat()]
        if rows[-1]["date"] >= str(after - timedelta(1))
        else rows
    )
    try:
        question = Question.model_validate({"series": before, "year": year, "month": month})
    except ValidationError:
        question = None
    assert (reach is None) == (question is None)
    if reach and question:
        assert (reach.known.last, reach.month) == (question.origin, question.days)
