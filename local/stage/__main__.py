"""Keeps everything on this machine running until it is told to end: what `trueup up` starts in the background."""

import argparse
import sys
import threading
from pathlib import Path

from local.cloud.errors import LocalCloudError
from local.cloud.ministack import interrupted_by_signals
from local.stage.stage import stage

TRADE_EVERY_SECONDS = 5.0
READY = "Ready"
"""What the line begins with that tells whoever waits that all is up."""


def main() -> int:
    """Run until SIGTERM or Ctrl-C. Return 0, or 1 after one line about what went wrong."""
    parser = argparse.ArgumentParser(prog="python -m local.stage")
    parser.add_argument("--state-folder", type=Path, required=True)
    parser.add_argument("--port", type=int)
    options = parser.parse_args()
    stop = threading.Event()
    try:
        with (
            interrupted_by_signals(),
            stage(options.state_folder, port=options.port, wait_scale=1.0, scheduled=True, progress=_say) as staged,
        ):
            trading = threading.Thread(target=staged.trader.keep_trading, args=(stop, TRADE_EVERY_SECONDS, _say))
            trading.start()
            try:
                _say(f"{READY} at {staged.cloud.endpoint_url}: a run every two minutes, a trade every five seconds")
                staged.cloud.wait()
            finally:
                stop.set()
                trading.join()
    except KeyboardInterrupt:
        _say("Stopped")
    except LocalCloudError as error:
        print(f"error: {error}", file=sys.stderr, flush=True)
        return 1
    return 0


def _say(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    sys.exit(main())
