"""Ask for a month's forecast: with the history in the body, or with a file of the uploads folder."""

from __future__ import annotations

from fastapi import APIRouter

from bentos.load.schema import Answer, Question
from gateway import inference
from gateway.bodies import JsonRoute
from gateway.inference import DeadlineMs, Inference

router = APIRouter(route_class=JsonRoute, tags=["forecasts"])


@router.post("/api/v1/forecasts")
async def forecast(question: Question, client: Inference, deadline_ms: DeadlineMs) -> Answer:
    """The month after the history, or the one asked for: its days and its ten peaks."""
    return await inference.ask(client, question, deadline_ms)
