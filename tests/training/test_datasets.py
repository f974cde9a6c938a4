from __future__ import annotations

import os
import re
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import openpyxl
import pandas as pd
import pytest
from tsdata.fpp3 import raw

from bentos.load.calendar import Region
from training.datasets import DataError, Place, open_series

ROOT = Path(__file__).parents[2]
EECUP = ROOT / os.environ.get("FOREWATT_SHARED", "../shared") / "data/load_eecup2016_area1"
BERLIN = Place("Europe/Berlin", Region("DE"))


def rows(count: int = 30, first: str = "2024-01-01") -> list[list]:
    start = date.fromisoformat(first)
    return [[(start + timedelta(days=i)).isoformat(), 100.0 + i] for i in range(count)]


def hours(first: str, last: str) -> pd.DatetimeIndex:
    return pd.date_range(first, last, freq="h", tz="Europe/Berlin")


@pytest.fixture
def csv(tmp_path: Path):
    def write(cells: list[list], header: str = "date,load") -> str:
        path = tmp_path / "plant.csv"
        path.write_text("\n".join([header, *(",".join("" if c is None else str(c) for c in row) for row in cells)]))
        return str(path)

    return write


def refused(source: str) -> str:
    with pytest.raises(DataError) as error:
        open_series(source, BERLIN)
    assert "Traceback" not in str(error.value)
    return str(error.value)


def test_victoria_has_every_day_of_three_years_with_its_half_hours_mean():
    known = open_series("vic_elec", Place("Australia/Melbourne", Region("AU", "VIC")))
    assert (len(known.days), known.filled) == (1096, ())
    assert (str(known.days.index[0].date()), str(known.at.date())) == ("2012-01-01", "2014-12-31")
    by_its_own_date = raw["vic_elec"].groupby("Date")["Demand"].mean()
    np.testing.assert_allclose(known.days["load"], by_its_own_date)
    assert known.days["temperature"].between(5, 40).all()
    assert known.days["humidity"].isna().all()


def test_a_csv_of_days_in_any_order_with_further_columns_is_a_series(csv):
    cells = [[*row, 5.0, "note", 60.0] for row in rows()]
    known = open_series(csv(cells[::-1], "date,load,temperature,remark,humidity"), BERLIN)
    assert known.days["load"].tolist() == [100.0 + i for i in range(30)]
    assert known.days["humidity"].unique().tolist() == [60.0]
    assert known.days["rainfall"].isna().all()
    assert known.region == Region("DE")


def test_a_workbook_says_the_same_as_its_csv(tmp_path, csv):
    book = openpyxl.Workbook()
    book.active.append(["date", "load", "rainfall"])
    for day, load in rows():
        book.active.append([date.fromisoformat(day), load, 1.5])
    book.active.append([None, None, None])  # what a cleared row leaves behind
    book.save(tmp_path / "plant.xlsx")
    from_csv = open_series(csv([[*row, 1.5] for row in rows()], "date,load,rainfall"), BERLIN)
    pd.testing.assert_frame_equal(open_series(str(tmp_path / "plant.xlsx"), BERLIN).days, from_csv.days)


@pytest.mark.parametrize(("change", "length"), [("2024-03-31", 23), ("2024-10-27", 25)])
def test_hours_with_an_offset_become_local_days_over_a_clock_change(csv, change, length):
    start = pd.Timestamp(change) - pd.Timedelta(days=7)
    stamps = hours(str(start), str(start + pd.Timedelta(days=21)))[:-1]
    loads = [float(stamp.strftime("%Y-%m-%d") == change) * stamp.hour + 1 for stamp in stamps]
    cells = [[stamp.isoformat(), load, 0.5] for stamp, load in zip(stamps, loads, strict=True)]
    known = open_series(csv(cells, "date,load,rainfall"), BERLIN)
    assert len(known.days) == 21
    days_hours = [h for h in range(24) if length == 25 or h != 2] + [2] * (length == 25)
    assert known.days.loc[change, "load"] == pytest.approx(1 + sum(days_hours) / length)
    assert known.days.loc[change, "rainfall"] == length / 2


def test_stamps_of_another_zone_are_moved_to_the_days_of_the_place(csv):
    cells = [
        [stamp.tz_convert("UTC").isoformat(), float(stamp.day)] for stamp in hours("2024-01-01", "2024-01-20 23:00")
    ]
    assert open_series(csv(cells), BERLIN).days["load"].tolist() == [float(day) for day in range(1, 21)]


def test_a_missing_day_and_one_of_zero_are_filled_and_named(csv):
    cells = [row for row in rows(40) if row[0] != "2024-01-20"]
    cells[10][1] = 0
    known = open_series(csv(cells), BERLIN)
    assert known.filled == (date(2024, 1, 11), date(2024, 1, 20))


