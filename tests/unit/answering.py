"""A server on this machine that answers one way, and keeps what it was asked."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from local.venues.server import Answer, Request, VenueServer


@contextmanager
def answering(respond: Callable[[Request], Answer] | Answer, path: str = "") -> Iterator[tuple[str, list[Request]]]:
    """Yield its address with this path, and the requests it got so far."""
    seen: list[Request] = []

    def answer(request: Request) -> Answer:
        seen.append(request)
        return respond(request) if callable(respond) else respond

    server = VenueServer(answer)
    server.start()
    try:
        yield f"http://127.0.0.1:{server.port}{path}", seen
    finally:
        server.stop()
