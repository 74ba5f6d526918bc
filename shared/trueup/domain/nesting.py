"""Where JSON is wrong, in words that are the same on every Python.

Versions of Python differ in how deep they nest before they give up (1,000 or 10,000 levels, less what the caller used
up), and in what they say of a comma too many. What we refuse, and why, must not depend on where it is read.
"""

import re
from json import JSONDecodeError
from typing import Any

MAX_DEPTH = 64
"""How deep lists and objects may nest: far more than any document of ours does."""
TOO_DEEP = "is nested too deeply"
_BRACKET_OR_TEXT = re.compile(r'[\[{]|[\]}]|"(?:[^"\\]|\\.)*"?', re.DOTALL)
_BLANKS = " \t\n\r"


def nests_too_deep(value: Any) -> bool:
    """Tell whether a parsed document nests too deep. It goes level by level, so that it never nests itself."""
    level = [value]
    for _ in range(MAX_DEPTH):
        level = [
            inner
            for outer in level
            for inner in (outer.values() if isinstance(outer, dict) else outer if isinstance(outer, list) else ())
            if isinstance(inner, dict | list)
        ]
        if not level:
            return False
    return True


def text_nests_too_deep(text: str) -> bool:
    """Tell whether a text that could not be parsed nests too deep."""
    deepest = depth = 0
    for found in _BRACKET_OR_TEXT.finditer(text):
        depth += {"[": 1, "{": 1, "]": -1, "}": -1}.get(found[0], 0)
        deepest = max(deepest, depth)
    return deepest > MAX_DEPTH


def what_is_wrong(error: JSONDecodeError) -> str:
    """Say what is wrong with a text that is not JSON, and where."""
    text, at, words = error.doc, error.pos, error.msg
    if text_nests_too_deep(text[:at]):
        return TOO_DEEP
    before = text[:at].rstrip(_BLANKS)
    if words.startswith("Illegal trailing comma"):
        words = "a comma before the end"
    elif before.endswith(",") and text[at : at + 1] in ("]", "}"):
        # Before 3.13: what is there instead of another element.
        words, at = "a comma before the end", len(before) - 1
    line, column = text.count("\n", 0, at) + 1, at - text.rfind("\n", 0, at)
    return f"is not JSON: {words} (line {line}, column {column})"
