"""Whatever a caller sends wrongly comes back as a problem that says what to do, and nothing about our insides."""

import json
import os
import re
from datetime import date, timedelta

import pytest

FORECASTS, PREDICT = "/api/v1/forecasts", "/api/predict"
JSON = {"content-type": "application/json"}
REMEDY = re.compile(
    r"send|write|give|add|use|ask|correct|upload|keep|save|should|must|list of routes|allow|set", re.IGNORECASE
)


def check(answer, status):
    """A problem document with this status; gives it."""
    assert answer.status_code == status, answer.text[:500]
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem["status"] == status
    assert problem["title"]
    assert problem["type"].startswith("urn:forewatt:problem:")
    assert problem["trace_id"] == answer.headers["x-request-id"]
    assert REMEDY.search(problem["detail"]), problem["detail"]
    assert len(answer.content) < 64_000
    assert len(problem["errors"]) <= 50
    assert not re.search(r"Traceback|\.py\b|site-packages|/home|/tmp|/root|/work|sqlalchemy", answer.text)
    return problem


def row(**fields):
    """Change the fifth row; None takes a field away."""

    def change(question):
        changed = question["series"][4] | fields
        question["series"][4] = {k: v for k, v in changed.items() if v is not ...}

    return change


def top(**fields):
    """Change the question itself."""
    return lambda question: question.update(fields)


def rows(make):
    """Change the whole series."""

    def change(question):
        question["series"] = make(question["series"])

    return change


def weather(last=date(2014, 5, 31), **fields):
    """A month of weather after the history."""
    return [{"date": str(last + timedelta(i)), "temperature": 10.0, **fields} for i in range(1, 31)]


QUESTIONS = {
    # name: (change, status, pointer, row)
    "negative load": (row(load=-1), 422, "/series/4/load", 5),
    "load beyond any grid": (row(load=1e13), 422, "/series/4/load", 5),
    "load that overflows": (row(load=10**400), 422, "/series/4/load", 5),
    "text for a load": (row(load="100"), 422, "/series/4/load", 5),
    "bool for a load": (row(load=True), 422, "/series/4/load", 5),
    "null load": (row(load=None), 422, "/series/4/load", 5),
    "list for a load": (row(load=[1]), 422, "/series/4/load", 5),
    "missing load": (row(load=...), 422, "/series/4/load", 5),
    "missing date": (row(date=...), 422, "/series/4/date", 5),
    "date nonsense": (row(date="last Tuesday"), 422, "/series/4/date", 5),
    "30 February": (row(date="2014-02-30"), 422, "/series/4/date", 5),
    "empty date": (row(date=""), 422, "/series/4/date", 5),
    "date with a time": (row(date="2014-03-01T12:30:00"), 422, "/series/4/date", 5),
    "NUL in a date": (row(date="2014-03-01\0"), 422, "/series/4/date", 5),
    "humidity 101": (row(humidity=101), 422, "/series/4/humidity", 5),
    "temperature 200": (row(temperature=200), 422, "/series/4/temperature", 5),
    "negative rain": (row(rainfall=-0.1), 422, "/series/4/rainfall", 5),
    "text for a temperature": (row(temperature="mild"), 422, "/series/4/temperature", 5),
    "unknown column": (row(wind=3), 422, "/series/4/wind", 5),
    "column with a slash and a tilde": (row(**{"a/b~c": 3}), 422, "/series/4/a~1b~0c", 5),
    "a row that is a number": (rows(lambda s: [*s[:4], 7, *s[5:]]), 422, "/series/4", 5),
    "a row that is null": (rows(lambda s: [*s[:4], None, *s[5:]]), 422, "/series/4", 5),
    "duplicate days": (rows(lambda s: [*s, s[7]]), 422, "", None),
    "gaps of more than a tenth": (rows(lambda s: s[:20] + s[35:]), 422, "", None),
    "too short": (rows(lambda s: s[-13:]), 422, "", None),
    "one row": (rows(lambda s: s[-1:]), 422, "", None),
    "empty series": (rows(lambda s: []), 422, "/series", None),
    "series that is an object": (rows(lambda s: {"a": 1}), 422, "/series", None),
    "series that is text": (rows(lambda s: "1,2,3"), 422, "/series", None),
    "too many rows": (rows(lambda s: s * 200), 422, "/series", None),
    "no series": (lambda q: q.pop("series"), 422, "/series", None),
    "only zeros": (rows(lambda s: [r | {"load": 0} for r in s]), 422, "", None),
    "unknown model": (top(model_type="XGBoost"), 400, "/model_type", None),
    "model as a number": (top(model_type=1), 400, "/model_type", None),
    "unknown field": (top(modle_type="Ridge"), 422, "/modle_type", None),
    "month 13": (top(year=2014, month=13), 422, "/month", None),
    "month 0": (top(year=2014, month=0), 422, "/month", None),
    "month as text": (top(year=2014, month="6"), 422, "/month", None),
    "month as bool": (top(year=2014, month=True), 422, "/month", None),
    "month and a half": (top(year=2014, month=6.5), 422, "/month", None),
    "year without month": (top(year=2014), 422, "", None),
    "month without year": (top(month=6), 422, "", None),
    "year 99999": (top(year=99999, month=6), 422, "/year", None),
    "month too far": (top(year=2014, month=9), 422, "", None),
    "month already known": (top(year=2014, month=5), 422, "", None),
    "bad time zone": (top(timezone="Mars/Olympus"), 422, "/timezone", None),
    "time zone that is a path": (top(timezone="../../etc/passwd"), 422, "/timezone", None),
    "time zone of a megabyte": (top(timezone="x" * 1_000_000), 422, "/timezone", None),
    "bad country": (top(country="Australia"), 422, "/country", None),
    "country in small letters": (top(country="au"), 422, "/country", None),
    "subdivision without country": (top(subdivision="VIC"), 422, "", None),
    "empty unit": (top(unit=""), 422, "/unit", None),
    "unknown weather mode": (top(weather="sunny"), 422, "/weather", None),
    "weather forecast without rows": (top(weather="forecast"), 422, "", None),
    "climatology with rows": (top(weather_ahead=weather()), 422, "", None),
    "weather ahead without temperatures": (
        top(weather="forecast", weather_ahead=weather(temperature=None)), 422, "", None,
    ),
    "hot weather ahead": (
        top(weather="forecast", weather_ahead=weather(temperature=99)), 422, "/weather_ahead/0/temperature", 1,
    ),
    "a field of a megabyte": (top(**{"x" * 1_000_000: 1}), 422, None, None),
}  # fmt: skip


