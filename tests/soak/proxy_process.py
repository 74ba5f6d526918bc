"""`python -m tests.soak.proxy_process PORT UPSTREAM`: microburst, with request bodies left as they are.

Its own command unpacks a gzip-encoded body on the way through, and the checksum sent with it no longer matches.
"""

import asyncio
import signal
import sys

from aiohttp import web
from microburst.app import make_app
from microburst.core.pipeline import Microburst
from microburst.detection import host

# To find a service by its host name it reads all of botocore's four hundred models, for eleven seconds. Every request
# here is signed, and the signature names the service.
host._endpoint_prefix_map = dict


async def _serve(port: int, upstream: str) -> None:
    stopped = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopped.set)
    runner = web.AppRunner(make_app(Microburst(upstream)), auto_decompress=False, access_log=None, shutdown_timeout=0.5)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", port).start()
        await stopped.wait()
    finally:
        await runner.cleanup()


if __name__ == "__main__":
    asyncio.run(_serve(int(sys.argv[1]), sys.argv[2]))
