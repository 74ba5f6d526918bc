"""Receiving a body: bounded by what comes out of it, whatever it is packed in."""

import zlib

from trueup.wire.words import shown

_GZIP = 16 + zlib.MAX_WBITS


class TooLarge(Exception):
    """More came out of the body than its limit."""


class BadEncoding(Exception):
    """The body is packed in a way that was not asked for; the message names it."""


class Body:
    """A body being received, decompressed here so that the limit holds for what comes out, not for what came in."""

    def __init__(self, encoding: str, limit: int) -> None:
        self.content = bytearray()
        """What came out so far, at most `limit` bytes."""
        self._encoding = encoding.strip().lower()
        self._limit = limit
        self._member = zlib.decompressobj(_GZIP) if self._encoding in ("gzip", "x-gzip") else None

    def add(self, chunk: bytes) -> None:
        """Take bytes as they came. Raises TooLarge, BadEncoding, or zlib.error when they cannot be unpacked."""
        if self._member is None:
            if self._encoding not in ("", "identity"):
                raise BadEncoding(shown(self._encoding))
            self._keep(chunk)
        while self._member is not None and chunk:
            if self._member.eof:  # RFC 1952: a gzip file may be several, one after the other
                self._member = zlib.decompressobj(_GZIP)
            self._keep(self._member.decompress(chunk, self._limit + 1 - len(self.content)))
            chunk = self._member.unused_data

    def _keep(self, content: bytes) -> None:
        self.content += content
        if len(self.content) > self._limit:
            del self.content[self._limit :]
            raise TooLarge

    def end(self) -> None:
        """Check that the body is whole, as far as it can tell. Raises zlib.error when it was cut short."""
        if self._member is not None and not self._member.eof:
            raise zlib.error("incomplete")
