"""`python -m gateway [--check-config]`: one process on the address that the settings name."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

import uvicorn
from pydantic import ValidationError

from gateway import configuration, logs, metrics
from gateway.settings import Settings, complaints


def main(words: Sequence[str] | None = None) -> int:
    """2 for a bad configuration, else whatever stopping gives."""
    asked = _arguments().parse_args(words)
    try:
        settings = Settings()
    except ValidationError as wrong:
        sys.stderr.write(complaints(wrong))
        return 2
    if asked.check_config:
        return configuration.check(settings)
    if wrongs := configuration.refusals(settings):
        sys.stderr.write("".join(f"{why}\n" for why in wrongs))
        return 2
    from gateway.app import create_app  # noqa: PLC0415 - all routes: what is wrong so far is said without them
    from gateway.shortway import ShortProtocol  # noqa: PLC0415

    logs.configure()
    try:
        metrics.expose(settings.metrics_host, settings.metrics_port)
    except OSError as taken:
        where = f"{settings.metrics_host} port {settings.metrics_port or metrics.PORT}"
        sys.stderr.write(f"FOREWATT_METRICS_PORT: {where}: {taken.strerror}. Name a free one, or 0 for no metrics.\n")
        return 2
    uvicorn.run(
        create_app(settings, kinds=None),
        host=settings.host,
        port=settings.port,
        loop="uvloop",
        http=ShortProtocol,
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=settings.drain_s,
    )
    return 0


def _arguments() -> argparse.ArgumentParser:
    words = argparse.ArgumentParser(
        prog="python -m gateway", description="The gateway; docs/settings.md has its knobs."
    )
    what = "say what is set, or what is wrong with it (status 2), and start nothing"
    words.add_argument("--check-config", action="store_true", help=what)
    return words


if __name__ == "__main__":
    sys.exit(main())
