"""Strict reading of JSON documents: every error is one line that names the place and what is allowed there."""

import hashlib
import json
import re
from collections.abc import Collection, Iterator, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, NoReturn

from .amounts import MAX_DIGITS, NotAnAmount, describe, parse_amount, shorten
from .nesting import TOO_DEEP, nests_too_deep, text_nests_too_deep, what_is_wrong

MAX_ITEMS = 2_000_000
MAX_TEXT = 512
SLUG = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
# Beyond control characters: what else breaks a line (U+2028, U+2029), and halves of characters, which no file can hold.
_NEVER = r"\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff"
_NAME = re.compile(rf"[^\s{_NEVER}]([^{_NEVER}]*[^\s{_NEVER}])?")
_SURROGATE = re.compile(r"[\ud800-\udfff]")
_ESCAPED_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")
_LONG_EXPONENT = re.compile(r"[eE][+-]?\d{5}", re.ASCII)
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)", re.ASCII)


class Malformed(ValueError):
    """A document is not what it should be: `place` says where, `problem` says what and what is allowed."""

    def __init__(self, place: str, problem: str) -> None:
        super().__init__(f"{place}: {problem}")
        self.place = place
        self.problem = problem


def parse_json(text: str | bytes, place: str) -> Any:
    """Parse JSON strictly: UTF-8, no repeated key, no NaN or Infinity; numbers with a point become Decimal.

    What is returned can be written again. Raises Malformed naming `place`.
    """
    try:
        said = text.decode("utf-8") if isinstance(text, bytes) else text
    except UnicodeDecodeError as error:
        raise Malformed(place, f"is not UTF-8 text (byte {error.start})") from None
    try:
        return _parse(said)
    except UnicodeEncodeError:
        raise Malformed(place, "holds half a character (a lone surrogate)") from None
    except json.JSONDecodeError as error:
        raise Malformed(place, what_is_wrong(error)) from None
    except RecursionError:
        raise Malformed(place, TOO_DEEP) from None
    except _Refused as error:
        raise Malformed(place, TOO_DEEP if text_nests_too_deep(said) else str(error)) from None
    except ValueError:
        # What is left: an exponent of ours, and Python refuses an integer of thousands of digits.
        too_long = "holds a number with too many digits"
        raise Malformed(place, TOO_DEEP if text_nests_too_deep(said) else too_long) from None


class _Refused(Exception):
    pass


def _parse(text: str) -> Any:
    parsed = json.loads(text, object_pairs_hook=_no_repeated_keys, parse_float=_number, parse_constant=_no_constant)
    if nests_too_deep(parsed):
        raise _Refused(TOO_DEEP)
    if _ESCAPED_SURROGATE.search(text) or _SURROGATE.search(text):
        # Either two halves that make one character, or one alone, which has no bytes in UTF-8.
        json.dumps(parsed, ensure_ascii=False, default=str).encode()
    return parsed


def _number(text: str) -> Decimal:
    # How far an exponent may go is another limit on every platform.
    if _LONG_EXPONENT.search(text):
        raise ValueError
    return Decimal(text)


def _no_repeated_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                raise _Refused(f"repeats the key {shorten(key)} in one object")
            seen.add(key)
    return found


def _no_constant(name: str) -> NoReturn:
    raise _Refused(f"holds {name}, which is not a number")


