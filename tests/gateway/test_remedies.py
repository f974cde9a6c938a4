"""Each refusal that the source can utter is provoked once, and says what to do next."""

import ast
import re
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from starlette.responses import JSONResponse

sys.path.insert(0, str(Path(__file__).parent))
from books import XLSX, book, with_parts
from people import PASSWORD, known, login, register
from remedies import has_remedy

from gateway import archive, keys, measurements, store, tasks
from gateway.errors import Meanwhile
from gateway.settings import Settings

GATEWAY, TESTS = Path(__file__).parents[2] / "gateway", Path(__file__).parent
CODE = re.compile(r"[a-z]+(-[a-z0-9]+)+")
UNHEARD = {"body-cut-off"}  # whoever is told so has hung up
ADMIN = "correct horse battery"
NOTHING = "/00000000-0000-0000-0000-000000000000"
FORECASTS, PREDICT, IMPORT, KEYS = "/api/v1/forecasts", "/api/predict", "/api/data/import", "/api/v1/keys"
JSON = {"Content-Type": "application/json"}


@dataclass
class World:
    """A gateway that is open to all, one that knows its people, one that takes nobody new; and what they ask."""

    open: httpx.Client
    shut: httpx.Client
    closed: httpx.Client
    inference: object
    data: Path

    def bring(self, content, name="a.xlsx", **options):
        return self.open.post(IMPORT, files={"file": (name, content, XLSX)}, params=options)

    def predict(self, content, **headers):
        (self.data / "uploads" / "some.csv").write_bytes(content)
        return self.open.post(PREDICT, json={"new_data_path": "/uploads/some.csv"}, headers=headers)

    def make_key(self, who, headers=None, **fields):
        headers = {**known(self.shut, who), **(headers or {})}
        return self.shut.post(KEYS, headers=headers, json={"name": "roof", **fields})


@pytest.fixture(scope="module")
def gateways(upstream, run_gateway, tmp_path_factory):
    """They run for all of these tests."""
    data = tmp_path_factory.mktemp("open")

    def made(folder, **knobs):
        return run_gateway(Settings(data=folder, inference_url=upstream.url, rate_limit="off", **knobs))

    with (
        pytest.MonkeyPatch.context() as patch,
        made(data, body_limit_bytes=100_000) as clear,
        made(tmp_path_factory.mktemp("shut"), admin_password=ADMIN) as shut,
        made(tmp_path_factory.mktemp("closed"), registration=False) as closed,
    ):
        patch.setattr(keys, "MOST_KEYS", 3)
        yield clear, shut, closed, data


@pytest.fixture
def world(gateways, inference):
    clear, shut, closed, data = gateways
    return World(clear, shut, closed, inference, data)


