"""Channels over HTTP: an admin owns them, an operator tests them, and whoever may look sees what was told to whom."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Annotated, Any
from uuid import UUID, uuid4

from fastapi import APIRouter
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError
from sqlalchemy import Engine, func, select
from sqlalchemy.orm import Session

from gateway import audit, store
from gateway.accounts import Address
from gateway.auth import Caller, at_least
from gateway.channels import claims, references, targets, texts, trial
from gateway.channels.tables import Channel
from gateway.channels.targets import Kind, SmsTarget
from gateway.channels.wording import Languages
from gateway.errors import Fault, Problem, documented
from gateway.once import ONCE, OnceJsonRoute
from gateway.settings import Knobs
from gateway.store import Database

PATH = "/api/v1/channels"
MOST = 100
SMS_A_DAY = 50  # where nothing else is said: each is paid for
MOST_SHOWN = 20  # faults of a target

router = APIRouter(route_class=OnceJsonRoute, tags=["channels"], responses=documented(422, 500, 503))


def _zone(name: str) -> str:
    try:
        texts.zone(name)
    except (KeyError, OSError, ValueError):  # zoneinfo's own, also for a path out of its folder
        raise ValueError("it is no time zone; write one such as Europe/Berlin or Asia/Shanghai") from None
    return name


Word = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[^\x00-\x1f\x7f]+$")]


class Wanted(BaseModel):
    """A channel as it is to be."""

    model_config = ConfigDict(extra="forbid")

    name: Word
    kind: Kind
    target: dict[str, Any] = Field(
        description=f"Where it leads, by its kind. What is secret is named, as {references.EXAMPLE}, and not sent."
    )
    language: Languages = "both"
    timezone: Annotated[str, Field(max_length=64), AfterValidator(_zone)] = "UTC"
    from_level: int = Field(1, ge=0, le=4, description="Notices of lower levels are not sent over it.")
    from_step: int = Field(0, ge=0, le=20, description="The step of the ladder of escalation from which it is used.")
    chain: Word = Field("main", description="Of the channels of one chain the first that works is enough.")
    place: int = Field(0, ge=0, le=1000, description="In the chain; the lowest is asked first.")
    most_a_day: Annotated[int, Field(ge=1, le=10_000)] | None = Field(
        None, description=f"SMS: {SMS_A_DAY} if not given."
    )
    enabled: bool = True


class Shown(Wanted):
    """A channel as it is."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    created_at: datetime
    changed_at: datetime
    rests_until: datetime | None = Field(description="It has failed, and until then others of its chain go first.")
    missing: list[str] = Field([], description="Secrets that its target names and that are not set.")


class Listed(BaseModel):
    """All channels, by chain and place."""

    items: list[Shown]


class Tested(BaseModel):
    """What came of a test."""

    notice: UUID
    sent: bool
    said: str = Field(description="What happened, in words.")


@router.get(PATH, dependencies=[at_least("operator")])
def listed(database: Database) -> Listed:
    """All channels; a target shows the names of its secrets and never the secrets."""
    wanted = select(Channel).order_by(Channel.chain, Channel.place, Channel.name)
    with store.transaction(database) as session:
        return Listed(items=[_shown(one) for one in session.scalars(wanted)])


@router.post(PATH, status_code=201, dependencies=[at_least("admin"), ONCE], responses=documented(409, 413, 415))
async def make(asked: Wanted, caller: Caller, database: Database, address: Address) -> Shown:
    """A new way to reach somebody."""
    target = _checked(asked)
    return await asyncio.to_thread(_kept, database, None, asked, target, (caller.id, address))


@router.get(PATH + "/{channel}", dependencies=[at_least("operator")], responses=documented(404))
def look(channel: UUID, database: Database) -> Shown:
    """One channel."""
    with store.transaction(database) as session:
        return _shown(_found(session, channel))


@router.put(PATH + "/{channel}", dependencies=[at_least("admin")], responses=documented(400, 404, 409, 413, 415))
async def change(channel: UUID, asked: Wanted, caller: Caller, database: Database, address: Address) -> Shown:
    """As it is to be from now on, whole."""
    target = _checked(asked)
    return await asyncio.to_thread(_kept, database, channel, asked, target, (caller.id, address))


