"""A customer's account, keys and days over HTTP, the same on SQLite, PostgreSQL and MariaDB."""

import re
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

sys.path.insert(0, str(Path(__file__).parent))
from books import HEADER, XLSX, book, read, rows
from people import PASSWORD, bearer, known, login, register

from gateway import audit, keys, store
from gateway.settings import Settings
from gateway.tables import Forecast

PAGE = (Path(__file__).parents[2] / "docs" / "databases.md").read_text()
WHOLE = {"start_date": "2024-01-01", "end_date": "2030-12-31", "confirm": "true"}


@pytest.fixture(scope="module")
def settings(upstream, tmp_path_factory, database_url):
    data = tmp_path_factory.mktemp("databases")
    return Settings(data=data, database_url=database_url, inference_url=upstream.url)


@pytest.fixture(scope="module")
def gateway(run_gateway, settings):
    with run_gateway(settings) as client:
        client.timeout = 60
        yield client


@pytest.fixture
def caller(gateway, request):
    """Somebody who has nothing yet."""
    return known(gateway, f"u{abs(hash(request.node.name))}")


def bring(gateway, caller, content, name="power.xlsx", **options):
    file = {"file": (name, content, XLSX)}
    return gateway.post("/api/data/import", files=file, params=options, headers=caller)


def listed(gateway, caller, **asked):
    return gateway.get("/api/data/fetchData", params={"per_page": 500, **asked}, headers=caller).json()


def test_days_are_brought_listed_exported_judged_and_deleted(gateway, caller):
    brought = bring(gateway, caller, book(rows(40)), "负荷 ⚡.xlsx").json()
    assert (brought["imported"], brought["duplicates"]) == (40, 0)
    past = gateway.get(f"/api/v1/imports/{brought['importId']}", headers=caller).json()
    assert (past["file_name"], past["rows"]) == ("负荷 ⚡.xlsx", 40)
    page = listed(gateway, caller, per_page=7, page=2)
    assert (len(page["items"]), page["total"], page["items"][0]["date"]) == (7, 40, "2024-01-08")
    assert page["items"][0] == {
        "date": "2024-01-08",
        "temperature": 12.5,
        "humidity": 60,
        "rainfall": 0,
        "load": 907.25,
    }
    exported = gateway.get("/api/data/export", headers=caller)
    assert read(exported.content) == [list(HEADER), *rows(40)]
    judged = gateway.get("/api/data/quality", headers=caller).json()
    assert (judged["days"], judged["first"], judged["last"]) == (40, "2024-01-01", "2024-02-09")
    february = {**WHOLE, "start_date": "2024-02-01"}
    assert gateway.request("DELETE", "/api/data", params=february, headers=caller).json() == {"deleted": 9}
    assert listed(gateway, caller)["total"] == 31


def test_days_that_come_again_are_kept_replaced_or_refused(gateway, caller):
    bring(gateway, caller, book([["2024-01-01", None, None, None, 1]]))
    again = [["2024-01-01", None, None, None, 2], ["2024-01-02", None, None, None, 3]]
    for policy, loads in (("keep", [1, 3]), ("replace", [2, 3])):
        assert bring(gateway, caller, book(again), on_duplicate=policy).status_code == 200
        assert [day["load"] for day in listed(gateway, caller)["items"]] == loads
    assert bring(gateway, caller, book(again), on_duplicate="refuse").status_code == 422


