"""`make versions`: the corpus on every Python there is here, and whether all of them say the same."""

import sys
from collections.abc import Callable

from tests.versions.corpus import EXPECTED
from tests.versions.interpreters import IN_NODE, NAMED, VERSIONS, Said, Unavailable, native, say, say_in_node


def main() -> int:
    """Print one line for each Python; 1 if one says something else than expected.txt, or none could be asked."""
    expected, found = EXPECTED.read_text(), native()
    asked: list[tuple[str, Callable[[], Said]]] = [
        *((f"{version}, {path}", lambda path=path: say(path)) for version, path in found.items()),
        *((f"{version} in node", lambda version=version: say_in_node(version)) for version in IN_NODE),
    ]
    same = 0
    for name, ask in asked:
        try:
            said = ask()
        except Unavailable as error:
            print(f"{name}: not asked, {error}")
            continue
        agrees = said.digests == expected
        same += agrees
        print(f"{said.python}: {'the same' if agrees else 'NOT THE SAME'}")
        if not agrees:
            print(said.digests, end="")
            return 1
    missing = [version for version in VERSIONS if version not in found]
    if missing:
        print(f"not on this machine itself: {', '.join(missing)} ({NAMED}=/path/to/python3.x names more)")
    print(f"{same} say the same, byte for byte")
    return 0 if same else 1


if __name__ == "__main__":
    sys.exit(main())
