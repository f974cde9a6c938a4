"""`python -m gateway.worker`: work on tasks in a process of its own, beside any number of gateways and workers."""

from __future__ import annotations

import argparse
import logging
import signal
import sys
import threading
from collections.abc import Sequence
from types import FrameType
from typing import get_args

from pydantic import ValidationError
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from gateway import beside, configuration, forecasting, logs, store, tasks
from gateway.broker import Broker
from gateway.crew import Crew, at_once
from gateway.duties import DUTIES
from gateway.errors import Unavailable
from gateway.rounds import Rounds
from gateway.runs import Run, Work
from gateway.settings import Settings, complaints
from gateway.tasks import Queue

__all__ = ["KINDS", "Run", "Work", "main"]

log = logging.getLogger(__name__)

KINDS: dict[str, Work] = {forecasting.KIND: forecasting.work}  # every kind of long work, and what does it
QUEUES: tuple[Queue, ...] = get_args(Queue)
PATIENCE_S = 2.0
BROKERLESS = (
    "CELERY_BROKER_URL: a worker of its own needs the broker that the gateway sends to, such as redis://host:6379/0. "
    "Without one the gateway starts a worker itself, and no other is needed.\n"
)


def main(words: Sequence[str] | None = None) -> int:
    """2 for a bad configuration, else 0 when it was told to stop and has."""
    asked = _arguments().parse_args(words)
    try:
        settings = Settings()
    except ValidationError as wrong:
        sys.stderr.write(complaints(wrong))
        return 2
    url = settings.celery_broker_url.get_secret_value() if settings.celery_broker_url else None
    if url is None and not asked.beside:
        sys.stderr.write(BROKERLESS)
        return 2
    if wrongs := configuration.refusals(settings):
        sys.stderr.write("".join(f"{why}\n" for why in wrongs))
        return 2
    logs.configure()
    stopping = _told_to_stop()
    broker = Broker(None if asked.beside else url)
    if asked.beside:
        beside.listen(broker, stopping)
    places = {queue: asked.at_once or usual for queue, usual in at_once(settings).items() if queue in asked.queues}
    log.info("worker starts", extra={"broker": broker.shown, "at_once": places, "lease_s": settings.lease_s})
    if _tables_are_there(settings.database, stopping):
        patience_s = 0 if asked.beside else settings.drain_s  # the gateway has gone, and waits for no work
        rounds = Rounds(settings, DUTIES)
        _work(Crew(settings, broker, KINDS, places), rounds, stopping, patience_s, broker.shown)
    return 0


def _work(crew: Crew, rounds: Rounds, stopping: threading.Event, drain_s: float, broker: str) -> None:
    crew.start()
    rounds.start()
    listening = threading.Thread(target=crew.wait_until_listening, daemon=True)
    listening.start()
    while listening.is_alive() and not stopping.is_set():
        listening.join(0.1)
    if not stopping.is_set():
        log.info("ready", extra={"broker": broker, "kinds": sorted(KINDS), "rounds": sorted(DUTIES)})
    stopping.wait()
    log.info("worker stops")
    rounds.stop()
    crew.stop(drain_s)


def _tables_are_there(url: str, stopping: threading.Event) -> bool:
    """Wait for the database and for a gateway that makes its tables; false where we are told to stop before."""
    database: Engine = store.connect(url)
    while not stopping.is_set():
        try:
            tasks.census(database)
        except (SQLAlchemyError, Unavailable) as why:
            log.warning("the database has no tasks yet; a gateway makes its tables", extra={"reason": str(why)})
        else:
            break
        stopping.wait(PATIENCE_S)
    database.dispose()
    return not stopping.is_set()


def _told_to_stop() -> threading.Event:
    """Set by the first SIGTERM or SIGINT; a second one ends the process, and its leases end later."""
    stopping = threading.Event()

    def told(number: int, _: FrameType | None) -> None:
        if stopping.is_set():
            sys.exit(128 + number)
        stopping.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, told)
    return stopping


def _queues(words: str) -> list[Queue]:
    named = [queue for queue in QUEUES if queue in words.split(",")]
    if len(named) != len(words.split(",")):
        raise argparse.ArgumentTypeError(f"name some of {', '.join(QUEUES)}, each once, with a comma between them")
    return named


def _at_once(word: str) -> int:
    if not word.isdigit() or not 1 <= int(word) <= 64:
        raise argparse.ArgumentTypeError("a number from 1 to 64")
    return int(word)


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m gateway.worker", description=__doc__)
    parser.add_argument("--queues", type=_queues, default=list(QUEUES), help="forecasts,training or one of them")
    parser.add_argument(
        "--at-once", type=_at_once, help="tasks of each queue at the same time, instead of the settings"
    )
    parser.add_argument("--beside", action="store_true", help="as the gateway starts it: told by its standard input")
    return parser


if __name__ == "__main__":
    sys.exit(main())
