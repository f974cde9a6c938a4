"""What a caller gets for a good question, and what stays behind."""

import csv
import json
from datetime import date
from uuid import UUID

import pytest
from sqlalchemy.orm import Session

from gateway import store
from gateway.tables import Forecast


@pytest.fixture
def upload(settings, gateway, history):
    """Writes rows as CSV into the uploads folder; gives the path a caller would name."""

    def write(name="power_data.csv", rows=None, columns=("date", "load", "temperature")):
        rows = history() if rows is None else rows
        with (settings.uploads / name).open("w", newline="") as file:
            table = csv.DictWriter(file, columns, extrasaction="ignore")
            table.writeheader()
            table.writerows(rows)
        return f"/uploads/{name}"

    return write


def sent(inference):
    """The last question that the inference server saw."""
    return json.loads(next(body for _, path, _, body in reversed(inference.seen) if path == "/forecast"))


def test_a_history_is_answered_with_the_days_of_the_next_month(gateway, history):
    answer = gateway.post("/api/v1/forecasts", json={"series": history()})
    assert answer.status_code == 200, answer.text
    assert [day["date"] for day in answer.json()["days"]][::29] == ["2014-06-01", "2014-06-30"]
    assert len(answer.json()["top10"]) == 10


def test_the_question_reaches_the_inference_server_with_its_id_and_deadline(gateway, inference, history):
    headers = {"X-Request-ID": "order-66.a", "X-Forewatt-Deadline-Ms": "2500"}
    answer = gateway.post("/api/v1/forecasts", json={"series": history(), "unit": "kW"}, headers=headers)
    assert answer.headers["x-request-id"] == "order-66.a"
    _, _, seen, _ = inference.seen[-1]
    assert (seen["x-request-id"], seen["x-forewatt-deadline-ms"]) == ("order-66.a", "2500")
    assert sent(inference)["unit"] == "kW"
    assert sent(inference)["series"] == history()


def test_an_id_that_could_forge_a_log_line_is_replaced(gateway):
    answer = gateway.get("/livez", headers={"X-Request-ID": 'x" level=error {}'})
    assert UUID(answer.headers["x-request-id"])


@pytest.mark.parametrize("route", ["/api/predict", "/api/predict/"])
def test_a_file_is_answered_and_the_answer_is_kept_as_row_and_as_csv(gateway, settings, upload, route):
    answer = gateway.post(route, json={"new_data_path": upload()})
    assert answer.status_code == 200, answer.text
    stored = answer.json().pop("stored_csv")
    with (settings.data / stored).open() as file:
        kept = list(csv.DictReader(file))
    assert [row["date"] for row in kept] == [day["date"] for day in answer.json()["days"]]
    assert float(kept[0]["p_top10"]) == answer.json()["days"][0]["p_top10"]
    with Session(store.connect(settings.database)) as session:
        row = session.get(Forecast, UUID(stored.removeprefix("results/").removesuffix(".csv")))
    assert (row.model_type, row.year, row.month, row.origin) == (
        "RandomForestRegressor",
        2014,
        6,
        date(2014, 5, 31),
    )
    assert row.created_at.utcoffset().total_seconds() == 0
    assert row.stored_csv == stored
    assert row.answer["days"] == answer.json()["days"]
    assert not list(settings.results.glob("*.part"))


def test_a_file_asks_the_model_and_the_options_that_are_named(gateway, inference, upload):
    options = {
        "modelType": "Ridge",
        "year": 2014,
        "month": 7,
        "country": "AU",
        "subdivision": "VIC",
        "unit": "kW",
    }
    answer = gateway.post("/api/predict", json={"new_data_path": upload(), **options})
    assert answer.status_code == 200, answer.text
    asked = sent(inference)
    assert (asked.pop("model_type"), asked.pop("timezone")) == ("Ridge", "UTC")
    assert asked.items() >= {k: v for k, v in options.items() if k != "modelType"}.items()


def test_columns_may_stand_in_any_order_and_blank_cells_are_not_known(gateway, inference, upload, history):
    rows = history()
    rows[3]["temperature"], rows[4]["rainfall"] = "", 1.5
    path = upload("order.csv", rows, ("rainfall", "temperature", "load", "date"))
    assert gateway.post("/api/predict", json={"new_data_path": path}).status_code == 200
    series = sent(inference)["series"]
    assert "temperature" not in series[3]
    assert series[4] == {"date": rows[4]["date"], "load": 104.0, "temperature": 15.5, "rainfall": 1.5}


def test_a_file_with_a_byte_order_mark_and_windows_line_ends_is_read(gateway, settings, history):
    lines = ["Date,Load", *(f"{row['date']},{row['load']}" for row in history()), "", ""]
    (settings.uploads / "excel.csv").write_bytes(b"\xef\xbb\xbf" + "\r\n".join(lines).encode())
    assert gateway.post("/api/predict", json={"new_data_path": "/uploads/excel.csv"}).status_code == 200
