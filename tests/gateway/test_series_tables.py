"""Days that were stored before there were series become power's, and the way back keeps power alone."""

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import inspect, text
from sqlalchemy.exc import IntegrityError

from gateway import store

BEFORE = "0005"
NUMBERS = ("1" * 32, "2" * 32)


@pytest.fixture
def old(tmp_path):
    """A database of before, with an import and two days."""
    engine = store.connect(f"sqlite:///{tmp_path / 'x.db'}")
    go(engine, command.upgrade, BEFORE)
    with engine.begin() as connection:
        connection.execute(
            text("INSERT INTO imports VALUES (:id, 'ada', '2024-01-01 00:00:00', 'x.xlsx', 'all', 2, 0, 0)"),
            {"id": NUMBERS[0]},
        )
        for day in ("2024-01-01", "2024-01-02"):
            connection.execute(
                text("INSERT INTO power_data VALUES ('ada', :day, 10.5, NULL, 0, 900.25, :id)"),
                {"day": day, "id": NUMBERS[0]},
            )
    yield engine
    engine.dispose()


def go(engine, where, revision):
    config = Config()
    config.set_main_option("script_location", "gateway:migrations")
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        where(config, revision)


def rows(engine, columns="owner, date, temperature, humidity, rainfall, load, import_id"):
    with engine.begin() as connection:
        return [tuple(row) for row in connection.execute(text(f"SELECT {columns} FROM power_data ORDER BY date"))]


def begin_gas(engine):
    with engine.begin() as connection:
        like_the_first = "SELECT :id, owner, created_at, file_name, mode, 1, 0, 0, 'gas' FROM imports"
        columns = "(id, owner, created_at, file_name, mode, rows, duplicates, errors, series)"
        connection.execute(text(f"INSERT INTO imports {columns} {like_the_first}"), {"id": NUMBERS[1]})


def add(engine, series, day="2024-01-01"):
    with engine.begin() as connection:
        known = {"series": series, "day": day, "id": NUMBERS[1]}
        connection.execute(
            text(
                "INSERT INTO power_data (owner, series, date, load, import_id) VALUES ('ada', :series, :day, 4000, :id)"
            ),
            known,
        )


def test_what_was_there_is_powers_and_a_day_may_be_in_two_series_but_in_each_once(old):
    before = rows(old)
    store.migrate(old)
    assert rows(old) == before
    assert rows(old, "series") == [("power",), ("power",)]
    with pytest.raises(IntegrityError):
        add(old, "gas")  # no such import: days still refer to one
    begin_gas(old)
    add(old, "gas")
    for series in ("gas", "power"):
        with pytest.raises(IntegrityError):
            add(old, series)
    assert inspect(old).get_pk_constraint("power_data")["constrained_columns"] == ["owner", "series", "date"]
    assert [index["column_names"] for index in inspect(old).get_indexes("power_data")] == [["import_id"]]


def test_the_way_back_keeps_power_alone_and_forward_again_works(old):
    before = rows(old)
    store.migrate(old)
    begin_gas(old)
    add(old, "gas")
    go(old, command.downgrade, BEFORE)
    assert rows(old) == before
    assert inspect(old).get_pk_constraint("power_data")["constrained_columns"] == ["owner", "date"]
    with old.begin() as connection:
        assert connection.execute(text("SELECT count(*) FROM imports")).scalar() == 1
    store.migrate(old)
    assert rows(old) == before
