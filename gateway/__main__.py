"""`python -m gateway`: one process on the address that the settings name."""

from __future__ import annotations

import sys

import uvicorn
from pydantic import ValidationError

from gateway import auth, logs
from gateway.app import create_app
from gateway.settings import Settings, complaints
from gateway.shortway import ShortProtocol


def main() -> int:
    """2 for a bad configuration, else whatever stopping gives."""
    try:
        settings = Settings()
    except ValidationError as wrong:
        sys.stderr.write(complaints(wrong))
        return 2
    if why := auth.exposed(settings):
        sys.stderr.write(why + "\n")
        return 2
    logs.configure()
    uvicorn.run(
        create_app(settings),
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


if __name__ == "__main__":
    sys.exit(main())
