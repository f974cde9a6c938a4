"""Ask about an air-handling unit. The inference server alone judges a question, whose bytes pass as they came, and so
do the answer's; a refusal comes back in the words of this house."""

from __future__ import annotations

from typing import Annotated, Any

import httpx
from fastapi import APIRouter, Body, Request, Response
from pydantic import BaseModel, GetPydanticSchema, ValidationError
from pydantic_core import core_schema

from bentos.fault.schema import Answer, HealthyPeriod, Question, ReferenceAnswer
from gateway import inference
from gateway.auth import at_least
from gateway.bodies import JsonRoute
from gateway.errors import Problem, ProblemDocument, documented
from gateway.inference import DeadlineMs, Inference

ASK, REFERENCE = "/diagnose", "/diagnose/reference"  # of the inference server
JSON = "application/json"

router = APIRouter(
    route_class=JsonRoute, tags=["faults"], responses=documented(400, 404, 413, 415, 422, 500, 502, 503, 504)
)


def _described(model: type[BaseModel]) -> GetPydanticSchema:
    """Any JSON, which the interface's description calls by the model's fields."""
    return GetPydanticSchema(
        lambda _, __: core_schema.any_schema(),
        lambda _, handler: handler(model.__pydantic_core_schema__),
    )


@router.post("/api/v1/diagnoses", dependencies=[at_least("operator")], responses={200: {"model": Answer}})
async def diagnose(
    question: Annotated[Any, Body(), _described(Question)],  # noqa: ANN401 - its bytes are what counts
    request: Request,
    client: Inference,
    deadline_ms: DeadlineMs,
) -> Response:
    """What is likely to go wrong with a unit, when, and what to do: from 72 hours of it and what it is when healthy."""
    return Response(await ask(client, ASK, await request.body(), deadline_ms), media_type=JSON)


@router.post(
    "/api/v1/diagnoses/reference", dependencies=[at_least("operator")], responses={200: {"model": ReferenceAnswer}}
)
async def reference(
    period: Annotated[Any, Body(), _described(HealthyPeriod)],  # noqa: ANN401
    request: Request,
    client: Inference,
    deadline_ms: DeadlineMs,
) -> Response:
    """What a unit looks like when healthy, from two weeks to two months of it; send it with every question about it."""
    return Response(await ask(client, REFERENCE, await request.body(), deadline_ms), media_type=JSON)


async def ask(client: httpx.AsyncClient, target: str, body: bytes, deadline_ms: int) -> bytes:
    """The fault model's answer to ``ASK`` or ``REFERENCE``, as JSON. Raises ``Problem`` for everything else."""
    outbound = inference.outgoing(client, "POST", target.encode(), [(b"content-type", JSON.encode())], body)
    response, content = await inference.exchange(client, outbound, deadline_ms)
    if response.status_code != 200:
        raise _refusal(response, content)
    if response.headers.get("content-type") != JSON:
        raise inference.garbled()
    return content


def _refusal(response: httpx.Response, content: bytes) -> Problem:
    if response.status_code == 404:
        detail = "There is no fault model here that could answer. Ask whoever runs this system to publish one."
        return Problem(404, "no-fault-model", detail)
    if response.status_code not in (400, 422):
        return inference.refusal(response, content)
    try:
        said = ProblemDocument.model_validate_json(content)
    except ValidationError:
        return inference.garbled()
    detail = f"{said.detail.rstrip('.')}. Correct the question and send it again."
    return Problem(response.status_code, "invalid-request", detail, said.errors)
