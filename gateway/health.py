"""What an orchestrator asks: is the process alive, and may it have traffic?"""

from __future__ import annotations

from fastapi import APIRouter
from pydantic import BaseModel

from gateway import inference
from gateway.errors import Unavailable
from gateway.inference import Inference

router = APIRouter(tags=["operation"])


class State(BaseModel):
    """How the gateway is."""

    status: str


@router.get("/livez")
async def live() -> State:
    """The process answers. Asks nobody else, so that a broken neighbour restarts nothing here."""
    return State(status="ok")


@router.get("/readyz")
async def ready(client: Inference) -> State:
    """The inference server and the database answer too."""
    if not await inference.ready(client):
        raise Unavailable("not-ready", "The inference server is not ready.")
    return State(status="ready")
