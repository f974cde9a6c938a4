"""The names of all counters in one place; labels are short, closed lists, never an id or a path."""

from __future__ import annotations

from importlib import metadata

from fastapi import APIRouter, Response
from prometheus_client import CONTENT_TYPE_LATEST, Histogram, Info, generate_latest
from starlette.types import Scope

# OpenTelemetry's advice for HTTP durations, so that both worlds draw the same curves.
SECONDS = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10)
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})

HTTP_SECONDS = Histogram(
    "forewatt_http_request_duration_seconds",
    "From the request's head to the end of its answer.",
    ["route", "method", "code"],
    buckets=SECONDS,
)
INFERENCE_SECONDS = Histogram(
    "forewatt_inference_request_duration_seconds",
    "One hop to the inference server: answered, late, unreachable, garbled or abandoned.",
    ["outcome"],
    buckets=SECONDS,
)
BUILD = Info("forewatt_build", "What is running.")

router = APIRouter(tags=["operation"])


def version() -> str:
    """The installed version, or a mark that this is a bare checkout."""
    try:
        return metadata.version("forewatt")
    except metadata.PackageNotFoundError:
        return "0+checkout"


BUILD.info({"version": version()})


def route_of(scope: Scope) -> str:
    """The template of the route that took the request; one word for all addresses that no route takes."""
    return getattr(scope.get("route"), "path", None) or "unmatched"


def method_of(scope: Scope) -> str:
    """The method, or one word for all that nobody knows."""
    return scope["method"] if scope["method"] in METHODS else "OTHER"


@router.get("/metrics", response_class=Response)
def expose() -> Response:
    """Prometheus reads here."""
    return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)
