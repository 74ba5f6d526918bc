"""Webhooks for machines, signed by the Standard Webhooks scheme (https://www.standardwebhooks.com)."""

import base64
import hashlib
import hmac
from datetime import datetime
from typing import Any

from trueup.notify.endpoints import signing_key
from trueup.notify.notices import Notice


def webhook(notice: Notice) -> dict[str, Any]:
    """Return what is posted: a type, when it was true, and the document of docs/formats.md, or CloudWatch's own."""
    kind = f"alert.{notice.type}" if notice.type else str(notice.source)
    data = notice.document or {"subject": notice.subject, "text": notice.text}
    return {"type": kind, "timestamp": notice.at, "data": data}


def signed_headers(secret: str, message_id: str, now: datetime, body: bytes) -> dict[str, str]:
    """Return the three headers; `message_id` is the same for every attempt, so that a receiver can drop repeats."""
    stamp = str(int(now.timestamp()))
    content = f"{message_id}.{stamp}.".encode() + body
    signature = base64.b64encode(hmac.new(signing_key(secret), content, hashlib.sha256).digest()).decode()
    return {"webhook-id": message_id, "webhook-timestamp": stamp, "webhook-signature": f"v1,{signature}"}
