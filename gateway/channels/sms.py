"""By SMS: through one of the providers that apprise knows, or a gateway of one's own that takes a POST."""

from __future__ import annotations

import json
import logging
from urllib.parse import urlsplit

import apprise

from gateway.channels import addresses, posting, references, segments, targets, texts
from gateway.channels.parcel import ANSWER_S, MOST_S, Parcel, SendError
from gateway.channels.targets import SmsTarget

# It writes addresses with their tokens into its log. What is of use comes with its result.
LOG = logging.getLogger("apprise")
LOG.propagate = False
LOG.setLevel(logging.WARNING)
LOG.addHandler(logging.NullHandler())
_WAYS = {"smseagle": 80, "smseagles": 443}  # a box of one's own, whose host stands in the address


def send(target: SmsTarget, parcel: Parcel) -> str:
    """What happened, in words. Raises ``SendError``."""
    text = segments.short(parcel.notice, parcel.voice, again=parcel.again)
    said = _by_provider(target.provider, text) if target.provider is not None else _by_gateway(target, text, parcel)
    parcel.taken()
    return said


def _by_gateway(target: SmsTarget, text: str, parcel: Parcel) -> str:
    headers = {"Content-Type": "application/json"}
    if target.token:
        headers["Authorization"] = f"Bearer {target.token}"
    said = ""
    for number in target.recipients:
        body = {"id": f"{parcel.key}-{number.lstrip('+')}", "to": number, "text": text}
        try:
            said = posting.post(target.url or "", json.dumps(body).encode(), headers, cloud=parcel.cloud)
        except SendError as wrong:  # those before it have theirs
            raise SendError(wrong.reason, unsure=wrong.unsure or said != "", hopeless=wrong.hopeless) from None
    return f"{said} {_size(text)} to {', '.join(target.recipients)}."


def _by_provider(url: str, text: str) -> str:
    scheme = check(url)
    # No redirects, and nothing is kept on disk.
    asset = apprise.AppriseAsset(app_id="Forewatt", http_redirects=False, async_mode=False)
    service = apprise.Apprise(asset=asset)
    if not service.add(url):
        reason = f"The address of {scheme} is not as apprise wants it. Look at its page of {scheme} and correct it."
        raise SendError(reason, hopeless=True)
    result = service.notify(body=text, body_format=apprise.NotifyFormat.TEXT, timeout=MOST_S - 1)
    if result:
        return f"{scheme} took it. {_size(text)}."
    why = " ".join(entry.message for entry in result.logs())
    reason = f"{scheme} did not take it: {texts.line(references.hidden(why)) or 'it does not say why'}"
    raise SendError(reason, unsure=result.elapsed >= ANSWER_S)


def check(url: str) -> str:
    """The provider's name. Raises ``SendError`` where it is none of SMS, or a box where nobody may send."""
    try:
        scheme = targets.provider(url)
    except ValueError as wrong:
        raise SendError(str(wrong), hopeless=True) from None
    if scheme in _WAYS:
        parts = urlsplit(url)
        try:
            addresses.allowed(parts.hostname or "", parts.port or _WAYS[scheme], cloud=False)
        except OSError:
            raise SendError(f"Nobody knows the host of the {scheme}.") from None
    return scheme


def _size(text: str) -> str:
    count = segments.counted(text)
    return f"{count} segment{'s' if count > 1 else ''}"
