"""The handler inside the container: opens the ways to the host's loopback, then is the function's own handler.

Imported by Lambda's runtime, and by nothing else: the ways have to be open before the function's module is.
"""

import os
import socket
from importlib import import_module

from local.sam import pipe


def _open(port: int) -> None:
    listener = socket.create_server((pipe.LOOPBACK, port))
    pipe.serve(listener, lambda connection: _carry(connection, port))


def _carry(connection: socket.socket, port: int) -> None:
    try:
        relay = socket.create_connection((os.environ["SAM_LOCAL_HOST"], int(os.environ["SAM_LOCAL_PORT"])), timeout=5)
    except OSError as error:
        print(f"sam-local: the relay cannot be reached ({error}); a firewall between containers and this machine?")
        connection.close()
        return
    relay.settimeout(None)
    relay.sendall(f"{os.environ['SAM_LOCAL_TOKEN']}{port:05}".encode())
    pipe.join(connection, relay)


for _port in os.environ["SAM_LOCAL_PORTS"].split(","):
    _open(int(_port))

_module, _, _name = os.environ["SAM_LOCAL_HANDLER"].rpartition(".")
handler = getattr(import_module(_module), _name)
