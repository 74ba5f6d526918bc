"""A receiver of Standard Webhooks: it verifies the signature over the very bytes, and the time."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from typing import TYPE_CHECKING, Any

from local.channels.checks import Refused
from local.venues.server import Answer, Request

if TYPE_CHECKING:
    from collections.abc import Callable

TOLERANCE_SECONDS = 300


class Receiver:
    """Somebody with the secret. `ids` are the messages it has seen, each once."""

    def __init__(self, secret: str, clock: Callable[[], float] = time.time) -> None:
        self.ids: list[str] = []
        self._key = base64.b64decode(secret.partition("_")[2])
        self._clock = clock

    def take(self, request: Request) -> tuple[dict[str, Any], Answer]:
        """Take one message. Raises Refused."""
        message_id, stamp = request.headers.get("webhook-id", ""), request.headers.get("webhook-timestamp", "")
        if not message_id or "." in message_id or not stamp.isdigit():
            raise _refused("headers are missing")
        if abs(self._clock() - int(stamp)) > TOLERANCE_SECONDS:
            raise _refused("too old, or of the future")
        signed = b".".join((message_id.encode(), stamp.encode(), request.body))
        expected = base64.b64encode(hmac.digest(self._key, signed, hashlib.sha256)).decode()
        given = [each.partition(",") for each in request.headers.get("webhook-signature", "").split(" ")]
        if not any(version == "v1" and hmac.compare_digest(value, expected) for version, _, value in given):
            raise _refused("no signature fits")
        document = json.loads(request.body)
        if not isinstance(document, dict) or not {"type", "timestamp", "data"} <= document.keys():
            raise Refused(Answer.of_text("type, timestamp and data are expected", status=400))
        if message_id not in self.ids:
            self.ids.append(message_id)
        return document, Answer(204, content_type="")


def _refused(words: str) -> Refused:
    return Refused(Answer.of_text(words, status=401))
