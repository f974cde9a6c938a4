"""Secrets of channels: they stand in the environment, a target only names them, and no answer or log shows them."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus

from gateway.settings import Settings

PREFIX = f"{Settings.model_config['env_prefix']}CHANNEL_"
REFERENCE = re.compile(r"\$\{(" + PREFIX + r"[A-Z0-9_]+)\}")
ONE = r"^\$\{" + PREFIX + r"[A-Z0-9_]+\}$"  # a field that is a secret and nothing else
EXAMPLE = f"${{{PREFIX}…}}"
HIDDEN = "********"
SHORTEST = 4  # what is shorter is no secret, and would be found everywhere


class MissingError(Exception):
    """A variable that a target names is not set; the text says which, and what to do."""

    def __init__(self, names: list[str]) -> None:
        many = "are" if len(names) > 1 else "is"
        super().__init__(
            f"{', '.join(names)} {many} not set where the gateway and its workers run. "
            "Set it in their environment, or a file with it as the same name with _FILE, and start them again."
        )


def missing(target: object) -> list[str]:
    """The variables that a target names and that are not there."""
    return sorted({name for text in _texts(target) for name in REFERENCE.findall(text) if _value(name) is None})


def named(text: str) -> bool:
    """Whether a text names a secret."""
    return REFERENCE.search(text) is not None


def filled(target: Mapping[str, Any]) -> dict[str, Any]:
    """The target with its secrets, to be used and not kept. Raises ``MissingError``."""
    if names := missing(target):
        raise MissingError(names)
    return {key: _filled(value) for key, value in target.items()}


def hidden(text: str) -> str:
    """A text without any secret of any channel, however a URL writes it."""
    for secret in sorted(_secrets(), key=len, reverse=True):
        for form in {secret, quote(secret), quote(secret, safe=""), quote_plus(secret)}:
            text = text.replace(form, HIDDEN)
    return text


def _filled(value: Any) -> Any:  # noqa: ANN401 - JSON
    if isinstance(value, str):
        return REFERENCE.sub(lambda found: _value(found[1]) or "", value)
    if isinstance(value, list):
        return [_filled(one) for one in value]
    return value


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping | list):
        for one in value.values() if isinstance(value, Mapping) else value:
            yield from _texts(one)


def _value(name: str) -> str | None:
    if (said := os.environ.get(name)) is not None:
        return said
    try:
        return Path(os.environ[f"{name}_FILE"]).read_text().strip()
    except (KeyError, OSError, UnicodeDecodeError):
        return None


def _secrets() -> Iterator[str]:
    for variable in list(os.environ):
        if variable.startswith(PREFIX):
            value = _value(variable.removesuffix("_FILE")) or ""
            if len(value) >= SHORTEST:
                yield value
