"""What an orchestrator asks: is the process alive, and may it have traffic?"""

from __future__ import annotations

import asyncio

from fastapi import APIRouter
from pydantic import BaseModel

from gateway import inference, store
from gateway.errors import Fault, Unavailable, documented
from gateway.inference import Inference
from gateway.store import Database, Prepared

router = APIRouter(tags=["operation"])


class State(BaseModel):
    """How the gateway is."""

    status: str


@router.get("/livez")
async def live() -> State:
    """The process answers. Asks nobody else, so that a broken neighbour restarts nothing here."""
    return State(status="alive")


@router.get("/readyz", responses=documented(503))
async def ready(client: Inference, database: Database, prepared: Prepared) -> State:
    """The inference server and the database answer too, and the database has the tables of this version."""
    model, rows = await asyncio.gather(inference.ready(client), asyncio.to_thread(store.reachable, database))
    able = {"inference server": model, "database": rows and prepared.is_set()}
    missing = [part for part, answers in able.items() if not answers]
    if missing:
        faults = [Fault(code="not-ready", message=f"The {part} does not answer.") for part in missing]
        raise Unavailable("not-ready", f"Not ready: {' and '.join(missing)}.", faults)
    return State(status="ready")
