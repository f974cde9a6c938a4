"""A store with units in it, and an inference server that is real but for being small: a model of three matrices."""

import asyncio
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from sqlalchemy import Engine
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(0, str(Path(__file__).parents[2] / "bentos" / "fault"))
from air_handler import asked
from tiny import description, graph
from watched import MONTH

from bentos.artifact import Golden, open_artifact, save
from bentos.fault.model import GRAPH, FaultModel, comparable, reference_answer
from bentos.fault.schema import Question
from bentos.serving.problems import Refused
from gateway import store
from gateway.settings import Settings


@dataclass
class SmallInference:
    """Answers with the model; a ``status`` other than 200 is said instead."""

    model: FaultModel
    status: int = 200
    asked: list[tuple[str, str]] = field(default_factory=list)  # unit and moment
    url: str = ""

    async def respond(self, request: Request) -> Response:
        if self.status != 200:
            return Response(b"{}", self.status, media_type="application/json")
        body = await request.body()
        try:
            if request.url.path == "/diagnose/reference":
                return Response(reference_answer(body), media_type="application/json")
            said = await asyncio.to_thread(self.model.respond, body)
        except Refused as why:
            return Response(why.body("-"), why.status, media_type="application/problem+json")
        question = json.loads(body)
        self.asked.append((question["unit_id"], question["at"]))
        return Response(said, media_type="application/json")


@pytest.fixture(scope="session")
def model(tmp_path_factory) -> FaultModel:
    place, question = tmp_path_factory.mktemp("fault"), asked(MONTH[-3 * 96 :])
    save(place / "asked", description(Golden(question=question, answer={})), {GRAPH: graph()})
    answer = FaultModel(open_artifact(place / "asked")).answer(Question.model_validate(question))
    save(place / "made", description(Golden(question=question, answer=comparable(answer))), {GRAPH: graph()})
    return FaultModel(open_artifact(place / "made"))


@pytest.fixture
def small(model, serve) -> Iterator[SmallInference]:
    small = SmallInference(model)
    with serve(Starlette(routes=[Route("/{path:path}", small.respond, methods=["POST"])])) as small.url:
        yield small


@pytest.fixture
def plant(small, tmp_path) -> Iterator[tuple[Engine, Settings]]:
    """A store and the settings that belong to it."""
    settings = Settings(data=tmp_path, inference_url=small.url)
    database = store.connect(settings.database)
    store.migrate(database)
    yield database, settings
    database.dispose()