class Record:
    """A JSON object being read field by field.

    Take every field with a typed method, then call `done()`: a field nobody took is unknown and refused.
    All methods raise Malformed. Optional fields read as None when they are absent or null.
    """

    def __init__(self, value: object, place: str) -> None:
        if not isinstance(value, Mapping):
            raise Malformed(place, f"must be an object, not {describe(value)}")
        self.place = place
        self._fields: Mapping[str, Any] = value
        self._taken: set[str] = set()

    def at(self, field: str) -> str:
        """Name the place of a field, for an error."""
        return f"{self.place}.{field}" if self.place else field

    def fail(self, field: str, problem: str) -> NoReturn:
        """Refuse a field for a reason of the caller's."""
        raise Malformed(self.at(field), problem)

    def has(self, field: str) -> bool:
        """Tell whether the field is there and not null; either way it is a known field."""
        self._taken.add(field)
        return self._fields.get(field) is not None

    def raw(self, field: str) -> Any:
        """Take a required field unread."""
        self._taken.add(field)
        if field not in self._fields:
            self.fail(field, "is missing")
        return self._fields[field]

    def optional_raw(self, field: str) -> Any:
        """Take a field unread; None when absent."""
        self._taken.add(field)
        return self._fields.get(field)

    def text(self, field: str) -> str:
        """Take a non-empty name: one line, no control characters, no blanks at either end."""
        return read_text(self.raw(field), self.at(field))

    def optional_text(self, field: str) -> str | None:
        """Take a name that may be absent or null."""
        value = self.optional_raw(field)
        return None if value is None else read_text(value, self.at(field))

    def slug(self, field: str) -> str:
        """Take one of our own ids: lower-case letters, digits and hyphens, at most 63."""
        value = self.text(field)
        if not SLUG.fullmatch(value):
            self.fail(field, f"must be lower-case letters, digits and hyphens (1 to 63), not {shorten(value)}")
        return value

    def choice(self, field: str, allowed: Collection[str]) -> str:
        """Take one of a fixed set of words."""
        value = self.text(field)
        if value not in allowed:
            self.fail(field, f"must be one of {', '.join(sorted(allowed))}; not {shorten(value)}")
        return value

    def boolean(self, field: str) -> bool:
        """Take true or false."""
        value = self.raw(field)
        if not isinstance(value, bool):
            self.fail(field, f"must be true or false, not {describe(value)}")
        return value

    def whole(self, field: str) -> int:
        """Take a whole number."""
        value = self.raw(field)
        if isinstance(value, bool) or not isinstance(value, int):
            self.fail(field, f"must be a whole number, not {describe(value)}")
        return value

    def optional_boolean(self, field: str, *, absent: bool) -> bool:
        """Take true or false; `absent` is what a missing field or null means."""
        return self.boolean(field) if self.has(field) else absent

    def amount(self, field: str) -> Decimal:
        """Take an exact amount, written as a string. An error never quotes it: it may be a balance."""
        return read_amount(self.raw(field), self.at(field), quoted=False)

    def optional_amount(self, field: str, digits: int = MAX_DIGITS) -> Decimal | None:
        """Take an exact amount that may be absent or null. An error never quotes it."""
        value = self.optional_raw(field)
        return None if value is None else read_amount(value, self.at(field), digits, quoted=False)

    def time(self, field: str) -> datetime:
        """Take an RFC 3339 time with its offset; the result is in UTC."""
        return read_time(self.raw(field), self.at(field))

    def optional_time(self, field: str) -> datetime | None:
        """Take a time that may be absent or null."""
        value = self.optional_raw(field)
        return None if value is None else read_time(value, self.at(field))

    def items(self, field: str) -> Iterator[tuple[str, Any]]:
        """Take a required list as (place, element) pairs."""
        return read_list(self.raw(field), self.at(field))

    def optional_items(self, field: str) -> Iterator[tuple[str, Any]]:
        """Take a list that may be absent or null (then it is empty)."""
        value = self.optional_raw(field)
        return iter(()) if value is None else read_list(value, self.at(field))

    def record(self, field: str) -> "Record":
        """Take a required object."""
        return Record(self.raw(field), self.at(field))

    def entries(self, field: str) -> Iterator[tuple[str, str, Any]]:
        """Take a required object with free keys as (key, place, value)."""
        value = self.raw(field)
        record = Record(value, self.at(field))
        for key, inner in record._fields.items():
            yield read_text(key, record.place), record.at(key), inner

    def done(self) -> None:
        """Refuse every field that was not taken."""
        unknown = [key for key in self._fields if key not in self._taken]
        if unknown:
            name = str(unknown[0])
            name = name if len(name) <= 40 and _NAME.fullmatch(name) else shorten(name)
            raise Malformed(self.at(name), f"is not a field here; known: {', '.join(sorted(self._taken))}")


