"""`/uploads/` is each caller's own folder; what lies in another's cannot be named."""

import json
import sys
from datetime import date
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from people import known
from test_bad_input import check
from works import store_days

from gateway import store
from gateway.settings import Settings

PREDICT, NAMED = "/api/predict", "/uploads/power_data.csv"


@pytest.fixture(scope="module")
def settings(upstream, tmp_path_factory):
    return Settings(data=tmp_path_factory.mktemp("files"), inference_url=upstream.url)


@pytest.fixture(scope="module")
def gateway(run_gateway, settings):
    with run_gateway(settings) as client:
        yield client


@pytest.fixture(scope="module")
def people(gateway):
    """Two accounts: of each the headers, and the id."""
    found = [known(gateway, name) for name in ("files-one", "files-other")]
    return [(who, gateway.get("/api/v1/me", headers=who).json()["userId"]) for who in found]


def write(folder: Path, load: float, name="power_data.csv", days=90) -> None:
    folder.mkdir(exist_ok=True)
    lines = [f"2014-{3 + n // 28:02}-{1 + n % 28:02},{load}" for n in range(days)]
    (folder / name).write_text("\n".join(["date,load", *lines]) + "\n")


def sent(inference):
    """The loads of the last question."""
    return {row["load"] for row in json.loads(inference.seen[-1][3])["series"]}


def test_two_accounts_with_a_file_of_the_same_name_get_results_of_their_own(gateway, settings, people, inference):
    for n, (_, number) in enumerate(people, 1):
        write(settings.uploads / number, 100.0 * n)
    write(settings.uploads, 900.0)
    for n, (who, _) in enumerate(people, 1):
        answer = gateway.post(PREDICT, json={"new_data_path": NAMED}, headers=who)
        assert answer.status_code == 200, answer.text
        assert sent(inference) == {100.0 * n}
    assert gateway.post(PREDICT, json={"new_data_path": NAMED}).status_code == 200
    assert sent(inference) == {900.0}
    totals = [gateway.get("/api/data/forecast/fetch", headers=who).json()["total"] for who in (people[0][0], None)]
    assert totals == [1, 1]


def test_nobody_gets_into_the_folder_of_an_account(gateway, settings, people, inference):
    (one, number), (other, _) = people
    write(settings.uploads / number, 1.0, "secret.csv")
    (settings.uploads / "way.csv").symlink_to(settings.uploads / number / "secret.csv")
    (settings.uploads / people[1][1]).mkdir(exist_ok=True)
    (settings.uploads / people[1][1] / "way.csv").symlink_to(settings.uploads / number / "secret.csv")
    ways = [
        f"/uploads/{number}/secret.csv",
        f"/uploads/{number.upper()}/secret.csv",
        f"/uploads/../{number}/secret.csv",
    ]
    ways += [f"/uploads/{number.replace('-', '')}/secret.csv", "/uploads/way.csv", f"/uploads/./{number}/secret.csv"]
    inference.seen.clear()
    for who in (None, other):
        for way in ways:
            check(gateway.post(PREDICT, json={"new_data_path": way}, headers=who), 400)
    assert not inference.seen
    assert gateway.post(PREDICT, json={"new_data_path": "/uploads/secret.csv"}, headers=one).status_code == 200


def test_where_there_is_no_such_file_the_stored_days_are_meant_and_only_under_its_name(gateway, settings, inference):
    who = known(gateway, "files-without")
    number = gateway.get("/api/v1/me", headers=who).json()["userId"]
    check(gateway.post(PREDICT, json={"new_data_path": NAMED}, headers=who), 400)
    database = store.connect(settings.database)
    store_days(database, number, date(2024, 1, 1), 60, load=lambda _: 7.0)
    database.dispose()
    assert gateway.post(PREDICT, json={"new_data_path": NAMED}, headers=who).status_code == 200
    assert sent(inference) == {7.0}
    check(gateway.post(PREDICT, json={"new_data_path": "/uploads/other.csv"}, headers=who), 400)
    write(settings.uploads / number, 8.0)
    assert gateway.post(PREDICT, json={"new_data_path": NAMED}, headers=who).status_code == 200
    assert sent(inference) == {8.0}
