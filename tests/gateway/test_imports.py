"""Measurements come as a workbook and are there afterwards: each day once, and only for whoever brought them."""

import io
import sys
from datetime import date
from pathlib import Path
from uuid import uuid4

import openpyxl
import pytest
from openpyxl.comments import Comment

sys.path.insert(0, str(Path(__file__).parent))

from books import XLSX, book, rows

from bentos.load.sample import sample_series

IMPORT = "/api/data/import"


def send(client, content, name="power.xlsx", route=IMPORT, **options):
    return client.post(route, files={"file": (name, content, XLSX)}, params=options)


def stored(client, **asked):
    answer = client.get("/api/data/fetchData", params={"per_page": 500, **asked})
    assert answer.status_code == 200, answer.text
    return answer.json()


@pytest.mark.parametrize("route", [IMPORT, "/api/v1/readings/import"])
def test_a_workbook_is_taken_and_its_days_are_listed(caller, route):
    answer = send(caller, book(), route=route)
    assert answer.status_code == 200, answer.text
    assert answer.json().items() >= {"imported": 20, "duplicates": 0, "errors": []}.items()
    listed = stored(caller)
    assert listed["total"] == 20
    assert listed["items"][1] == {
        "date": "2024-01-02", "temperature": 11.5, "humidity": 60.0, "rainfall": 0.0, "load": 901.25,
    }  # fmt: skip


@pytest.mark.parametrize(
    "header",
    [
        ("日期", "温度", "湿度", "降雨量", "负荷"),
        ("日期", "温度(℃)", "湿度 (%)", "降雨量（mm）", "负荷[MW]"),
        ("DATE", " Temperature ", "humidity", "Rainfall (mm)", "Load (kW)"),
    ],
)
def test_the_columns_may_have_the_documents_names_in_either_language_with_their_units(caller, header):
    assert send(caller, book(header=header)).json()["imported"] == 20
    assert stored(caller)["items"][0]["rainfall"] == 0


def test_columns_may_stand_in_any_order_below_a_title_and_strange_ones_are_named_and_ignored(caller):
    content = [["Our plant"], [], ["负荷", "wind", "date"], [5, "x", date(2024, 1, 1)], [], [6, None, "2024-01-02"]]
    answer = send(caller, book(("一月", content), ("notes", [["nothing"]]), header=None)).json()
    assert answer["imported"] == 2
    assert answer["ignored"] == ["column wind of sheet 一月", "sheet notes"]
    assert [(day["date"], day["load"], day["temperature"]) for day in stored(caller)["items"]] == [
        ("2024-01-01", 5, None),
        ("2024-01-02", 6, None),
    ]


def test_every_sheet_with_the_header_is_read_but_no_hidden_one(caller):
    made = openpyxl.load_workbook(
        io.BytesIO(book(("2023", rows(10, date(2023, 1, 1))), ("2024", rows(10)), ("old", rows(20))))
    )
    made["old"].sheet_state = "hidden"
    file = io.BytesIO()
    made.save(file)
    answer = send(caller, file.getvalue()).json()
    assert (answer["imported"], answer["ignored"]) == (20, ["hidden sheet old"])


def test_the_same_workbook_twice_brings_nothing_new_and_says_so(caller):
    send(caller, book())
    again = send(caller, book()).json()
    assert (again["imported"], again["duplicates"]) == (0, 20)
    assert again["duplicateRows"][0] == {"sheet": "Sheet1", "row": 2, "date": "2024-01-01", "already": "stored"}
    assert stored(caller)["total"] == 20


@pytest.mark.parametrize(("policy", "load"), [("keep", 1), ("replace", 3)])
def test_a_day_that_comes_again_is_kept_or_replaced_as_is_asked(caller, policy, load):
    send(caller, book([["2024-01-01", None, None, None, 1]]))
    twice = [["2024-01-01", None, None, None, 2], ["2024-01-01", None, None, None, 3]]
    answer = send(caller, book(twice), on_duplicate=policy).json()
    assert answer["duplicates"] == 2
    assert [row["already"] for row in answer["duplicateRows"]] == ["stored", "in the file" if load == 3 else "stored"]
    assert [day["load"] for day in stored(caller)["items"]] == [load]


def test_a_day_that_comes_again_is_refused_where_that_is_asked(caller):
    twice = [["2024-01-01", None, None, None, 2], ["2024-01-01", None, None, None, 3]]
    answer = send(caller, book(twice), on_duplicate="refuse")
    assert answer.status_code == 422
    (error,) = answer.json()["errors"]
    assert (error["sheet"], error["row"], error["column"], error["value"]) == ("Sheet1", 3, "date", "2024-01-01")
    assert stored(caller)["total"] == 0
    assert send(caller, book(twice), on_duplicate="refuse", mode="partial").json()["imported"] == 1


