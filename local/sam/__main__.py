"""What `make sam-local` and `make sam-local-open` run: `python -m local.sam [--open | --function F --event E]`."""

import argparse
import signal
import sys

from local.cloud.ministack import interrupted_by_signals
from local.sam.errors import SamLocalError
from local.sam.invoke import check_arguments, invoke, ready, say


def main(arguments: list[str] | None = None) -> int:
    """Invoke one function, or hold the way out open until Ctrl-C. Return 0, or another code after one line."""
    parser = argparse.ArgumentParser(prog="python -m local.sam")
    parser.add_argument("--function", default="", help="its name in template.yaml")
    parser.add_argument("--event", default="", help="a JSON file")
    parser.add_argument("--open", action="store_true", help="only open the way out, for `sam local invoke` by hand")
    chosen = parser.parse_args(arguments)
    try:
        if not chosen.open:
            check_arguments(chosen.function, chosen.event)
        with interrupted_by_signals(), ready() as prepared:
            if not chosen.open:
                return invoke(prepared, chosen.function, chosen.event)
            say("Open for an hour; Ctrl-C ends it. Invoke with: " + " ".join(prepared.command("FUNCTION", "EVENT")))
            signal.pause()
    except SamLocalError as error:
        print(f"sam-local: {error}", file=sys.stderr)
        return error.code
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
