"""Runs a local cloud until Ctrl-C: `python -m local.cloud [--port N] [--state-folder F] [--template T]`."""

import argparse
import sys
from pathlib import Path

from local.cloud import deploy, ministack
from local.cloud.errors import LocalCloudError


def main(arguments: list[str] | None = None) -> int:
    """Start, deploy if a template is named, wait for the end. Return 0, or 1 after one line about what went wrong."""
    parser = argparse.ArgumentParser(prog="python -m local.cloud", description="Run a local cloud until Ctrl-C.")
    parser.add_argument("--port", type=int, help="the port to answer on (default: a free one)")
    parser.add_argument("--state-folder", type=Path, default=ministack.DEFAULT_STATE_FOLDER)
    parser.add_argument("--template", type=Path, help="deploy this template first")
    options = parser.parse_args(arguments)
    try:
        with ministack.interrupted_by_signals():
            _run(options.state_folder, options.port, options.template)
    except KeyboardInterrupt:
        _say("Stopped")
    except LocalCloudError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


def _run(state_folder: Path, port: int | None, template: Path | None) -> None:
    with ministack.start(state_folder, port=port, progress=_say) as cloud:
        if template is not None:
            deploy.deploy(cloud, template, progress=_say)
        _say(f"Ready at {cloud.endpoint_url}; Ctrl-C ends it")
        cloud.wait()


def _say(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    sys.exit(main())