def test_with_one_wrong_row_nothing_is_taken_unless_the_right_ones_are_asked_for(caller):
    content = book([*rows(), ["2024-02-30", None, None, None, 1]])
    refused = send(caller, content)
    assert (refused.status_code, refused.headers["content-type"]) == (422, "application/problem+json")
    assert "mode=partial" in refused.json()["detail"]
    assert stored(caller)["total"] == 0
    taken = send(caller, content, mode="partial").json()
    assert (taken["imported"], taken["errorCount"], taken["errors"][0]["row"]) == (20, 1, 22)
    assert stored(caller)["total"] == 20


def test_a_wrong_row_in_one_sheet_hides_nothing_of_the_next(caller):
    content = book(("2023", [["2023-01-01", None, None, None, "x"]]), ("2024", [*rows(5), ["x", None, None, None, 1]]))
    taken = send(caller, content, mode="partial").json()
    assert (taken["imported"], [(error["sheet"], error["row"]) for error in taken["errors"]]) == (
        5,
        [("2023", 2), ("2024", 7)],
    )


def test_where_no_row_is_right_nothing_is_taken_whatever_is_asked(caller):
    for content in (book([["2024-01-01", None, None, None, "x"]]), book([], header=("day", "wind"))):
        assert send(caller, content, mode="partial").status_code == 422
    assert send(caller, book([])).json()["imported"] == 0


def test_the_wrong_cells_come_back_marked_and_the_rest_is_as_it_was(caller):
    made = openpyxl.load_workbook(io.BytesIO(book([*rows(3), ["2024-01-09", 99, 60, 0, "many"]])))
    sheet = made.active
    sheet["G1"], sheet["G2"] = "sum", "=SUM(E2:E4)"
    sheet["B5"].comment = Comment("new sensor", "us")
    sheet["A1"].font = openpyxl.styles.Font(bold=True)
    file = io.BytesIO()
    made.save(file)
    answer = send(caller, file.getvalue(), annotate="true")
    assert (answer.status_code, answer.headers["content-type"]) == (422, XLSX)
    marked = openpyxl.load_workbook(io.BytesIO(answer.content)).active
    assert [cell.coordinate for row in marked for cell in row if cell.comment] == ["B5", "E5"]
    assert marked["E5"].fill.fgColor.rgb == "FFFFC7CE"
    assert "Write a plain number" in marked["E5"].comment.text
    assert marked["B5"].comment.text.startswith("new sensor")
    assert (marked["G2"].value, marked["A1"].font.bold, marked["E5"].value) == ("=SUM(E2:E4)", True, "many")
    assert stored(caller)["total"] == 0
    assert send(caller, file.getvalue(), annotate="true", mode="partial").status_code == 200
    assert stored(caller)["total"] == 3
    assert send(caller, book(), annotate="true").json()["imported"] == 17


def test_an_import_and_its_rows_are_unknown_to_everybody_else(somebody):
    one, other = somebody(), somebody()
    number = send(one, book()).json()["importId"]
    assert one.get(f"/api/v1/imports/{number}").json().items() >= {"rows": 20, "file_name": "power.xlsx"}.items()
    for unknown in (number, str(uuid4())):
        refused = other.get(f"/api/v1/imports/{unknown}")
        assert (refused.status_code, refused.json()["type"]) == (404, "urn:forewatt:problem:import-unknown")
    assert stored(other)["total"] == 0
    assert send(other, book(rows(5))).json()["imported"] == 5
    whole = {"start_date": "1900-01-01", "end_date": "2200-01-01", "confirm": "true"}
    assert other.delete("/api/data", params=whole).json() == {"deleted": 5}
    assert (stored(one)["total"], stored(other)["total"]) == (20, 0)


def test_the_sample_series_is_loaded_by_one_call_and_changes_no_day_that_is_there(caller):
    send(caller, book([["2024-04-30", None, None, None, 1]]))
    answer = caller.post("/api/data/sample")
    assert answer.status_code == 200, answer.text
    assert (answer.json()["imported"], answer.json()["duplicates"]) == (len(sample_series()) - 1, 1)
    days = stored(caller, start_date="2024-04-29")["items"]
    assert days == [sample_series()[-2], days[-1]]
    assert (days[-1]["date"], days[-1]["load"]) == ("2024-04-30", 1)
    assert caller.post("/api/v1/readings/sample").json()["imported"] == 0


def test_a_file_name_is_kept_without_its_path_and_without_signs_that_cannot_be_seen(caller):
    number = send(caller, book(), "C:\\books\\../负荷\u200b\u202e.xlsx").json()["importId"]
    assert caller.get(f"/api/v1/imports/{number}").json()["file_name"] == "负荷.xlsx"