@pytest.mark.parametrize("wrong", QUESTIONS.values(), ids=QUESTIONS)
def test_a_question_that_cannot_be_answered_names_the_place(gateway, history, wrong):
    change, status, pointer, line = wrong
    question = {"series": history()}
    change(question)
    problem = check(gateway.post(FORECASTS, content=json.dumps(question), headers=JSON), status)
    first = problem["errors"][0]
    assert pointer is None or first["pointer"] == pointer
    assert first.get("row") == line
    assert first["code"]
    assert first["message"]


SERIES = b'{"series":[{"date":"2014-05-01","load":'
BODIES = {
    # name: (body, headers, status)
    "empty body": (b"", JSON, 400),
    "white space": (b" \n", JSON, 400),
    "truncated JSON": (SERIES, JSON, 400),
    "JSON with a tail": (b"{} {}", JSON, 400),
    "single quotes": (b"{'series': []}", JSON, 400),
    "NaN": (SERIES + b"NaN}]}", JSON, 400),
    "Infinity": (SERIES + b"Infinity}]}", JSON, 400),
    "minus Infinity": (SERIES + b"-Infinity}]}", JSON, 400),
    "number too large for any type": (SERIES + b"1" * 6000 + b"}]}", JSON, 400),
    "number beyond a float": (SERIES + b"1e999}]}", JSON, 422),
    "not an object": (b"[1, 2]", JSON, 422),
    "null": (b"null", JSON, 422),
    "a bare word": (b'"series"', JSON, 422),
    "an empty object": (b"{}", JSON, 422),
    "a hundred thousand brackets": (b"[" * 100_000, JSON, 400),
    "a hundred thousand objects": (b'{"a":' * 100_000 + b"1" + b"}" * 100_000, JSON, 400),
    "invalid UTF-8": (b'{"unit":"\xff\xfe"}', JSON, 400),
    "UTF-16": ('{"series":[]}'.encode("utf-16"), JSON, 400),
    "NUL byte": (b'{"unit":"\x00"}', JSON, 400),
    "half a surrogate pair": (b'{"unit":"\\ud800"}', JSON, 400),
    "gzip": (b"\x1f\x8b\x08\x00\x00\x00\x00\x00", JSON, 400),
    "text": (b"{}", {"content-type": "text/plain"}, 415),
    "a form": (b"a=1", {"content-type": "application/x-www-form-urlencoded"}, 415),
    "XML": (b"<a/>", {"content-type": "application/xml"}, 415),
    "no content type": (b"{}", {}, 415),
    "a content type of nonsense": (b"{}", {"content-type": ";;;"}, 415),
}