def test_of_many_imports_of_the_same_days_at_once_each_is_whole_or_told_to_come_again(gateway, caller):
    books = [book([[f"2024-01-{day:02}", None, None, None, 100 * n + day] for day in range(1, 29)]) for n in range(6)]
    with ThreadPoolExecutor(6) as many:
        answers = list(many.map(lambda one: bring(gateway, caller, one, on_duplicate="replace"), books))
    assert {answer.status_code for answer in answers} <= {200, 409, 503}
    assert 200 in {answer.status_code for answer in answers}
    loads = [day["load"] for day in listed(gateway, caller)["items"]]
    assert len(loads) == 28
    assert {load // 100 for load in loads} == {loads[0] // 100}


def test_an_answer_to_a_file_is_kept_as_it_was_given(gateway, settings):
    lines = [f"2024-{month:02}-{day:02},5" for month in (1, 2) for day in range(1, 29)]
    (settings.uploads / "数据.csv").write_text("\n".join(["date,load", *lines]))
    asked = {"new_data_path": "/uploads/数据.csv", "unit": "兆瓦"}
    answered = gateway.post("/api/predict", json=asked)
    assert answered.status_code == 200, answered.text
    engine = store.connect(settings.database)
    with Session(engine) as session:
        kept = session.scalars(select(Forecast)).one()
    assert audit.broken_at(engine) is None
    engine.dispose()
    assert kept.answer == {k: v for k, v in answered.json().items() if k != "stored_csv"}
    assert kept.answer["unit"] == "兆瓦"


def test_a_generated_series_of_three_years_is_stored_and_given_back_page_by_page(gateway, caller):
    made = gateway.post("/api/data/sample", headers=caller).json()["imported"]
    days = [day for page in range(1, 4) for day in listed(gateway, caller, page=page)["items"]]
    assert made == len(days) == len({day["date"] for day in days}) > 1000
    assert [day["date"] for day in days] == sorted(day["date"] for day in days)


def test_people_come_in_change_their_password_and_end_their_logins(gateway):
    assert [register(gateway, name).status_code for name in ("zHang", "zhang", "ｚｈａｎｇ")] == [201, 409, 409]
    mine, other = (bearer(login(gateway, "ZHANG").json()["token"]) for _ in range(2))
    assert gateway.post("/api/auth/logout", headers=other).status_code == 204
    words = {"password": PASSWORD, "newPassword": "ein längeres 密码"}
    changed = bearer(gateway.put("/api/v1/me/password", headers=mine, json=words).json()["token"])
    assert [gateway.get("/api/v1/me", headers=one).status_code for one in (mine, other, changed)] == [401, 401, 200]
    assert len(gateway.get("/api/v1/me/logins", headers=changed).json()["items"]) == 1
    assert gateway.delete("/api/v1/me/logins", headers=changed).status_code == 204
    assert gateway.get("/api/v1/me", headers=changed).status_code == 401
    assert login(gateway, "zhang", words["newPassword"]).status_code == 200


def test_keys_are_made_used_and_revoked_and_no_more_than_may_be_however_fast_they_are_asked_for(
    gateway, caller, monkeypatch
):
    monkeypatch.setattr(keys, "MOST_KEYS", 3)
    asked = {"name": "楼顶 gateway", "expires_in_days": 1}
    with ThreadPoolExecutor(8) as many:
        answers = list(many.map(lambda _: gateway.post("/api/v1/keys", headers=caller, json=asked), range(8)))
    assert sorted(answer.status_code for answer in answers) == [201] * 3 + [409] * 5
    made = next(answer.json() for answer in answers if answer.status_code == 201)
    shown = {"X-API-Key": made["key"]}
    assert gateway.get("/api/v1/me", headers=shown).status_code == 200
    (kept,) = (key for key in gateway.get("/api/v1/keys", headers=caller).json()["items"] if key["id"] == made["id"])
    assert (kept["name"], kept["expires_at"]) == (asked["name"], made["expires_at"])
    assert kept["last_used_at"] is not None
    assert gateway.delete(f"/api/v1/keys/{made['id']}", headers=caller).status_code == 204
    assert gateway.get("/api/v1/me", headers=shown).status_code == 401


@pytest.mark.parametrize(("number", "kind", "family"), [(0, "postgresql", "postgresql"), (1, "mariadb", "mariadb")])
def test_a_database_made_as_the_page_says_is_reached_by_the_url_that_it_gives(server, number, kind, family):
    statements = re.findall(r"```sql\n(.*?)```", PAGE, re.DOTALL)[number].replace("\n", " ").split(";")
    (url,) = (line for line in PAGE.splitlines() if line.startswith(f"FOREWATT_DATABASE_URL={family}://"))
    here = f"@127.0.0.1:{server(kind).port}/"
    server(kind).does(*filter(str.strip, statements))
    engine = store.connect(re.sub("@.*?/", here, url.partition("=")[2]))
    try:
        store.migrate(engine)
        with store.transaction(engine) as session:
            audit.append(session, "login", None)
        assert audit.broken_at(engine) is None
    finally:
        engine.dispose()
        role = "ROLE" if kind == "postgresql" else "USER"
        server(kind).does("DROP DATABASE forewatt", f"DROP {role} forewatt")
