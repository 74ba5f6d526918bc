"""An endpoint that serves books to who has the token, as a trading system's would: on this machine, in the clear."""

import json
from typing import Any, Self

from local.venues.server import Answer, Request, VenueServer

TOKEN = "tKn-4f9c1de07ab35862.c0ffee_and~more+/=="


class BookServer:
    """Serves the answer of each path. `requests` are all that came, in order."""

    def __init__(self, token: str = TOKEN) -> None:
        self.requests: list[Request] = []
        self.answers: dict[str, Answer] = {}
        self._later: dict[str, list[Answer]] = {}
        self._token = token
        self._server = VenueServer(self._respond)

    def __enter__(self) -> Self:
        self._server.start()
        self.url = f"http://127.0.0.1:{self._server.port}"
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Go away."""
        self._server.stop()

    def put(self, path: str, *documents: Any) -> None:
        """Serve documents at a path: each once, and the last one from then on."""
        self.answers[path], *self._later[path] = [Answer(200, json.dumps(each).encode()) for each in documents]

    def _respond(self, request: Request) -> Answer:
        self.requests.append(request)
        if request.headers.get("authorization") != f"Bearer {self._token}":
            return Answer.of_json({"message": "who are you?"}, status=401)
        answer = self.answers.get(request.path, Answer.of_json({"message": "no such book"}, status=404))
        if later := self._later.get(request.path):
            self.answers[request.path] = later.pop(0)
        return answer
