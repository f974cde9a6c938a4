"""Hand a parcel to its channel: the secrets are filled in, the time is bounded, and what happened is told in words."""

from __future__ import annotations

import logging
import threading
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from gateway import metrics
from gateway.channels import references, targets
from gateway.channels.parcel import MOST_S, Parcel, SendError

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a sending; the words hold no secret."""

    sent: bool
    said: str
    unsure: bool = False
    hopeless: bool = False


def send(kind: str, target: Mapping[str, Any], parcel: Parcel) -> Outcome:
    """Now, within seconds; raises nothing."""
    try:
        outcome = Outcome(True, _within(MOST_S, lambda: _handed_over(kind, filled(kind, target), parcel)))
    except SendError as wrong:
        outcome = Outcome(False, wrong.reason, wrong.unsure, wrong.hopeless)
    except references.MissingError as wrong:
        outcome = Outcome(False, str(wrong), hopeless=True)
    except Exception as broke:  # one channel that breaks is no reason to tell nobody
        log.error("a channel broke: %s", references.hidden(traceback.format_exc()), extra={"kind": kind})
        outcome = Outcome(False, f"It broke: {type(broke).__name__}. The log has more.", unsure=True)
    metrics.NOTIFICATIONS.labels(kind, "sent" if outcome.sent else "failed").inc()
    return Outcome(outcome.sent, references.hidden(outcome.said), outcome.unsure, outcome.hopeless)


def filled(kind: str, target: Mapping[str, Any]) -> targets.Target:
    """The target as it is used. Raises ``references.MissingError``."""
    kept = targets.read(kind, target)
    return kept.model_copy(update=references.filled(kept.model_dump()))


def _handed_over(kind: str, target: targets.Target, parcel: Parcel) -> str:
    """To the module of the kind's name, which is imported when it is first used: most have a library of their own."""
    way: Any = import_module(f"gateway.channels.{kind}")
    said: str = way.send(target, parcel)
    return said


def _within(seconds: float, work: Callable[[], str]) -> str:
    """What the work says; what takes longer is left behind, and may still arrive."""
    ended: list[str | BaseException] = []

    def working() -> None:
        try:
            ended.append(work())
        except BaseException as wrong:  # for the one who waits
            ended.append(wrong)

    thread = threading.Thread(target=working, name="sending", daemon=True)
    thread.start()
    thread.join(seconds)
    match ended:
        case []:
            raise SendError(f"There was no end to it within {seconds:.0f} seconds.", unsure=True)
        case [str(said)]:
            return said
        case [wrong]:
            raise wrong if isinstance(wrong, Exception) else SendError(type(wrong).__name__, unsure=True)
    raise AssertionError