@router.delete(PATH + "/{channel}", status_code=204, dependencies=[at_least("admin")], responses=documented(404))
async def remove(channel: UUID, caller: Caller, database: Database, address: Address) -> None:
    """It is used no more; what was sent over it stays in the list of notices."""

    def removed() -> None:
        with store.transaction(database) as session:
            audit.append(session, "channel-removed", caller.id, channel, address)
            session.delete(_found(session, channel))

    await asyncio.to_thread(removed)


@router.post(
    PATH + "/{channel}/test",
    dependencies=[at_least("operator"), ONCE],
    responses=documented(404),
)
async def test(channel: UUID, caller: Caller, database: Database, settings: Knobs) -> Tested:
    """Send a test over this channel now, and hear what happened; a light is lit for a second."""

    def tested() -> Tested:
        with store.transaction(database) as session:
            found = _found(session, channel)
        number, outcome = trial.run(database, settings, found, caller.name)
        return Tested(notice=number, sent=outcome.sent, said=outcome.said)

    return await asyncio.to_thread(tested)


def _checked(asked: Wanted) -> dict[str, Any]:
    """The target with its defaults; 422 where it cannot be."""
    try:
        read = targets.read(asked.kind, asked.target)
    except ValidationError as wrong:
        raise _refused(wrong) from None
    target = read.model_dump(mode="json", exclude_none=True)
    if names := references.missing(target):
        raise Problem(422, "channel-secret-missing", str(references.MissingError(names)))
    if isinstance(read, SmsTarget) and read.provider is not None:
        try:
            targets.provider(str(references.filled(target)["provider"]))
        except ValueError as wrong:
            raise Problem(422, "sms-provider-unknown", str(wrong)) from None
    return target


def _refused(wrong: ValidationError) -> Problem:
    faults = []
    for error in wrong.errors(include_url=False, include_input=False)[:MOST_SHOWN]:
        pointer = "/target" + "".join(f"/{part}" for part in error["loc"])
        faults.append(Fault(pointer=pointer, code=error["type"], message=error["msg"].removeprefix("Value error, ")))
    first = faults[0]
    more = f" {len(faults) - 1} more like it, see errors." if len(faults) > 1 else ""
    detail = f"At {first.pointer}: {first.message}.{more} Correct the target and send it again."
    return Problem(422, "invalid-target", detail, faults)


def _kept(database: Engine, number: UUID | None, asked: Wanted, target: dict[str, Any], who: tuple[UUID, str]) -> Shown:
    now, own = datetime.now(UTC), number or uuid4()
    fields = asked.model_dump(exclude={"target"}) | {"target": target, "changed_at": now}
    if asked.most_a_day is None and asked.kind == "sms":
        fields["most_a_day"] = SMS_A_DAY
    with store.transaction(database) as session:
        audit.append(session, "channel-changed" if number else "channel-made", who[0], own, who[1])  # one at a time
        _check_name(session, asked.name, number)
        if number is None:
            if session.execute(select(func.count()).select_from(Channel)).scalar_one() >= MOST:
                raise Problem(409, "too-many-channels", f"There are {MOST} channels. Remove those that nobody uses.")
            channel = Channel(id=own, created_at=now, rests_until=None, **fields)
            session.add(channel)
        else:
            channel = _found(session, number)
            for name, value in (fields | {"rests_until": None}).items():
                setattr(channel, name, value)
        session.flush()
        claims.wake(session, channel.chain, now)
        return _shown(channel)


def _check_name(session: Session, name: str, number: UUID | None) -> None:
    same = session.scalar(select(Channel.id).where(Channel.name == name))
    if same is not None and same != number:
        raise Problem(409, "channel-name-taken", "Another channel has this name. Give it another one.")


def _found(session: Session, number: UUID) -> Channel:
    found = session.get(Channel, number)
    if found is None:
        raise Problem(404, "no-such-channel", f"There is no channel of this id. Ask for the list of all at {PATH}.")
    return found


def _shown(channel: Channel) -> Shown:
    shown = Shown.model_validate(channel)
    return shown.model_copy(update={"missing": references.missing(channel.target)})