@pytest.mark.parametrize("route", [FORECASTS, PREDICT])
@pytest.mark.parametrize(("body", "headers", "status"), BODIES.values(), ids=BODIES)
def test_a_body_that_is_no_question_is_refused(gateway, route, body, headers, status):
    check(gateway.post(route, content=body, headers=headers), status)


def test_every_wrong_row_is_named_but_never_more_than_fifty(gateway, history):
    series = [row | {"load": "many"} for row in history()]
    problem = check(gateway.post(FORECASTS, json={"series": series}), 422)
    assert [error["row"] for error in problem["errors"]] == list(range(1, 51))
    assert {error["column"] for error in problem["errors"]} == {"load"}


@pytest.mark.parametrize("deadline", ["soon", "0", "-1", "1.5", "60001", "1e3", "", "9" * 5000])
@pytest.mark.parametrize("route", [FORECASTS, "/v2/models/load/infer"])
def test_a_deadline_that_is_none_is_refused(gateway, history, route, deadline):
    headers = {"X-Forewatt-Deadline-Ms": deadline}
    check(gateway.post(route, json={"series": history()}, headers=headers), 400)


@pytest.mark.parametrize("path", ["/", "/api", "/api/v1/forecasts/", "/api/v1/forecast", "/v3", "/livez/x", "/%00"])
def test_an_unknown_address_is_404(gateway, path):
    check(gateway.get(path), 404)


@pytest.mark.parametrize(
    ("method", "path"),
    [("DELETE", FORECASTS), ("PUT", PREDICT), ("DELETE", "/livez"), ("PATCH", "/v2/models"), ("PROPFIND", FORECASTS)],
)
def test_a_wrong_method_is_405_and_names_the_right_one(gateway, method, path):
    answer = gateway.request(method, path)
    check(answer, 405)
    assert answer.headers["allow"]


PATHS = [
    "/uploads/../secret.csv",
    "/uploads/../uploads/../secret.csv",
    "/uploads/sub/../../secret.csv",
    "/uploads/..\\secret.csv",
    "/uploads/%2e%2e/secret.csv",
    "/uploads/..%2fsecret.csv",
    "/uploads/%252e%252e%252fsecret.csv",
    "/uploads/....//secret.csv",
    "/uploads/．．/secret.csv",
    "../secret.csv",
    "secret.csv",
    "uploads/power.csv",
    "//uploads/power.csv",
    "/uploadsx/power.csv",
    "/UPLOADS/power.csv",
    "/etc/passwd",
    "file:///uploads/power.csv",
    "https://example.org/power.csv",
    "C:\\uploads\\power.csv",
    "~/power.csv",
    "",
    "/",
    "/uploads",
    "/uploads/",
    "/uploads/folder.csv",
    "/uploads/missing.csv",
    "/uploads/notes.txt",
    "/uploads/pipe.csv",
    "/uploads/loop.csv",
    "/uploads/out.csv",
    "/uploads/out/secret.csv",
    "/uploads/power.csv\0",
    "/uploads/power.csv\0.csv",
    "/uploads/" + "x" * 300 + ".csv",
    "/uploads/" + "x/" * 3000 + "a.csv",
    "/uploads/power.csv/..",
]


@pytest.fixture(scope="module")
def uploads(settings, address):
    """An uploads folder with traps in it and a secret beside it."""
    folder = settings.uploads
    (settings.data / "secret.csv").write_text("date,load\n")
    (folder / "power.csv").write_text("date,load\n")
    (folder / "notes.txt").write_text("date,load\n")
    (folder / "folder.csv").mkdir()
    (folder / "out.csv").symlink_to(settings.data / "secret.csv")
    (folder / "out").symlink_to(settings.data)
    (folder / "loop.csv").symlink_to(folder / "loop.csv")
    os.mkfifo(folder / "pipe.csv")
    return folder


@pytest.mark.parametrize("path", PATHS)
def test_a_path_that_names_no_uploaded_file_is_refused_alike(gateway, uploads, inference, path):
    problem = check(gateway.post(PREDICT, json={"new_data_path": path}), 400)
    assert problem["errors"][0]["pointer"] == "/new_data_path"
    assert "/uploads/" in problem["detail"]
    assert not inference.seen


