"""A gateway and a fake inference server as real HTTP servers on free loopback ports."""

import asyncio
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from uuid import uuid4

import httpx
import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

sys.path.insert(0, str(Path(__file__).parent))
from remedies import judge
from sinks import new_web  # noqa: F401 - a fixture
from stores import (  # noqa: F401 - fixtures
    all_migrations,
    database,
    database_url,
    empty,
    here,
    new_database,
    once_migrated,
    server,
)
from works import NO_BROKER

from bentos.load.schema import Answer, Question
from gateway import localkey
from gateway.app import create_app
from gateway.owner import owner
from gateway.settings import Settings
from gateway.shortway import ShortProtocol

TOO_LITTLE = {"type": "about:blank", "title": "Unprocessable Content", "status": 422, "detail": "Too little is known"}
JUDGED = {"response": [judge]}  # whatever a test provokes, it has a remedy


@contextmanager
def running(app, http="auto") -> Iterator[str]:
    """The app behind uvicorn and its parser, or another one; gives its address."""
    listener = socket.create_server(("127.0.0.1", 0))
    served = uvicorn.Server(uvicorn.Config(app, http=http, log_config=None, access_log=False, server_header=False))
    thread = threading.Thread(target=served.run, kwargs={"sockets": [listener]})
    thread.start()
    while not served.started and thread.is_alive():
        thread.join(0.01)
    assert served.started, "the server did not start"
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        served.should_exit = True
        thread.join()


def shown(settings: Settings) -> dict[str, str]:
    """The key that a running gateway keeps in its data folder."""
    return {"X-API-Key": (settings.data / localkey.NAME).read_text().strip()}


@contextmanager
def calling(url: str, settings: Settings | None) -> Iterator[httpx.Client]:
    """A client, which shows the key of the machine with each request that shows nothing else."""

    def show(request: httpx.Request) -> None:
        if settings is not None and not {"x-api-key", "authorization"} & set(request.headers):
            request.headers.update(shown(settings))

    with httpx.Client(base_url=url, trust_env=False, timeout=60, event_hooks={"request": [show], **JUDGED}) as client:
        yield client


@dataclass
class FakeInference:
    """Stands where the inference server stands: remembers what it was sent, answers what the test wants."""

    seen: list[tuple[str, str, dict[str, str], bytes]] = field(default_factory=list)
    answer: Response | None = None
    delay_s: float = 0
    ready: bool = True
    lost: str = ""  # why it cannot open the models that were fitted for callers
    url: str = ""

    def reset(self) -> None:
        self.seen.clear()
        self.answer, self.delay_s, self.ready, self.lost = None, 0, True, ""

    async def respond(self, request: Request) -> Response:
        body = await request.body()
        path = request.scope["raw_path"].decode()
        if request.url.query:
            path += "?" + request.url.query
        self.seen.append((request.method, path, dict(request.headers), body))
        await asyncio.sleep(self.delay_s)
        if request.url.path == "/readyz":
            return Response(status_code=200 if self.ready else 503)
        if self.answer is not None:
            return self.answer
        if request.url.path == "/forecast":
            answer = answer_to(Question.model_validate_json(body))
            return Response(answer.model_dump_json(), media_type="application/json")
        if request.url.path.startswith("/diagnose"):
            return JSONResponse(TOO_LITTLE, 422)
        if request.url.path.startswith("/forecast/"):
            return self.respond_as_fitted(Question.model_validate_json(body), *request.url.path.split("/")[2:])
        return JSONResponse({"name": "fake", "versions": ["1"]})

    def respond_as_fitted(self, question: Question, name: str, version: str) -> Response:
        if self.lost:
            status = {"no_model": 404, "broken_model": 409}[self.lost]
            return JSONResponse({"status": status, "code": self.lost, "detail": "It cannot be opened."}, status)
        answer = answer_to(question)
        model = answer.model.model_copy(update={"name": name, "version": version, "cold_start": False})
        said = answer.model_copy(update={"model": model}).model_dump_json()
        return Response(said, media_type="application/json")

    def app(self) -> Starlette:
        return Starlette(routes=[Route("/{path:path}", self.respond, methods=["GET", "POST"])])


