"""A book that is an object in a bucket of yours: JSON, or CSV as of when the object was written."""

import time
from collections.abc import Callable
from contextlib import closing
from datetime import datetime
from typing import Any

from botocore.exceptions import ClientError

from trueup.aws import client, code_of, raising_store_unavailable
from trueup.books.content import MAX_BOOK_BYTES, csv_book, json_book
from trueup.domain.book_sources import place_of
from trueup.domain.models import Book, S3Source
from trueup.errors import BookInvalid, BookUnavailable, StoreUnavailable

_CHUNK = 64 * 1024


class S3Books:
    """Books in buckets. `seconds` says how long a reading may take."""

    def __init__(self, *, seconds: Callable[[], float], monotonic: Callable[[], float] = time.monotonic) -> None:
        self._seconds = seconds
        self._monotonic = monotonic

    def read(self, account_id: str, source: S3Source) -> Book | None:
        """Read a book; None where there is no such object. Raises as books.protocol says.

        A right that is missing keeps AWS's own name, AccessDenied. Without s3:ListBucket, so does a missing object.
        """
        where = f"the book at {place_of(source)}"
        who = f"account {account_id}: {where}"
        try:
            found = self._get(source, who)
        except StoreUnavailable as error:
            raise BookUnavailable(f"{who} could not be read ({error})") from None
        if found is None:
            return None
        content, written_at = found
        if source.is_csv:
            return csv_book(content, account_id, written_at, where)
        return json_book(content, account_id, where)

    @raising_store_unavailable
    def _get(self, source: S3Source, who: str) -> tuple[bytes, datetime] | None:
        seconds = self._seconds()
        ends = self._monotonic() + seconds
        if seconds <= 0:
            raise BookUnavailable(f"{who} was not asked for: the time for this account is used up")
        try:
            answer = client("s3").get_object(Bucket=source.bucket, Key=source.key)
        except ClientError as error:
            match code_of(error):
                case "NoSuchKey" | "404":
                    return None
                case "NoSuchBucket":
                    raise BookInvalid(f"{who} is in a bucket that does not exist") from None
            raise
        # Closed by hand: as a context manager a body is the bare stream, which does not notice that it was cut short.
        with closing(answer["Body"]) as body:
            content = bytearray()
            while chunk := body.read(_CHUNK):
                content += chunk
                if len(content) > MAX_BOOK_BYTES:
                    raise BookInvalid(f"{who} is larger than {MAX_BOOK_BYTES} bytes, which is more than we read")
                if self._monotonic() > ends:
                    raise BookUnavailable(f"{who} was not read whole within {seconds:.3g} s")
        return bytes(content), _time(answer)


def _time(answer: dict[str, Any]) -> datetime:
    written_at: datetime = answer["LastModified"]
    return written_at
