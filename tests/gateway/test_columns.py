"""A cell becomes the day or the number that it means, or is refused; never something else."""

from datetime import UTC, datetime

import pytest
from pydantic import ValidationError

from bentos.load import schema
from gateway import columns

LOAD = columns.POWER[-1]


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        (datetime(2024, 1, 31, tzinfo=UTC), "2024-01-31"),
        ("2024-01-31", "2024-01-31"),
        ("2024-1-5", "2024-01-05"),
        ("2024/01/31", "2024-01-31"),
        ("2024年1月31日", "2024-01-31"),
        ("２０２４-０１-３１", "2024-01-31"),
        ("20240131", "2024-01-31"),
        (20240131, "2024-01-31"),
        ("31.01.2024", "2024-01-31"),
        ("31/01/2024", "2024-01-31"),
        ("01/31/2024", "2024-01-31"),
        ("5/5/2024", "2024-05-05"),
        ("31 Jan 2024", "2024-01-31"),
        ("January 31, 2024", "2024-01-31"),
        ("2024-01-31T00:00:00", "2024-01-31"),
        ("2024-02-29", "2024-02-29"),
    ],
)
def test_a_day_may_be_written_in_many_ways_that_mean_one_day(written, meant):
    assert columns.day(written).isoformat() == meant


@pytest.mark.parametrize(
    ("written", "meant"),
    [("12,5", 12.5), ("1,234.5", 1234.5), ("1.234,5", 1234.5), ("1 234.5", 1234.5), ("1 234,5", 1234.5),
     ("1,234,567", 1234567), ("0.125", 0.125), ("1e3", 1000), ("１２", 12), (" 7 ", 7), ("12.50", 12.5), (3, 3)],
)  # fmt: skip
def test_a_number_may_be_text_where_it_is_clear_which(written, meant):
    assert columns.number(written, LOAD) == meant


@pytest.mark.parametrize(
    ("written", "code"),
    [
        ("01/02/2024", "day-ambiguous"),
        ("3-4-2024", "day-ambiguous"),
        ("31/01/24", "day-unknown"),
        ("13/13/2024", "day-unknown"),
        ("2024-01-31 12:30", "day-with-time"),
        (datetime(2024, 1, 31, 12, tzinfo=UTC), "day-with-time"),
        (45322, "day-unknown"),
        (45322.5, "day-unknown"),
        (True, "day-unknown"),
        ("1899-12-31", "day-too-far"),
        ("0000-00-00", "day-unknown"),
        ("31 Janissary", "day-unknown"),
        ("", "day-missing"),
        (None, "day-missing"),
    ],
)
def test_what_is_no_day_or_could_be_two_is_refused(written, code):
    with pytest.raises(columns.CellError) as refused:
        columns.day(written)
    assert refused.value.code == code
    assert refused.value.remedy


@pytest.mark.parametrize(
    ("written", "code"),
    [("1,234", "number-ambiguous"), ("1.234", "number-ambiguous"), ("12 MW", "not-a-number"), ("-", "not-a-number"),
     ("nan", "not-a-number"), ("inf", "not-a-number"), (float("nan"), "out-of-range"), (True, "not-a-number"),
     ("#REF!", "formula-error"), ("1.2.3", "not-a-number"), (-1, "out-of-range"), ("1e999", "out-of-range"),
     ("", "value-missing"), (None, "value-missing"), ("1_000", "not-a-number"), ("=1+1", "not-a-number")],
)  # fmt: skip
def test_what_is_no_number_or_could_be_two_is_refused(written, code):
    with pytest.raises(columns.CellError) as refused:
        columns.number(written, LOAD)
    assert refused.value.code == code
    assert refused.value.remedy


@pytest.mark.parametrize("column", columns.POWER, ids=lambda column: column.name)
def test_the_import_takes_exactly_what_the_load_model_takes(column):
    around = (column.low - 0.1, column.low, column.high, column.high * 1.01)
    read = [taken(lambda v=v: columns.number(v, column), columns.CellError) for v in around]
    readings = [{"date": "2024-01-01", "load": 1, column.name: value} for value in around]
    judged = [taken(lambda r=r: schema.Reading.model_validate(r), ValidationError) for r in readings]
    assert read == judged == [False, True, True, False]
    assert (columns.FIRST_YEAR, columns.LAST_YEAR) == (schema.FIRST_YEAR, schema.LAST_YEAR)


def taken(judge, refusal):
    try:
        judge()
    except refusal:
        return False
    return True