def answer_to(question: Question) -> Answer:
    """A flat month, as the schema wants it."""
    band = {"mean": 5.0, "p5": 3.0, "p10": 4.0, "p50": 5.0, "p90": 6.0, "p95": 7.0}
    days = [day for day in question.days if day > question.origin]
    return Answer.model_validate(
        {
            "origin": question.origin,
            "unit": question.unit,
            "days": [{"date": day, **band, "p_top10": 0.3} for day in days],
            "top10": [
                {
                    "rank": rank,
                    "date": day,
                    "value": 5.0,
                    "unit": question.unit,
                    "p10": 4,
                    "p90": 6,
                    "probability": 0.3,
                }
                for rank, day in enumerate(days[:10], 1)
            ],
            "model": {"name": "load", "version": "1", "model_type": question.model_type, "cold_start": True},
            "weather": question.weather,
            "warnings": [],
        }
    )


def past(days: int = 90, last: date = date(2014, 5, 31)) -> list[dict[str, object]]:
    """As many days of a plain load, up to and with the last."""
    return [
        {"date": (last - timedelta(days - 1 - i)).isoformat(), "load": 100.0 + i % 7, "temperature": 15.5}
        for i in range(days)
    ]


@pytest.fixture(scope="session")
def serve():
    """Runs an app behind a real server; gives its address."""
    return running


@pytest.fixture(scope="session")
def upstream() -> Iterator[FakeInference]:
    fake = FakeInference()
    with running(fake.app()) as fake.url:
        yield fake


@pytest.fixture
def inference(upstream: FakeInference) -> FakeInference:
    upstream.reset()
    return upstream


@pytest.fixture(scope="session")
def settings(upstream: FakeInference, tmp_path_factory) -> Settings:
    return Settings(data=Path(tmp_path_factory.mktemp("data")) / "forewatt", inference_url=upstream.url)


@pytest.fixture(scope="session")
def address(settings: Settings) -> Iterator[str]:
    with running(create_app(settings), ShortProtocol) as url:
        yield url


@pytest.fixture(scope="session")
def right(address: str, settings: Settings) -> dict[str, str]:
    """What lets a caller in who has no account: the key of this machine."""
    return shown(settings)


@pytest.fixture
def gateway(address: str, settings: Settings, inference: FakeInference) -> Iterator[httpx.Client]:
    with calling(address, settings) as client:
        yield client


@pytest.fixture
def history():
    """Makes a series of so many days."""
    return past


@pytest.fixture(scope="session")
def run_gateway():
    """Starts a gateway of its own settings; gives a client of it, who is a stranger where ``key`` is false."""

    @contextmanager
    def run(settings: Settings, *, key: bool = True) -> Iterator[httpx.Client]:
        with running(create_app(settings), ShortProtocol) as url, calling(url, settings if key else None) as client:
            yield client

    return run


@pytest.fixture(scope="session")
def shared_settings(upstream: FakeInference, tmp_path_factory) -> Settings:
    return Settings(
        data=tmp_path_factory.mktemp("shared"),
        inference_url=upstream.url,
        rate_limit="off",
        anonymous=True,
        **NO_BROKER,
    )


@pytest.fixture(scope="session")
def shared(shared_settings: Settings) -> Iterator[str]:
    """A gateway of many owners: the header X-Owner says whose a request is."""

    def named(request: Request) -> str:
        return request.headers["x-owner"]

    app = create_app(shared_settings)
    app.dependency_overrides[owner] = named
    with running(app, ShortProtocol) as url:
        yield url


@pytest.fixture
def somebody(shared: str) -> Iterator[Callable[[], httpx.Client]]:
    """Makes a client of an owner who has nothing yet."""
    with ExitStack() as stack:

        def made() -> httpx.Client:
            headers = {"X-Owner": uuid4().hex}
            client = httpx.Client(base_url=shared, headers=headers, trust_env=False, timeout=60, event_hooks=JUDGED)
            return stack.enter_context(client)

        yield made


@pytest.fixture
def caller(somebody) -> httpx.Client:
    """An owner who has nothing yet."""
    return somebody()


@pytest.fixture
def free_address() -> str:
    """Where nobody listens now."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return f"http://127.0.0.1:{listener.getsockname()[1]}"
