"""Text made to fit: vendors count UTF-16 units, or bytes, and refuse whatever is longer than they say."""

MORE = "… more in the report"
_ALLOWED = "\n"


def clean(text: str) -> str:
    """Take out what is no text: control characters but line ends, and characters that turn the reading direction."""
    return "".join(letter for letter in text.replace("\t", " ") if letter.isprintable() or letter in _ALLOWED)


def one_line(text: str) -> str:
    """Make one line of a text."""
    return " ".join(clean(text).split())


def units(text: str) -> int:
    """Count a text as vendors do: characters beyond the first 65,536 are two."""
    return len(text.encode("utf-16-le")) // 2


def cut(text: str, most: int, mark: str = "…") -> str:
    """Shorten a text to at most so many units, with a mark where something is missing."""
    if units(text) <= most:
        return text
    kept, left = [], most - units(mark)
    for letter in text:
        left -= units(letter)
        if left < 0:
            break
        kept.append(letter)
    return "".join(kept) + mark


def pieces(text: str, each: int, total: int) -> list[str]:
    """Split a text at line ends into pieces of at most `each` units, `total` in all; says at the end if more was left.

    A line that is longer than a piece is cut.
    """
    found: list[str] = []
    left = total - units(MORE) - 1
    current = ""
    for line in clean(text).strip("\n").split("\n"):
        line = cut(line, each - units(MORE) - 1)
        if units(line) + 1 > left:
            current = f"{current}\n{MORE}" if current else MORE
            break
        left -= units(line) + 1
        if current and units(current) + 1 + units(line) > each - units(MORE) - 1:
            found.append(current)
            current = line
        else:
            current = f"{current}\n{line}" if current else line
    return [*found, current] if current else found
