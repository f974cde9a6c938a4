"""Who may do what, as the interface declares it: every operation with its least role, and ids to ask it about.

A new route needs `dependencies=[at_least(…)]` beside it. One with a path parameter needs an entry in `NAMED` too.
"""

import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

from fastapi import FastAPI
from fastapi.routing import APIRoute
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

sys.path.insert(0, str(Path(__file__).parent))
import notices

from bentos.load.schema import Answer, Question
from gateway import accounts, forecasts, keys, tasks
from gateway.alerts import states
from gateway.alerts.findings import Finding
from gateway.alerts.tables import AlertRow
from gateway.auth import _reaches
from gateway.channels import outbox
from gateway.equipment.tables import Unit, UnitPoint
from gateway.rights import NOBODY, ROLES, Role
from gateway.tables import Base, Fit, Import, User


def past() -> list[dict[str, object]]:
    """Enough for a question."""
    return [{"date": (date(2024, 4, 1) + timedelta(n)).isoformat(), "load": 5.0} for n in range(30)]


OPEN = {
    ("GET", "/livez"),
    ("GET", "/readyz"),
    ("POST", "/api/auth/login"),
    ("POST", "/api/auth/register"),
    ("POST", "/api/auth/setup"),
}
BODIES: dict[tuple[str, str], dict[str, Any]] = {("PATCH", "/api/v1/users/{user}"): {"disabled": False}}  # else {}


@dataclass(frozen=True)
class Operation:
    """A method of a path, the role that it wants, and the type of its body, if it has one."""

    method: str
    path: str
    role: Role | None
    media_type: str | None

    @property
    def name(self) -> tuple[str, str]:
        return self.method, self.path

    def body(self) -> dict[str, Any]:
        """What a client sends so that the body is at least looked at."""
        if self.media_type == "multipart/form-data":
            return {"files": {"file": ("x.txt", b"x")}}
        return {"json": BODIES.get(self.name, {})} if self.media_type else {}


@dataclass
class World:
    """A gateway's database, into which what routes name is put without asking."""

    database: Engine

    def keep(self, *rows: Base) -> None:
        with Session(self.database) as session, session.begin():
            for row in rows:
                session.add(row)
                session.flush()

    def user(self, role: Role) -> UUID:
        """Somebody new without a password."""
        user = accounts.new(uuid4().hex, "x@example.org", "", role)
        number = user.id
        self.keep(user)
        return number

    def generation_of(self, number: UUID) -> int:
        """Of his logins, which he may have ended."""
        with Session(self.database) as session:
            return session.get_one(User, number).generation

    def import_of(self, owner: UUID) -> UUID:
        number, now = uuid4(), datetime.now(UTC)
        said = {"file_name": "x.xlsx", "mode": "all", "rows": 0, "duplicates": 0, "errors": 0}
        self.keep(Import(id=number, owner=str(owner), created_at=now, **said))
        return number

    def task_of(self, owner: UUID) -> UUID:
        return tasks.submit(self.database, str(owner), "forecast", {"year": 2024, "month": 5}, "forecasts").id

    def forecast_of(self, owner: UUID) -> UUID:
        """A month of one day; what is in it does not matter."""
        day = {"date": "2024-05-01", "mean": 5, "p5": 3, "p10": 4, "p50": 5, "p90": 6, "p95": 7, "p_top10": 1}
        peak = {"rank": 1, "date": "2024-05-01", "value": 5, "unit": "MW", "p10": 4, "p90": 6, "probability": 1}
        model = {"name": "load", "version": "1", "model_type": "Ridge", "cold_start": True}
        said = {"origin": "2024-04-30", "unit": "MW", "days": [day], "top10": [peak], "model": model}
        answer = Answer.model_validate(said | {"weather": "climatology", "warnings": []})
        question = Question.model_validate({"series": past(), "model_type": "Ridge"})
        row = forecasts.row(question, answer, str(owner))
        number = row.id
        self.keep(row)
        return number

    def fit_of(self, owner: UUID) -> str:
        version, now = f"20240501-{uuid4().hex[:16]}", datetime.now(UTC)
        known = {"owner": str(owner), "series": "power", "history_hash": uuid4().hex * 2, "created_at": now}
        days = {"first": date(2021, 5, 1), "last": date(2024, 4, 30)}
        made = {"model_name": "load-x", "model_version": version, "kept": True, "scores": {}, "seconds": 1.0}
        self.keep(Fit(**known, **days, **made))
        return version

    def unit(self) -> str:
        """An air-handling unit with one point."""
        number, now = uuid4().hex, datetime.now(UTC)
        made = {"created_at": now, "changed_at": now, "changed_by": NOBODY, "changed_by_name": "x"}
        self.keep(Unit(id=number, name=number, kind="AHU", **made))
        self.keep(UnitPoint(unit_id=number, point="occupied", uom="1"))
        return number

    def channel(self) -> UUID:
        """A webhook to where nobody listens."""
        made = notices.channel(uuid4().hex, target={"url": "http://127.0.0.1:9/"})
        number = made.id
        self.keep(made)
        return number

    def notice(self) -> UUID:
        """That nobody was told of."""
        told = notices.notice()
        self.keep(outbox.stored(told, told.at))
        return told.id

    def alert(self) -> UUID:
        """One that is active."""
        unit, now = self.unit(), datetime.now(UTC)
        chances = dict.fromkeys((1, 6, 24, 72, 168, 336), 0.9)
        with Session(self.database) as session, session.begin():
            states.observe(session, Finding(unit, now, 4, "F-FAN-FAIL", chances), now)
            return session.scalars(select(AlertRow.id).where(AlertRow.unit_id == unit)).one()

    def key_of(self, owner: UUID) -> UUID:
        key, _ = keys.new(owner, "x", "viewer", None)
        number = key.id
        self.keep(key)
        return number


