"""Whose certificates count: the system's, or those in the file SSL_CERT_FILE, as a building's own mail server needs."""

from __future__ import annotations

import functools
import ssl


@functools.cache
def trusted() -> ssl.SSLContext:
    """Read once: that takes longer than a sending."""
    return ssl.create_default_context()
