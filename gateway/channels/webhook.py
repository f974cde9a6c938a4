"""To another system: a CloudEvent in JSON, signed as standardwebhooks.com says with the secret that both sides know."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from typing import Any

from gateway.channels import notice as notices
from gateway.channels import posting, texts
from gateway.channels.parcel import Parcel
from gateway.channels.targets import WebhookTarget

TYPE = "io.hvac.alert.v1"
SOURCE = "forewatt"
MEDIA_TYPE = "application/cloudevents+json"


def send(target: WebhookTarget, parcel: Parcel) -> str:
    """What happened, in words. Raises ``SendError``."""
    body = json.dumps(event(parcel), ensure_ascii=False).encode()
    headers = {"Content-Type": MEDIA_TYPE, "webhook-id": parcel.key, "webhook-timestamp": str(int(time.time()))}
    if target.secret:
        headers["webhook-signature"] = signature(target.secret, parcel.key, headers["webhook-timestamp"], body)
    return posting.post(target.url, body, headers, cloud=parcel.cloud, taken=parcel.taken)


def event(parcel: Parcel) -> dict[str, Any]:
    """The notice with its texts; ``id`` is the same when it is sent again, which ``again`` says."""
    notice = parcel.notice
    said = {"subject": texts.subject(notice, parcel.voice), "text": texts.plain(notice, parcel.voice)}
    return {
        "specversion": "1.0",
        "type": TYPE,
        "source": SOURCE,
        "id": parcel.key,
        "time": notice.at.isoformat(),
        "subject": notice.unit_id or notice.kind,
        "datacontenttype": "application/json",
        "again": parcel.again,
        "data": {**notices.written(notice), **said, "link": parcel.voice.link(notice)},
    }


def signature(secret: str, key: str, timestamp: str, body: bytes) -> str:
    """Of id, moment and body: HMAC-SHA256."""
    signed = b".".join((key.encode(), timestamp.encode(), body))
    return "v1," + base64.b64encode(hmac.digest(secret.encode(), signed, hashlib.sha256)).decode()
