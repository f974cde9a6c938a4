"""Table of contents: settings, routes, middleware, errors, lifespan."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from asgi_correlation_id import CorrelationIdMiddleware
from fastapi import FastAPI
from starlette.middleware import Middleware

from gateway import (
    accounts,
    archive,
    auth,
    catalogue,
    crew,
    diagnoses,
    errors,
    forecasts,
    health,
    imports,
    inference,
    keys,
    localkey,
    logins,
    metrics,
    models,
    openinference,
    quotas,
    readings,
    setup,
    shortway,
    store,
    submissions,
    users,
    work,
    workbooks,
)
from gateway.alerts import absence_routes, budget_routes, rule_routes
from gateway.alerts import routes as alerts
from gateway.bodies import BodyLimit
from gateway.channels import routes as channels
from gateway.channels import told
from gateway.counters import Counters
from gateway.equipment import routes as equipment
from gateway.faults import past
from gateway.faults import routes as faults
from gateway.logs import ACCESS, AccessLog, is_request_id
from gateway.quotas import Quotas
from gateway.rights import Rights
from gateway.runs import Work
from gateway.settings import Settings
from gateway.telemetry import routes as telemetry
from gateway.worker import KINDS

log = logging.getLogger(__name__)

ROOMS = (
    submissions,
    archive,
    diagnoses,
    channels,
    forecasts,
    imports,
    keys,
    logins,
    models,
    readings,
    catalogue,
    equipment,
    faults,
    told,
    rule_routes,
    budget_routes,
    alerts,
    absence_routes,
    work,
    openinference,
    telemetry,
    users,
)
DOORS = (accounts, auth, health, setup)  # which say themselves whom they refuse


def create_app(settings: Settings, kinds: Mapping[str, Work] | None = KINDS) -> FastAPI:
    """The gateway as an ASGI application; nothing is opened before its lifespan begins.

    Where no broker is set, long work of these kinds is done in this process; without kinds by a worker beside it.
    """
    rights, counters = Rights(settings), Counters(settings.counters)
    app = FastAPI(
        title="Forewatt",
        version=metrics.version(),
        lifespan=_lifespan,
        redirect_slashes=False,
        telemetry={"tracing": False, "metrics": False, "logs": False},  # metrics and logs are our own
        middleware=[
            Middleware(CorrelationIdMiddleware, validator=is_request_id),
            Middleware(AccessLog),
            Middleware(auth.Guard, rights=rights, settings=settings),
            Middleware(Quotas, counters=counters, rights=rights, settings=settings),
            Middleware(BodyLimit, limit_bytes=settings.body_limit_bytes),
        ],
    )
    app.state.settings, app.state.rights, app.state.counters = settings, rights, counters
    app.state.workbooks = workbooks.Desk(settings.imports_at_once)
    setattr(app.state, budget_routes.STATE, past.findings)
    app.state.kinds, app.state.watching = kinds, asyncio.Semaphore(work.MOST_WATCHED)
    for room in ROOMS:
        app.include_router(room.router, responses=errors.documented(401, 403))
    for room in DOORS:
        app.include_router(room.router)
    errors.install(app)
    quotas.describe(app)
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[dict[str, Any]]:
    settings: Settings = app.state.settings
    for folder in (settings.data, settings.uploads, settings.results):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    app.state.database = database = store.connect(settings.database, settings.database_connections)

    def prepare() -> None:  # what must be so before anybody asks the database
        store.migrate(database)
        accounts.make_admin(database, settings.word("admin_password"))
        localkey.begin(settings, database)
        setup.greet(settings, database)

    if settings.inference_socket and not settings.socket:
        log.warning("FOREWATT_INFERENCE_SOCKET is too long for the system; FOREWATT_INFERENCE_URL is used instead.")
    async with (
        store.prepared(prepare) as app.state.prepared,
        accounts.opened(settings, database, app.state.rights, app.state.counters) as app.state.accounts,
        localkey.kept(settings, database),
        inference.connect(settings) as app.state.inference,
        shortway.opened(settings, app.state.rights) as way,
        crew.opened(settings, app.state.kinds) as app.state.messages,
        work.counted(app.state.database),
    ):
        app.state.closing = way.closing
        yield {shortway.STATE: way}
    await app.state.counters.close()
    database.dispose()
    ACCESS.flush()
