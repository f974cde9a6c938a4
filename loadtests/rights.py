"""What a generator shows to be let in: the key in the environment, or the one that a gateway of this machine wrote."""

from __future__ import annotations

import ipaddress
import os
from pathlib import Path
from urllib.parse import urlsplit

API_KEY = "FOREWATT_API_KEY"


def shown(url: str) -> dict[str, str]:
    """Headers for this server; the key of this machine goes to no other one."""
    key = os.environ.get(API_KEY) or (_local_key() if _here(url) else "")
    return {"X-API-Key": key} if key else {}


def _local_key() -> str:
    path = Path(os.environ.get("FOREWATT_DATA") or ".forewatt") / "local.key"
    try:
        return path.read_text().strip()
    except OSError:
        return ""


def _here(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