def history():
    return b"date,load\n" + b"".join(b"2014-%02d-%02d,5\n" % (1 + n // 28, 1 + n % 28) for n in range(28))


def under(world, key, name):
    body = {"username": name, "password": PASSWORD, "email": "a@example.org"}
    return world.open.post("/api/auth/register", json=body, headers={"Idempotency-Key": key})


def by_machine(world):
    key = world.make_key("machinist").json()["key"]
    return world.shut.post(KEYS, headers={"X-API-Key": key}, json={"name": "roof"})


def at_once(world):
    world.inference.delay_s = 1
    with ThreadPoolExecutor(2) as callers:
        both = list(callers.map(lambda _: world.predict(history(), **{"Idempotency-Key": "at once"}), range(2)))
    return max(both, key=lambda answer: answer.status_code)


def without_admin(world):
    token = login(world.shut, "admin", ADMIN).json()["token"]
    headers = {"Authorization": f"Bearer {token}"}
    own = world.shut.get("/api/v1/me", headers=headers).json()["userId"]
    return world.shut.patch(f"/api/v1/users/{own}", json={"role": "viewer"}, headers=headers)


def cancelled_twice(world):
    database = store.connect(f"sqlite:///{world.data / 'forewatt.db'}")
    task = tasks.submit(database, "local", "forecast", {}, "forecasts")
    database.dispose()
    return [world.open.delete(f"/api/v1/tasks/{task.id}") for _ in range(2)][1]


def exported(world):
    world.predict(history())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(archive, "MOST_EXPORTED", 0)
        return world.open.get("/api/data/forecast/export")


def made_twice(world):
    """What two imports at the same moment come to."""
    database = store.connect(f"sqlite:///{world.data / 'forewatt.db'}")
    first, second = (measurements.begin("x", "power", "a.xlsx", "all") for _ in range(2))
    second.id = first.id
    measurements.keep(database, first, {})
    with pytest.raises(Meanwhile) as told:
        measurements.keep(database, second, {})
    database.dispose()
    answer = told.value.response(IMPORT)
    return httpx.Response(answer.status_code, content=bytes(answer.body))


def without_sample(world):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "executable", "false")
        return world.open.post("/api/data/sample")


def refused_by_model(world):
    world.inference.answer = JSONResponse({}, 422)
    return world.predict(history())


PROVOKED = {
    "400 bad-request": lambda w: w.open.post(IMPORT, content=b"x", headers={"Content-Type": "multipart/form-data"}),
    "400 idempotency-key-invalid": lambda w: under(w, "", "ada"),
    "400 not-json": lambda w: w.open.post(PREDICT, content=b"{", headers=JSON),
    "400 path-refused": lambda w: w.open.post(PREDICT, json={"new_data_path": "/etc/passwd"}),
    "401 unauthorized": lambda w: w.shut.get(f"/api/v1/imports{NOTHING}", headers={"X-API-Key": "wrong"}),
    "401 wrong-credentials": lambda w: login(w.shut, "nobody", "wrong-word"),
    "403 login-wanted": by_machine,
    "403 registration-closed": lambda w: register(w.closed, "ada"),
    "403 role-too-high": lambda w: w.make_key("ada", role="admin"),
    "404 import-unknown": lambda w: w.open.get(f"/api/v1/imports{NOTHING}"),
    "404 forecast-unknown": lambda w: w.open.get(f"/api/v1/forecasts{NOTHING}"),
    "404 model-unknown": lambda w: w.open.get("/api/v1/models/20240501-0123456789abcdef"),
    "404 task-unknown": lambda w: w.open.get(f"/api/forecast/result{NOTHING}"),
    "409 last-admin": without_admin,
    "409 task-ended": cancelled_twice,
    "422 too-many-forecasts": exported,
    "404 no-such-key": lambda w: w.shut.delete(f"{KEYS}{NOTHING}", headers=known(w.shut, "ada")),
    "404 not-found": lambda w: w.open.get("/api/nothing"),
    "404 sample-unknown": without_sample,
    "405 method-not-allowed": lambda w: w.open.get(PREDICT),
    "409 idempotency-answer-gone": lambda w: [w.make_key("bob", {"Idempotency-Key": "k"}) for _ in range(2)][1],
    "409 idempotency-key-in-use": at_once,
    "409 imported-meanwhile": made_twice,
    "409 name-taken": lambda w: [register(w.open, "twice") for _ in range(2)][1],
    "409 too-many-keys": lambda w: [w.make_key("collector") for _ in range(4)][3],
    "413 content-too-large": lambda w: w.open.post(PREDICT, content=b" " * 200_000),
    "415 not-an-xlsx": lambda w: w.bring(b"date,load", "a.csv"),
    "415 unsupported-media-type": lambda w: w.open.post(PREDICT, content=b"x"),
    "422 csv-column-missing": lambda w: w.predict(b"date\n"),
    "422 csv-column-unknown": lambda w: w.predict(b"date,load,wind\n"),
    "422 csv-row-width": lambda w: w.predict(b"date,load\n2014-01-01\n"),
    "422 csv-unreadable": lambda w: w.predict(b"\xff\xfe"),
    "422 external-links": lambda w: w.bring(with_parts(book(), **{"xl/externalLinks/externalLink1.xml": "<x/>"})),
    "422 file-too-large": lambda w: w.predict(b" " * 200_000),
    "422 idempotency-key-reused": lambda w: [under(w, "k", name) for name in ("one", "other")][1],
    "422 import-refused": lambda w: w.bring(book([["2024-02-30", None, None, None, 1]])),
    "422 invalid-request": lambda w: w.open.post(FORECASTS, json={}),
    "422 not-confirmed": lambda w: w.open.delete("/api/data?start_date=2024-01-01&end_date=2024-01-01"),
    "422 refused-by-model": refused_by_model,
    "422 workbook-too-large": lambda w: w.bring(with_parts(book(), **{"x.xml": "x" * 5_000_000})),
    "422 workbook-unreadable": lambda w: w.bring(with_parts(book(), **{"xl/workbook.xml": "no XML"})),
    "429 quota-exceeded": lambda w: [login(w.shut, "victim", "wrong-word") for _ in range(6)][5],
}


@pytest.mark.parametrize("which", PROVOKED)
def test_each_refusal_says_what_to_do_next(world, which):
    answer = PROVOKED[which](world)
    status, code = which.split()
    problem = answer.json()
    assert (answer.status_code, re.split("[:#]", problem["type"])[-1]) == (int(status), code)
    assert has_remedy(problem["detail"]), problem["detail"]


def uttered():
    """Every code of a 4xx in the source, with the detail where it stands beside the code."""
    trees = [ast.parse(path.read_text()) for path in GATEWAY.rglob("*.py")]
    nodes = [node for tree in trees for node in ast.walk(tree)]
    makers = {node.name for node in nodes if isinstance(node, ast.FunctionDef) and _returns_a_problem(node)}
    makers |= {"Problem", "Meanwhile"}
    found = {}
    for node in nodes:
        if isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] in makers:
            said = [each.value for each in node.args if isinstance(each, ast.Constant)]
            codes = [word for word in said if isinstance(word, str) and CODE.fullmatch(word)]
            if codes and not any(isinstance(status, int) and status >= 500 for status in said):
                found[codes[0]] = said[-1]
    return found


