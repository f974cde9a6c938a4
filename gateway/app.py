"""Table of contents: settings, routes, middleware, errors, lifespan."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from asgi_correlation_id import CorrelationIdMiddleware
from fastapi import FastAPI
from starlette.middleware import Middleware

from gateway import errors, forecasts, health, inference, metrics, openinference, shortway, store
from gateway.bodies import BodyLimit
from gateway.logs import ACCESS, AccessLog, is_request_id
from gateway.settings import Settings


def create_app(settings: Settings) -> FastAPI:
    """The gateway as an ASGI application; nothing is opened before its lifespan begins."""
    app = FastAPI(
        title="Forewatt",
        version=metrics.version(),
        lifespan=_lifespan,
        redirect_slashes=False,
        middleware=[
            Middleware(CorrelationIdMiddleware, validator=is_request_id),
            Middleware(AccessLog),
            Middleware(BodyLimit, limit_bytes=settings.body_limit_bytes),
        ],
    )
    app.state.settings = settings
    for room in (forecasts, openinference, health, metrics):
        app.include_router(room.router)
    errors.install(app)
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[dict[str, Any]]:
    settings: Settings = app.state.settings
    for folder in (settings.data, settings.uploads, settings.results):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    app.state.database = store.connect(settings.database)
    await asyncio.to_thread(store.migrate, app.state.database)
    async with inference.connect(settings) as app.state.inference, shortway.opened(settings) as way:
        yield {shortway.STATE: way}
    app.state.database.dispose()
    ACCESS.flush()