def lines(change=lambda number, line: line, days=90):
    """A CSV file of a plain load; ``change`` sees each line with its number."""
    first = date(2014, 3, 3)
    text = ["date,load,temperature", *(f"{first + timedelta(i)},{100 + i % 7},15" for i in range(days))]
    return "\n".join(change(number, line) for number, line in enumerate(text, 1)).encode()


def line_7(line):
    return lambda number, given: line if number == 7 else given


FILES = {
    # name: (content, row, column)
    "empty file": (b"", 1, None),
    "only white space": (b"\n\n  \n", 1, None),
    "only a header": (b"date,load\n", None, None),
    "no load column": (lines(lambda n, line: line.replace("load", "wind")), 1, None),
    "no header": (lines().partition(b"\n")[2], 1, None),
    "an unknown column": (lines(lambda n, line: line.replace("temperature", "temprature")), 1, None),
    "a column twice": (lines(lambda n, line: line.replace("temperature", "load")), 1, None),
    "semicolons": (lines().replace(b",", b";"), 1, None),
    "text in a number": (lines(line_7("2014-03-08,about 100,15")), 7, "load"),
    "a number with a comma": (lines(line_7("2014-03-08,3,193.7,15")), 7, None),
    "a line cut short": (lines(line_7("2014-03-08,3")), 7, None),
    "no load in a line": (lines(line_7("2014-03-08,,15")), 7, "load"),
    "no date in a line": (lines(line_7(",100,15")), 7, "date"),
    "negative load": (lines(line_7("2014-03-08,-5,15")), 7, "load"),
    "NaN": (lines(line_7("2014-03-08,nan,15")), 7, "load"),
    "Infinity": (lines(line_7("2014-03-08,inf,15")), 7, "load"),
    "a date nobody knows": (lines(line_7("08.03.2014,100,15")), 7, "date"),
    "temperature 200": (lines(line_7("2014-03-08,100,200")), 7, "temperature"),
    "a wrong line after a blank one": (lines(line_7("\n2014-03-08,x,15")), 8, "load"),
    "a day twice": (lines(line_7("2014-03-04,100,15")), None, None),
    "too short": (lines(days=5), None, None),
    "too many rows": (lines(days=10_001), None, None),
    "Latin-1": ("date,load\nMärz,1\n".encode("latin-1"), None, None),
    "binary": (bytes(range(256)) * 20, None, None),
    "an open quote": (lines(line_7('"2014-03-08,100,15')), None, None),
    "a spreadsheet": (b"PK\x03\x04" + bytes(200), None, None),
    "NUL in a line": (lines(line_7("2014-03-08,1\x0000,15")), 7, "load"),
}


@pytest.mark.parametrize(("content", "line", "column"), FILES.values(), ids=FILES)
def test_a_file_that_is_no_table_of_loads_names_the_line(gateway, settings, content, line, column):
    (settings.uploads / "bad.csv").write_bytes(content)
    problem = check(gateway.post(PREDICT, json={"new_data_path": "/uploads/bad.csv"}), 422)
    if line is not None:
        first = problem["errors"][0]
        assert (first["row"], first.get("column"), first["pointer"]) == (line, column, "/new_data_path")


def test_a_file_of_more_than_eight_megabytes_is_refused(gateway, settings):
    (settings.uploads / "large.csv").write_bytes(b"date,load\n" + b" " * settings.body_limit_bytes)
    assert check(gateway.post(PREDICT, json={"new_data_path": "/uploads/large.csv"}), 422)


@pytest.mark.parametrize(
    ("fields", "status", "pointer"),
    [
        ({"model_type": "Prophet"}, 400, "/model_type"),
        ({"modelType": "Prophet"}, 400, "/modelType"),
        ({"model_type": "Ridge", "modelType": "Ridge"}, 422, "/modelType"),
        ({"year": 2014, "month": 13}, 422, "/month"),
        ({"year": "2014", "month": 6}, 422, "/year"),
        ({"year": 2014}, 422, ""),
        ({"timezone": "Nowhere"}, 422, "/timezone"),
        ({"country": "A"}, 422, "/country"),
        ({"weather": "forecast"}, 422, ""),
        ({"series": []}, 422, "/series"),
        ({"new_data_path": 7}, 422, "/new_data_path"),
        ({"new_data_path": None}, 422, "/new_data_path"),
    ],
)
def test_options_of_a_file_are_judged_like_those_of_a_question(gateway, settings, fields, status, pointer):
    (settings.uploads / "good.csv").write_bytes(lines())
    answer = gateway.post(PREDICT, json={"new_data_path": "/uploads/good.csv"} | fields)
    assert check(answer, status)["errors"][0]["pointer"] == pointer
