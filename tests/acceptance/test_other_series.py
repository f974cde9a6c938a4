"""Gas and water from a workbook to ten peak days, through both real processes; the example file is all that is new.

Nothing here knows a column's name: what to bring is asked of the gateway, as a caller would.
"""

import io
import math
import random
from datetime import date, timedelta
from pathlib import Path
from statistics import mean

import openpyxl
import pytest

from bentos.load.sample import sample_series

EXAMPLE = Path(__file__).parents[2] / "docs" / "examples" / "series.toml"
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
TODAY = date(2023, 12, 31)  # the last day that is known; what comes after is only compared
JANUARY = [date(2024, 1, day) for day in range(1, 32)]


def heating(weather, day, dice):
    """m3 of gas of a small town: by far the most in the cold, less on Saturdays and Sundays."""
    return (2_000 + 900 * max(0.0, 17 - weather["temperature"])) * (1 - 0.1 * (day.weekday() > 4)) * dice.gauss(1, 0.03)


def watering(weather, day, dice):
    """m3 of water: gardens in dry heat, and less used on Sundays."""
    gardens = 60 * max(0.0, weather["temperature"] - 20) * (weather["rainfall"] == 0)
    year = 1 + 0.05 * math.cos(2 * math.pi * (day.timetuple().tm_yday - 200) / 365.25)
    return (3_000 * year + gardens) * (1 - 0.12 * (day.weekday() == 6)) * dice.gauss(1, 0.02)


def measured(of):
    """By day, what was measured: the generated weather, and in the load's place what it brought about."""
    dice = random.Random(7)  # noqa: S311 - weather, not secrets
    return {
        (day := date.fromisoformat(row["date"])): row | {"load": round(of(row, day, dice), 1)}
        for row in sample_series()
    }


@pytest.fixture
def client(house, start, caller):
    """Of a gateway that was started with the example, before the inference server of all."""
    gateway = start.gateway(house.inference.url, FOREWATT_SERIES_FILE=EXAMPLE)
    gateway.wait_until_ready()
    caller.base_url, caller.headers = gateway.url, gateway.right
    return caller


@pytest.mark.parametrize(("name", "of"), [("gas", heating), ("water", watering)])
def test_a_declared_series_goes_from_a_workbook_to_ten_peak_days(client, name, of):
    (series,) = (each for each in client.get("/api/v1/series").json()["items"] if each["name"] == name)
    days = measured(of)
    assert brought(client, name, book(series, days)) == (TODAY - min(days)).days + 1

    listed = everything(client, name)
    exported = client.get("/api/data/export", params={"series": name}).content
    whole = {"series": name, "start_date": "1900-01-01", "end_date": "2200-12-31", "confirm": "true"}
    assert client.delete("/api/data", params=whole).json() == {"deleted": len(listed)}
    assert everything(client, name) == []
    assert brought(client, name, exported) == len(listed)
    assert everything(client, name) == listed

    means = {column["name"]: column["means"] for column in series["columns"]}
    history = [{means.get(key, key): value for key, value in row.items() if value is not None} for row in listed]
    said = client.post("/api/v1/forecasts", json={"series": history, "unit": series["unit"]})
    assert said.status_code == 200, said.text
    answer = said.json()
    assert (answer["unit"], answer["origin"]) == ("m3", TODAY.isoformat())
    assert [day["date"] for day in answer["days"]] == [day.isoformat() for day in JANUARY]
    assert len({peak["date"] for peak in answer["top10"]}) == 10
    assert {peak["unit"] for peak in answer["top10"]} == {"m3"}
    highest = sorted((day["mean"] for day in answer["days"]), reverse=True)[:10]
    assert [peak["value"] for peak in answer["top10"]] == pytest.approx(highest)
    assert error(answer["days"], days) < naive(days)
    seen = client.get("/api/data/quality", params={"series": name}).json()
    assert (seen["days"], seen["last"]) == (len(listed), TODAY.isoformat())
    assert {finding["column"] for finding in seen["findings"]} <= {series["columns"][-1]["name"]}
    assert client.get("/api/data/fetchData").json()["total"] == 0


def book(series, days):
    """A workbook with the columns that the series wants, up to today."""
    made, file = openpyxl.Workbook(), io.BytesIO()
    made.active.append(["date", *(f"{column['name']} (as measured)" for column in series["columns"])])
    for day, row in days.items():
        if day <= TODAY:
            made.active.append([day, *(row[column["means"]] for column in series["columns"])])
    made.save(file)
    return file.getvalue()


def brought(client, name, content):
    answer = client.post("/api/data/import", params={"series": name}, files={"file": ("x.xlsx", content, XLSX)})
    assert answer.status_code == 200, answer.text
    return answer.json()["imported"]


def everything(client, name):
    """All stored days, page by page."""
    rows, page = [], 1
    while more := client.get("/api/v1/readings", params={"series": name, "page": page, "per_page": 500}).json()[
        "items"
    ]:
        rows, page = rows + more, page + 1
    return rows


def error(forecast, days):
    """How far the month's days were from what came, on average."""
    return mean(abs(day["mean"] - days[date.fromisoformat(day["date"])]["load"]) for day in forecast)


def naive(days):
    """The same for the last known week, again and again."""
    last_week = [days[TODAY - timedelta(6 - n)]["load"] for n in range(7)]
    return mean(abs(last_week[n % 7] - days[day]["load"]) for n, day in enumerate(JANUARY))