def _returns_a_problem(node):
    return node.returns is not None and ast.unparse(node.returns) == "Problem"


def test_no_code_of_the_source_is_left_out():
    found = uttered()
    provoked = {which.split()[1] for which in PROVOKED}
    assert len(found) > 30
    # Others may be provoked by the tests of their room; whatever a test's client is answered is judged.
    others = "".join(path.read_text() for path in TESTS.rglob("test_*.py") if path.name != Path(__file__).name)
    forgotten = {code for code in found.keys() - provoked - UNHEARD if not re.search(rf"""[":]{code}\b""", others)}
    assert forgotten == set()
    assert all(has_remedy(found[code]) for code in UNHEARD)


def operations(world):
    return [each for path in world.open.get("/openapi.json").json()["paths"].values() for each in path.values()]


def test_an_operation_that_takes_a_body_documents_what_may_be_wrong_with_it(world):
    with_body = [each for each in operations(world) if "requestBody" in each]
    assert len(with_body) > 20
    for operation in with_body:
        assert {"400", "413", "415"} <= set(operation["responses"]), operation["operationId"]


def test_every_status_that_the_interface_documents_is_among_them(world):
    statuses = {status for operation in operations(world) for status in operation["responses"]}
    documented = {status for status in statuses if status.startswith("4")}
    assert documented >= {"400", "401", "403", "404", "409", "413", "415", "422", "429"}
    assert documented <= {which.split()[0] for which in PROVOKED}


@pytest.mark.parametrize(
    ("detail", "so"),
    [("It is wrong.", False), ("Correct it.", False), ("It is wrong. Correct it.", True), ("It is. It was.", False)],
)
def test_a_remedy_is_a_sentence_after_what_is_wrong(detail, so):
    assert has_remedy(detail) is so
