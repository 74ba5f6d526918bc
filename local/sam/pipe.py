"""TCP connections joined to each other. Used on both ends, so it needs nothing but Python."""

import contextlib
import socket
import threading
from collections.abc import Callable

LOOPBACK = "127.0.0.1"
_BLOCK = 65_536


def serve(listener: socket.socket, handle: Callable[[socket.socket], None]) -> threading.Thread:
    """Handle every connection `listener` accepts, each in a thread of its own, until `listener` is shut down."""

    def accept() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:  # it was shut down
                return
            threading.Thread(target=handle, args=(connection,), daemon=True).start()

    thread = threading.Thread(target=accept, daemon=True)
    thread.start()
    return thread


def join(one: socket.socket, other: socket.socket) -> None:
    """Carry bytes both ways until both sides have ended, then close both."""
    back = threading.Thread(target=_carry, args=(other, one), daemon=True)
    back.start()
    _carry(one, other)
    back.join()
    one.close()
    other.close()


def _carry(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):  # whoever broke off, the other side is told by the end below
        while block := source.recv(_BLOCK):
            target.sendall(block)
    with contextlib.suppress(OSError):
        target.shutdown(socket.SHUT_WR)
