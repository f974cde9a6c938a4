"""From the line that `make up` prints to the month it answers, through both real processes."""

import csv
import json
import sqlite3
import sys
from contextlib import closing
from datetime import date, timedelta
from typing import get_args

import pytest

from bentos.load.schema import ModelType

QUANTILES = ("p5", "p10", "p50", "p90", "p95")
MAY = [f"2024-05-{day:02}" for day in range(1, 32)]


@pytest.fixture
def greeting(house, start) -> str:
    """What `make up` prints at the end."""
    knobs = {"FOREWATT_PORT": house.gateway.url.rpartition(":")[2], "FOREWATT_INFERENCE_URL": house.inference.url}
    told = start.run(sys.executable, "-m", "gateway.greeting", FOREWATT_DATA=house.data, **knobs)
    assert (told.returncode, told.stderr) == (0, "")
    return told.stdout


def test_the_printed_curl_answers_a_month_and_its_ten_peaks_and_both_are_kept(greeting, house, type_curl):
    assert house.gateway.url in greeting
    assert house.inference.url in greeting
    assert house.gateway.right["X-API-Key"] not in greeting
    answer = json.loads(type_curl(greeting).stdout)
    assert [day["date"] for day in answer["days"]] == MAY
    assert [peak["rank"] for peak in answer["top10"]] == list(range(1, 11))
    with (house.data / answer["stored_csv"]).open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["date"], float(row["mean"])) for row in rows] == [(day["date"], day["mean"]) for day in answer["days"]]
    wanted = "SELECT model_type, year, month, answer FROM forecasts WHERE stored_csv = ?"
    with closing(sqlite3.connect(house.data / "forewatt.db")) as database:
        ((model_type, year, month, kept),) = database.execute(wanted, [answer["stored_csv"]])
    assert (model_type, year, month) == ("RandomForestRegressor", 2024, 5)
    assert json.loads(kept)["days"] == answer["days"]


@pytest.mark.parametrize("model_type", get_args(ModelType))
def test_every_model_answers_a_month_whose_numbers_agree_with_each_other(client, past, model_type):
    said = client.post("/api/v1/forecasts", json={"series": past(800), "model_type": model_type})
    assert said.status_code == 200, said.text
    answer = said.json()
    days = {day["date"]: day for day in answer["days"]}
    assert list(days) == MAY
    assert answer["model"]["model_type"] == model_type
    for day in days.values():
        assert sorted(day[name] for name in QUANTILES) == [day[name] for name in QUANTILES]
        assert day["p5"] < day["mean"] < day["p95"]
        assert 0 <= day["p_top10"] <= 1
    assert sum(day["p_top10"] for day in days.values()) == pytest.approx(10, abs=0.01)
    values = [peak["value"] for peak in answer["top10"]]
    assert values == sorted((day["mean"] for day in days.values()), reverse=True)[:10]
    for peak in answer["top10"]:
        day = days[peak["date"]]
        assert (peak["value"], peak["p10"], peak["p90"]) == (day["mean"], day["p10"], day["p90"])
        assert (peak["probability"], peak["unit"]) == (day["p_top10"], "MW")


def test_the_same_question_has_the_same_answer_at_both_doors(client, house, past):
    asked = {"series": past(800), "model_type": "RandomForestRegressor", "timezone": "Europe/Berlin"}
    first, second = (client.post("/api/v1/forecasts", json=asked).json() for _ in range(2))
    behind = client.post(f"{house.inference.url}/forecast", json=asked).json()
    assert first == second == behind
    by_file = client.post("/api/predict", json={"new_data_path": "/uploads/power_data.csv"}).json()
    whole = client.post("/api/v1/forecasts", json={"series": past(5000), "model_type": "RandomForestRegressor"}).json()
    assert by_file["days"] == whole["days"]


def test_a_supplied_weather_moves_the_forecast_and_is_named(client, past):
    asked = {"series": past(800)}
    plain = client.post("/api/v1/forecasts", json=asked).json()
    ahead = [{"date": (date(2024, 5, 1) + timedelta(day)).isoformat(), "temperature": 34.0} for day in range(31)]
    said = client.post("/api/v1/forecasts", json=asked | {"weather": "forecast", "weather_ahead": ahead})
    assert said.status_code == 200, said.text
    assert (plain["weather"], said.json()["weather"]) == ("climatology", "forecast")
    mean, hot = (sum(day["mean"] for day in answer["days"]) for answer in (plain, said.json()))
    assert hot > 1.02 * mean  # the generated town cools above 22 °C


def test_a_named_country_brings_its_holidays_and_takes_the_warning_away(client, past):
    nowhere = client.post("/api/v1/forecasts", json={"series": past(800)}).json()
    germany = client.post("/api/v1/forecasts", json={"series": past(800), "country": "DE", "subdivision": "BE"}).json()
    assert any("No country" in warning for warning in nowhere["warnings"])
    assert not any("No country" in warning for warning in germany["warnings"])
    assert nowhere["days"] != germany["days"]


def test_a_month_that_has_begun_keeps_the_days_that_were_measured(client, past):
    begun = past(800)[:-10]  # to the 20th of April
    answer = client.post("/api/v1/forecasts", json={"series": begun, "year": 2024, "month": 4}).json()
    measured = {row["date"]: row["load"] for row in begun[-20:]}
    found = {day["date"]: day["mean"] for day in answer["days"] if day["date"] in measured}
    assert found == pytest.approx(measured, rel=1e-5)
    assert len(answer["days"]) == 30