def read_text(value: object, place: str) -> str:
    """Read a non-empty one-line string."""
    if not isinstance(value, str):
        raise Malformed(place, f"must be a string, not {describe(value)}")
    if len(value) > MAX_TEXT:
        raise Malformed(place, f"must be at most {MAX_TEXT} characters, not {len(value)}")
    if not _NAME.fullmatch(value):
        raise Malformed(place, "must not be empty, nor hold control characters or blanks at its ends")
    return value


def read_amount(value: object, place: str, digits: int = MAX_DIGITS, *, quoted: bool = True) -> Decimal:
    """Read an exact amount from a string. Unless `quoted`, an error leaves out what stands there instead."""
    try:
        return parse_amount(value, digits)
    except NotAnAmount as error:
        raise Malformed(place, str(error) if quoted else error.problem) from None


def read_time(value: object, place: str) -> datetime:
    """Read an RFC 3339 time; digits beyond microseconds are dropped."""
    if not isinstance(value, str) or not _TIME.fullmatch(value):
        raise Malformed(place, 'must be a time such as "2026-11-22T12:00:00Z"')
    if value[11:13] == "24":  # which Python 3.14 takes for the beginning of the next day
        raise Malformed(place, "is not a time that exists")
    whole, _, rest = value.partition(".")
    if rest:
        fraction, offset = re.match(r"(\d+)(.*)", rest).groups()  # type: ignore[union-attr]  # _TIME matched
        value = f"{whole}.{fraction[:6]:0<6}{offset}"
    try:
        return datetime.fromisoformat(value).astimezone(UTC)
    except (ValueError, OverflowError):
        raise Malformed(place, "is not a time that exists") from None


def read_list(value: object, place: str) -> Iterator[tuple[str, Any]]:
    """Read a list as (place, element) pairs."""
    if not isinstance(value, list | tuple):
        raise Malformed(place, f"must be a list, not {describe(value)}")
    if len(value) > MAX_ITEMS:
        raise Malformed(place, f"must have at most {MAX_ITEMS} elements, not {len(value)}")
    return ((f"{place}[{index}]", element) for index, element in enumerate(value))


def read_plain(value: object, place: str, depth: int = 8) -> Any:
    """Read a value with free content that can be written again: no number with a point, nothing nested deeply."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        if abs(value) >= 10**18:
            raise Malformed(place, "must be a whole number of at most 18 digits")
        return value
    if isinstance(value, str):
        if _SURROGATE.search(value):
            raise Malformed(place, "holds half a character (a lone surrogate)")
        return value
    if isinstance(value, dict | list) and depth == 0:
        raise Malformed(place, "is nested too deeply")
    if isinstance(value, dict):
        return {read_text(key, place): read_plain(inner, f"{place}.{key}", depth - 1) for key, inner in value.items()}
    if isinstance(value, list):
        return [read_plain(inner, f"{place}[{index}]", depth - 1) for index, inner in enumerate(value)]
    raise Malformed(place, f"must hold text, whole numbers, true, false and null; not {describe(value)}")


def format_time(moment: datetime) -> str:
    """Write a time in UTC with milliseconds: 2026-11-22T12:00:00.123Z."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _refuse(value: object) -> NoReturn:
    raise TypeError(f"{type(value).__name__} does not belong in a document: write it as a string first")


_CANONICAL = json.JSONEncoder(
    sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False, default=_refuse
)


def canonical_json(document: object) -> str:
    """Write JSON so that equal documents are equal bytes: sorted keys, no blanks, UTF-8."""
    return _CANONICAL.encode(document)


def digest(document: object) -> str:
    """Return the SHA-256 of a document's canonical JSON, in hex."""
    return hashlib.sha256(canonical_json(document).encode()).hexdigest()