@dataclass(frozen=True)
class Named:
    """Makes what a path parameter names, of this owner; ``before`` is what stands before it in the path.

    What is not owned is there for everybody who has the role.
    """

    make: Callable[[World, UUID, list[str]], object]
    owned: bool = True


# By the path up to the parameter, which serves all that lies below it.
NAMED: dict[str, Named] = {
    "/api/v1/imports/{number}": Named(lambda world, owner, _: world.import_of(owner)),
    "/api/v1/keys/{key}": Named(lambda world, owner, _: world.key_of(owner)),
    "/api/forecast/result/{task_id}": Named(lambda world, owner, _: world.task_of(owner)),
    "/api/v1/forecasts/tasks/{task_id}": Named(lambda world, owner, _: world.task_of(owner)),
    "/api/v1/tasks/{number}": Named(lambda world, owner, _: world.task_of(owner)),
    "/api/v1/forecasts/{number}": Named(lambda world, owner, _: world.forecast_of(owner)),
    "/api/v1/models/{version}": Named(lambda world, owner, _: world.fit_of(owner)),
    "/api/v1/users/{user}": Named(lambda world, *_: world.user("viewer"), owned=False),
    "/api/v1/users/{user}/keys/{key}": Named(lambda world, _, before: world.key_of(UUID(before[-1])), owned=False),
    "/api/v1/alerts/{number}": Named(lambda world, *_: world.alert(), owned=False),
    "/api/v1/units/{unit_id}": Named(lambda world, *_: world.unit(), owned=False),
    "/api/v1/channels/{channel}": Named(lambda world, *_: world.channel(), owned=False),
    "/api/v1/notices/{number}": Named(lambda world, *_: world.notice(), owned=False),
    "/api/v1/units/{unit_id}/points/{point}": Named(lambda *_: "occupied", owned=False),
    "/v2/repository/{path}": Named(lambda *_: "models/load/load", owned=False),
    "/v2/models/{path}": Named(lambda *_: "load/infer", owned=False),
    "/v2/{path}": Named(lambda *_: "models/load", owned=False),
}


def operations(app: FastAPI) -> list[Operation]:
    """All that OpenAPI tells of, and what it does not tell of: other spellings of the same."""
    found = {}
    for path, methods in app.openapi()["paths"].items():
        for method, told in methods.items():
            roles = {role for scheme in told.get("security", []) for (role,) in scheme.values()}
            (role,) = roles or {None}
            media_type = next(iter(told.get("requestBody", {"content": {None: ...}})["content"]))
            found[method.upper(), path] = Operation(method.upper(), path, role, media_type)
    for route in [one for one in routes(app.routes) if not one.include_in_schema]:
        for method in route.methods:
            said = found.get((method, route.path_format.rstrip("/")))
            media_type = said.media_type if said else None
            found[method, route.path_format] = Operation(method, route.path_format, role_of(route), media_type)
    return sorted(found.values(), key=lambda operation: operation.name[::-1])


def routes(these: list[Any]) -> Iterator[APIRoute]:
    """All of an app's, those of its routers too."""
    for route in these:
        if hasattr(route, "original_router"):
            yield from routes(route.original_router.routes)
        elif isinstance(route, APIRoute):
            yield route


def role_of(route: APIRoute) -> Role | None:
    """As `at_least` beside it says."""
    roles = [
        role for asked in route.dependant.dependencies if asked.call is _reaches for role in asked.own_oauth_scopes
    ]
    return max(roles, key=ROLES.index, default=None)


def undeclared(app: FastAPI) -> list[str]:
    """What anybody who may ask at all might do, because nobody has thought of who should."""
    return [f"{one.method} {one.path}" for one in operations(app) if one.role is None and one.name not in OPEN]


def filled(template: str, world: World, owner: UUID) -> tuple[str, bool]:
    """The path with ids of things of this owner, and whether others must not find them."""
    path, values, end, owned = "", [], 0, False
    for parameter in re.finditer(r"{\w+}", template):
        named = NAMED.get(template[: parameter.end()])
        assert named, (
            f"{template[: parameter.end()]} names something, and nothing here makes one. Add to NAMED in {__name__} "
            "a function that stores one for the owner that it is given and returns its id."
        )
        values.append(str(named.make(world, owner, values)))
        path += template[end : parameter.start()] + values[-1]
        end, owned = parameter.end(), owned or named.owned
    return path + template[end:], owned


def expected(operation: Operation, role: Role, *, owned: bool, mine: bool) -> set[int]:
    """The statuses that this caller may get."""
    if operation.role is not None and ROLES.index(role) < ROLES.index(operation.role):
        return {403}
    return ALLOWED if mine or not owned else {404}


ALLOWED = set(range(200, 500)) - {401, 403, 404, 405}  # the body is judged, which means that the caller was let in


def two_of_each(world: World) -> dict[Role, tuple[UUID, UUID]]:
    """Two people of each role."""
    return {role: (world.user(role), world.user(role)) for role in ROLES}
