"""The way from a container to what listens on this machine's loopback.

`sam local invoke --docker-network host` does nothing (SAM CLI leaves the container on Docker's bridge), and the local
cloud and the simulated venues listen on 127.0.0.1 only, where accounts say they are. So every port of theirs is
listened on inside the container too (`inside.py`), and each connection is carried to the relay here, which stands where
containers can reach it. It takes only connections that begin with its token, and goes only to the ports it was given.
"""

import hmac
import secrets
import socket
from collections.abc import Iterable
from types import TracebackType

from local.sam import pipe
from local.sam.errors import NotReady

PORT_DIGITS = 5
HELLO_SECONDS = 5.0


class Relay:
    """Carries connections to ports of 127.0.0.1; as a context manager it ends by itself."""

    def __init__(self, address: str, ports: Iterable[int]) -> None:
        """Listen on a free port of `address`. Raises NotReady where this machine does not have that address."""
        self.ports = frozenset(ports)
        self.token = secrets.token_hex(16)
        try:
            self._listener = socket.create_server((address, 0))
        except OSError as error:
            raise NotReady(
                f"containers find this machine at {address}, where nothing can listen ({error.strerror}); rootless and "
                f"remote Docker are not supported"
            ) from None

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self._listener.getsockname()[1])

    def __enter__(self) -> "Relay":
        self._accepting = pipe.serve(self._listener, self._handle)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._accepting.join()
        self._listener.close()

    def _handle(self, connection: socket.socket) -> None:
        port = self._asked_for(connection)
        if port not in self.ports:
            connection.close()
            return
        try:
            target = socket.create_connection((pipe.LOOPBACK, port))
        except OSError:  # the venue is gone: the function sees a closed connection
            connection.close()
            return
        pipe.join(connection, target)

    def _asked_for(self, connection: socket.socket) -> int | None:
        """Read the hello: the token and the port, five digits. None if it is anything else."""
        connection.settimeout(HELLO_SECONDS)
        try:
            hello = _exactly(connection, len(self.token) + PORT_DIGITS)
        except OSError:
            return None
        connection.settimeout(None)
        token, port = hello[:-PORT_DIGITS], hello[-PORT_DIGITS:]
        if not hmac.compare_digest(token, self.token.encode()) or not port.isdigit():
            return None
        return int(port)


def _exactly(connection: socket.socket, size: int) -> bytes:
    """Read `size` bytes, or fewer if the other side ends before."""
    read = b""
    while len(read) < size and (block := connection.recv(size - len(read))):
        read += block
    return read
