"""YAML as people mean it: numbers with a point and dates stay as written, a repeated key is an error, nothing is run.

A scalar without quotes is null, true or false, a whole number, or else text: `0.001` arrives as "0.001" with every
digit, `1e-8` and `2026-11-22` as they stand, and `no` is the word. Keys are always text. Aliases are refused, so a
small file cannot become a large document.
"""

import re
from typing import Any

import yaml

from trueup.domain.amounts import shorten
from trueup.domain.nesting import MAX_DEPTH, TOO_DEEP
from trueup.domain.reading import Malformed

_WHOLE = re.compile(r"[-+]?(0|[1-9][0-9]{0,17})", re.ASCII)
_WORDS: dict[str, bool | None] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_STANDARD_TAG = "tag:yaml.org,2002:"
_TEXT_TAG = f"{_STANDARD_TAG}str"


class _Loader(yaml.SafeLoader):
    """Composes nodes only; what a plain scalar means is decided here."""

    depth = 0

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            mark = self.peek_event().start_mark  # type: ignore[no-untyped-call]  # not in the stubs
            raise yaml.MarkedYAMLError(problem="aliases (*name) are not allowed here", problem_mark=mark)
        if self.depth > MAX_DEPTH:
            raise RecursionError
        self.depth += 1
        node = super().compose_node(parent, index)
        self.depth -= 1
        return node


_Loader.yaml_implicit_resolvers = {}


def parse_yaml(content: bytes, place: str) -> Any:
    """Parse one YAML document. Raises Malformed naming `place`, line and column."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Malformed(place, f"is not UTF-8 text (byte {error.start})") from None
    try:
        node = yaml.compose(text, Loader=_Loader)
        document = None if node is None else _value(node, place)
    except yaml.MarkedYAMLError as error:
        what = ", ".join(words for words in (error.context, error.problem) if words)
        raise Malformed(place, f"is not YAML we read: {what}{_where(error.problem_mark)}") from None
    except yaml.YAMLError as error:
        raise Malformed(place, f"is not YAML: {str(error).splitlines()[0]}") from None
    except RecursionError:
        raise Malformed(place, TOO_DEEP) from None
    if document is None:
        raise Malformed(place, "is empty")
    return document


def _value(node: yaml.Node, place: str) -> Any:
    if isinstance(node, yaml.SequenceNode):
        _check_tag(node, f"{_STANDARD_TAG}seq")
        return [_value(item, place) for item in node.value]
    if isinstance(node, yaml.MappingNode):
        _check_tag(node, f"{_STANDARD_TAG}map")
        return _mapping(node, place)
    _check_tag(node, _TEXT_TAG)
    text: str = node.value
    if isinstance(node, yaml.ScalarNode) and node.style is not None:
        return text
    if text in _WORDS:
        return _WORDS[text]
    return int(text) if _WHOLE.fullmatch(text) else text


def _mapping(node: yaml.MappingNode, place: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in node.value:
        if not isinstance(key, yaml.ScalarNode):
            raise Malformed(place, f"has a key that is not text{_where(key.start_mark)}")
        if key.value in found:
            raise Malformed(place, f"repeats the key {shorten(key.value)}{_where(key.start_mark)}")
        found[key.value] = _value(value, place)
    return found


def _check_tag(node: yaml.Node, expected: str) -> None:
    if node.tag != expected:
        raise yaml.MarkedYAMLError(
            problem=f"tags such as {shorten(node.tag)} are not allowed", problem_mark=node.start_mark
        )


def _where(mark: yaml.Mark | None) -> str:
    return "" if mark is None else f" (line {mark.line + 1}, column {mark.column + 1})"
