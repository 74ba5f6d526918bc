"""All channels on one port of this machine, each at an address of its own, with a token in it as the vendors have."""

from __future__ import annotations

import secrets
import threading
from base64 import b64encode
from typing import TYPE_CHECKING, Any, Self

from local.channels import discord, slack, teams
from local.channels.checks import Refused
from local.channels.pagerduty import Incidents
from local.channels.standard import Receiver
from local.venues.server import Answer, Request, VenueServer

if TYPE_CHECKING:
    from collections.abc import Callable

    Take = Callable[[Request], tuple[dict[str, Any], Answer]]


class Channels:
    """Five endpoints. `taken` is what each took, in order; `refused` what it answered to what it did not take."""

    def __init__(self) -> None:
        token = secrets.token_hex(20)
        self.routing_key = secrets.token_hex(16)
        self.signing_secret = f"whsec_{b64encode(secrets.token_bytes(32)).decode()}"
        self.incidents = Incidents(self.routing_key)
        self.receiver = Receiver(self.signing_secret)
        self.taken: dict[str, list[dict[str, Any]]] = {}
        self.refused: dict[str, list[Answer]] = {}
        self.tokens = (token, self.routing_key, self.signing_secret)
        """Whatever may be in no log and in no message."""
        self._paths = {
            "slack": f"/services/T000/B000/{token}",
            "discord": f"/api/webhooks/1234/{token}",
            "teams": f"/workflows/1234/triggers/manual/paths/invoke/{token}",
            "pagerduty": "/v2/enqueue",
            "webhook": f"/hooks/{token}",
        }
        self._takes: dict[str, Take] = {
            "slack": slack.take,
            "discord": discord.take,
            "teams": teams.take,
            "pagerduty": self.incidents.take,
            "webhook": self.receiver.take,
        }
        self._failing: dict[str, Answer] = {}
        self._changed = threading.Condition()
        self._server = VenueServer(self.respond)

    def __enter__(self) -> Self:
        self._server.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.stop()

    def url(self, kind: str) -> str:
        """Return the address of a channel."""
        return f"http://127.0.0.1:{self._server.port}{self._paths[kind]}"

    def endpoints(self) -> list[dict[str, Any]]:
        """Return the list of endpoints as an operator would store it, each named by its kind."""
        keys = {"pagerduty": {"routing_key": self.routing_key}, "webhook": {"secret": self.signing_secret}}
        return [{"name": kind, "kind": kind, "url": self.url(kind), **keys.get(kind, {})} for kind in self._paths]

    def fail(self, kind: str, answer: Answer | None) -> None:
        """Let a channel answer this to everything from now on; None: nothing is wrong any more."""
        with self._changed:
            if answer is None:
                self._failing.pop(kind, None)
            else:
                self._failing[kind] = answer

    def wait_for(self, condition: Callable[[], bool], seconds: float = 30.0) -> bool:
        """Wait until something holds of what was taken and refused."""
        with self._changed:
            return self._changed.wait_for(condition, seconds)

    def respond(self, request: Request) -> Answer:
        """Answer one request as the channel at its address does."""
        kind = next((kind for kind, path in self._paths.items() if path == request.path), None)
        if kind is None or request.method != "POST":
            return Answer.of_text("no_service", status=404)
        with self._changed:
            try:
                document, answer = self._take(kind, request)
                self.taken.setdefault(kind, []).append(document)
            except Refused as refused:
                answer = refused.answer
                self.refused.setdefault(kind, []).append(answer)
            self._changed.notify_all()
        return answer

    def _take(self, kind: str, request: Request) -> tuple[dict[str, Any], Answer]:
        if kind in self._failing:
            raise Refused(self._failing[kind])
        return self._takes[kind](request)
