"""`python -m gateway --check-config`: what is set, and what is wrong with it, before anything is started."""

from __future__ import annotations

import os
import stat
import sys
import tempfile
from pathlib import Path

from pydantic import SecretStr
from sqlalchemy import make_url

from gateway import auth, profiles
from gateway.settings import Settings

MASK = "********"


def refusals(settings: Settings) -> list[str]:
    """Why a gateway or a worker does not start with these settings, each with what to do; nothing where it does."""
    exposed = auth.exposed(settings)
    return [*([exposed] if exposed else []), *profiles.refusals(settings), *_folder(settings.data)]


def check(settings: Settings) -> int:
    """A line for each setting, or for each thing that is wrong: 0 or 2."""
    if wrong := refusals(settings):
        sys.stderr.write("".join(f"{why}\n" for why in wrong))
        return 2
    names = [name for name in Settings.model_fields if getattr(settings, name) is not None]
    sys.stdout.write("".join(f"{name_of(name)}={shown(settings, name)}\n" for name in names))
    sys.stdout.write(f"database: {_without_password(settings.database)}\n")
    return 0


def name_of(name: str) -> str:
    """As it stands in the environment."""
    other = Settings.model_fields[name].validation_alias
    return other if isinstance(other, str) else f"FOREWATT_{name.upper()}"


def shown(settings: Settings, name: str) -> str:
    """A setting's value without what nobody should read over a shoulder."""
    value = getattr(settings, name)
    if name == "database_url":
        return _without_password(settings.database)
    return MASK if isinstance(value, SecretStr) else str(value)


def _without_password(url: str) -> str:
    return make_url(url).render_as_string(hide_password=True)


def _folder(data: Path) -> list[str]:
    """What is wrong with the data folder: it is ours alone, and can be written."""
    place = next(path for path in (data, *data.absolute().parents) if path.exists())
    if not place.is_dir():
        return [f"FOREWATT_DATA: {place} is a file; name a folder."]
    if place == data:
        found = data.stat()
        if found.st_uid != os.geteuid():
            return [f"FOREWATT_DATA: {data} belongs to user {found.st_uid}, this is {os.geteuid()}; chown it."]
        if found.st_mode & (stat.S_IRWXG | stat.S_IRWXO):
            mode = stat.S_IMODE(found.st_mode)
            return [f"FOREWATT_DATA: others may enter {data} (mode {mode:o}); chmod 700 it, or name a folder in it."]
    try:
        with tempfile.TemporaryFile(dir=place):
            return []
    except OSError as wrong:
        return [f"FOREWATT_DATA: nothing can be written in {place}: {wrong.strerror}."]
