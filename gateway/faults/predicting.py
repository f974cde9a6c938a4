"""A round of predictions: every unit whose interval has ended is asked about, many at once, each slot once.

What a unit looks like when healthy, and its last days, come with each answer and go with the next question, so that a
unit's slots are asked about one after another.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import httpx
from pydantic import ValidationError
from sqlalchemy import Engine

from bentos.fault.schema import MAX_SPAN, Answer
from gateway import diagnoses, inference, store
from gateway.equipment import units
from gateway.equipment.tables import Unit
from gateway.errors import Problem
from gateway.faults import watches
from gateway.faults.watches import Asked, Turn
from gateway.settings import Settings
from gateway.tasks import LostError
from gateway.telemetry import readings

log = logging.getLogger(__name__)

AT_ONCE = 16  # units; what is asked together is computed together
DEADLINE_MS = 20_000
IMPOSSIBLE = {400, 413, 422}  # it will be the same the next time


def predict(database: Engine, settings: Settings) -> bool:
    """One round; whether there was anything to do."""
    now, catch_up = datetime.now(UTC), timedelta(days=settings.catch_up_days)
    if turns := watches.take(database, now, catch_up, AT_ONCE):
        asyncio.run(_predict(database, settings, turns))
    return bool(turns)


async def _predict(database: Engine, settings: Settings, turns: list[Turn]) -> None:
    async with inference.connect(settings) as client:
        await asyncio.gather(*(_work(database, client, turn) for turn in turns))


async def _work(database: Engine, client: httpx.AsyncClient, turn: Turn) -> None:
    trouble = None
    try:
        for slot in turn.slots:
            await _slot(database, client, turn, slot)
    except LostError:
        return
    except Problem as why:
        trouble = why.detail
        log.warning("a unit could not be predicted", extra={"unit": turn.unit_id, "reason": trouble})
    await asyncio.to_thread(watches.let_go, database, turn, trouble, datetime.now(UTC))


async def _slot(database: Engine, client: httpx.AsyncClient, turn: Turn, slot: datetime) -> None:
    question = await asyncio.to_thread(asked, database, turn.unit_id, slot)
    keep: Callable[[datetime], None]
    try:
        answer = await ask(client, question.body, DEADLINE_MS)
        keep = partial(watches.keep, database, turn, question, answer)
    except Problem as why:
        if why.status_code not in IMPOSSIBLE:
            raise
        keep = partial(watches.pass_over, database, turn, slot, why.detail)
    await asyncio.to_thread(keep, datetime.now(UTC))


async def ask(client: httpx.AsyncClient, question: bytes, deadline_ms: int) -> Answer:
    """The fault model's answer. Raises ``Problem`` for everything else."""
    said = await diagnoses.ask(client, diagnoses.ASK, question, deadline_ms)
    try:
        return Answer.model_validate_json(said)
    except ValidationError:
        raise inference.garbled() from None


def asked(database: Engine, unit_id: str, at: datetime) -> Asked:
    """The question about a unit at a moment, from what was measured before it. 404 where there is no such unit."""
    with store.transaction(database) as session:
        unit = units.known(session, unit_id)
        known = readings.window(session, unit_id, at - MAX_SPAN, at)
    return Asked(at, body(unit, known, at=at.isoformat(), reference=unit.reference), unit.reference_at)


def body(unit: Unit, known: Mapping[str, Any], **more: object) -> bytes:
    """What is known of a unit as JSON, which has no number that is none."""
    return json.dumps({"unit_id": unit.id, **known, **more}, allow_nan=False).encode()
