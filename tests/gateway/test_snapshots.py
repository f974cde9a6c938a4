"""A snapshot is a history as it stood: canonical, named by its hash, whole, for its owner's eyes alone."""

import hashlib
import sys
from datetime import date
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from works import store_days

from bentos.load.schema import MAX_ROWS, Question
from gateway import measurements, snapshots
from gateway.errors import Problem

FIRST, LAST = date(2024, 1, 1), date(2199, 12, 31)


@pytest.fixture
def database(here):
    return here


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "snapshots"


def test_a_snapshot_is_written_in_one_way_and_named_by_its_hash(database, folder):
    days = {date(2024, 1, 2): [None, 55.0, -0.0, 0.1 + 0.2], date(2024, 1, 1): [-3, None, None, 1e-17]}
    measurements.keep(database, measurements.begin("ada", "power", "x.xlsx", "all"), days)
    taken = snapshots.take(folder, database, ("ada", "power"), LAST)
    text = (
        "date,load,temperature,humidity,rainfall\n2024-01-01,1e-17,-3.0,,\n2024-01-02,0.30000000000000004,,55.0,0.0\n"
    )
    assert taken.path.read_text() == text
    assert taken.hash == hashlib.sha256(text.encode()).hexdigest()
    assert (taken.first, taken.last, taken.days) == (date(2024, 1, 1), date(2024, 1, 2), 2)
    assert (taken.path.stat().st_mode & 0o777, folder.stat().st_mode & 0o777) == (0o600, 0o700)


def test_the_same_history_is_the_same_file_whoever_has_it_and_whenever_it_is_taken(database, folder):
    store_days(database, "ada", FIRST, 40)
    store_days(database, "bob", FIRST, 40)
    one, other = (snapshots.take(folder, database, (who, "power"), LAST) for who in ("ada", "bob"))
    assert one == other
    before = one.path.read_bytes()
    store_days(database, "ada", date(2024, 2, 10), 1)
    later = snapshots.take(folder, database, ("ada", "power"), LAST)
    assert later.hash != one.hash
    assert one.path.read_bytes() == before
    assert snapshots.take(folder, database, ("ada", "power"), date(2024, 2, 9)) == one
    assert sorted(path.suffix for path in folder.iterdir()) == [".csv", ".csv"]


def test_what_is_read_back_is_what_was_stored(database, folder):
    store_days(database, "ada", FIRST, 30, load=lambda n: 1 / (n + 3))
    taken = snapshots.take(folder, database, ("ada", "power"), LAST)
    question = Question.model_validate({"series": taken.series()})
    assert [row.load for row in question.series] == [1 / (n + 3) for n in range(30)]
    assert [row.temperature for row in question.series[:4]] == [None, 15.5, 15.5, None]
    assert taken.series() == snapshots.rows(database, ("ada", "power"))


def test_of_a_history_longer_than_a_question_the_newest_days_count(database, folder):
    store_days(database, "ada", date(1990, 1, 1), MAX_ROWS + 5)
    taken = snapshots.take(folder, database, ("ada", "power"), LAST)
    assert (taken.days, taken.first) == (MAX_ROWS, date(1990, 1, 6))


def test_no_days_are_no_snapshot(database, folder):
    with pytest.raises(Problem) as refused:
        snapshots.take(folder, database, ("nobody", "power"), LAST)
    assert (refused.value.status_code, folder.exists()) == (422, False)