@pytest.mark.parametrize(
    ("spoil", "header", "says"),
    [
        (lambda r: r + r[:2], "date,load", r"rows twice: 2024-01-01.*Keep one"),
        (lambda r: r, "day,load", "no column date.*must name the columns"),
        (lambda r: r, "date,MW", "no column load.*must name the columns"),
        (lambda r: [*r[:3], [r[3][0], "n/v"], *r[4:]], "date,load", "row 5: a cell is not a number. Correct or empty"),
        (lambda r: [*r[:3], [r[3][0], -4], *r[4:]], "date,load", "negative loads. Net the generation out"),
        (lambda r: [*r[:3], [r[3][0], "inf"], *r[4:]], "date,load", "2024-01-04: load is inf.*correct or empty"),
        (lambda r: [*r[:3], [r[3][0], 2e12], *r[4:]], "date,load", "2024-01-04: load is 2.*correct or empty"),
        (lambda r: [[*row, -99.0] for row in r], "date,load,temperature", "temperature is -99.0.*correct or empty"),
        (lambda r: r[:13], "date,load", "13 days with load; at least 14"),
        (lambda r: [], "date,load", "0 days with load; at least 14"),
        (lambda r: r[:10] + r[15:], "date,load", "misses 5 of 30 days; add them or cut"),
        (lambda r: [["05/13/2024", 5.0], *r], "date,load", "Write dates as 2014-05-01"),
        (lambda r: [[20240101 + i, 5.0] for i in range(28)], "date,load", "bare number. Write dates as 2014-05-01"),
        (lambda r: [[day, "3193,7"] for day, _ in r], "date,load", "more cells than the header.* with a point"),
        (lambda r: [*r, [None, 5.0]], "date,load", "row 32: the date is empty"),
        (lambda r: [["2023-12-31T00:00:00+01:00", 5.0], *r], "date,load", "some have none. Write dates .* all alike"),
        (lambda r: rows(10_001, "1990-01-01"), "date,load", "10001 days; at most 10000 are used. Cut"),
    ],
)
def test_a_table_that_cannot_be_used_is_refused_with_what_to_do(csv, spoil, header, says):
    assert re.search(says, refused(csv(spoil(rows()), header)))


def test_a_file_that_is_none_is_refused_with_what_to_do(tmp_path):
    assert "Give vic_elec, a .csv" in refused(str(tmp_path / "nowhere.csv"))
    for name, content, says in [
        ("plant.xls", b"", "Save it as one of them"),
        ("plant.xlsx", b"date,load", "Save it again"),
        ("plant.csv", b"", "Save it again"),
        ("plant.csv", b"date,load\n\xff\xfe,1", "Save it again"),
    ]:
        (tmp_path / name).write_bytes(content)
        assert says in refused(str(tmp_path / name))


def test_a_folder_of_wide_tables_is_a_series_with_its_weather(tmp_path):
    days = [row[0] for row in rows(20)]
    loads = [f"{day},{i},{i + 2}" for i, day in enumerate(days, start=1)]
    weather = [f"{day},8.0,60.0,1.0" for day in days]
    (tmp_path / "A_Load.csv").write_text("\n".join(["YMD,T0000,T1200", *loads]))
    assert "one *_Load.csv and one *_Weather.csv" in refused(str(tmp_path))
    (tmp_path / "A_Weather.csv").write_text("\n".join(["YMD,Avg_Temperature,Avg_Humidity,Rainfall", *weather]))
    known = open_series(str(tmp_path), BERLIN)
    assert known.days["load"].tolist() == [float(i) for i in range(2, 22)]
    assert known.days["temperature"].unique().tolist() == [8.0]
    (tmp_path / "A_Weather.csv").write_text("\n".join(["YMD,Avg_Temperature,Avg_Humidity,Rain", *weather]))
    assert "A_Weather.csv has no column Rainfall" in refused(str(tmp_path))
    (tmp_path / "A_Load.csv").write_text("\n".join(["YMD,T0000,T1200", *loads, loads[0]]))
    assert "rows twice" in refused(str(tmp_path))


@pytest.mark.skipif(not EECUP.is_dir(), reason="the EE-Cup data is not here; set FOREWATT_SHARED")
def test_the_ee_cups_folder_agrees_with_the_daily_table_made_from_it():
    known = open_series(str(EECUP), Place("Asia/Shanghai", Region("CN")))
    daily = open_series(str(EECUP / "power_data_daily.csv"), Place("Asia/Shanghai", Region("CN")))
    both = known.days.join(daily.days.add_suffix("_daily"), how="inner")
    assert len(known.days) > 2000
    assert len(both) > 1000
    assert ((both["load"] / both["load_daily"] - 1).abs() < 1e-3).mean() > 0.99
    assert (both["temperature"] == both["temperature_daily"]).mean() > 0.99
