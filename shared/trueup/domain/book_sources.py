"""Where the book of an account comes from, as its document says: the `book` field, read and written strictly."""

import re
from typing import Any
from urllib.parse import urlsplit

from .base_urls import check_book_url
from .models import HttpsSource, S3Source
from .reading import Record

Source = HttpsSource | S3Source

_SECRET = re.compile(r"[A-Za-z0-9/_+=.@-]+", re.ASCII)
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]", re.ASCII)


def read_source(record: Record, venue: str, venue_secret: str | None) -> Source | None:
    """Take the field `book` of an account; None when it is absent, for Trueup's own table."""
    if not record.has("book"):
        return None
    inner = record.record("book")
    source: Source
    if inner.choice("source", ("https", "s3")) == "https":
        source = HttpsSource(_url(inner), _secret(inner, venue, venue_secret))
    else:
        source = S3Source(_bucket(inner), _key(inner))
    inner.done()
    return source


def source_document(source: Source | None) -> dict[str, Any] | None:
    """Write a source as `read_source` takes it."""
    match source:
        case None:
            return None
        case HttpsSource(url, secret):
            return {"source": "https", "url": url, "secret": secret}
        case S3Source(bucket, key):
            return {"source": "s3", "bucket": bucket, "key": key}


def place_of(source: Source) -> str:
    """Name a source in a sentence. A query is left out: somebody may have put a token there."""
    match source:
        case HttpsSource(url):
            parts = urlsplit(url)
            return f"{parts.scheme}://{parts.netloc}{parts.path}"
        case S3Source(bucket, key):
            return f"s3://{bucket}/{key}"


def _url(record: Record) -> str:
    url = record.text("url")
    try:
        return check_book_url(url)
    except ValueError as error:
        record.fail("url", str(error))


def _secret(record: Record, venue: str, venue_secret: str | None) -> str:
    name = record.text("secret")
    if not _SECRET.fullmatch(name):
        record.fail("secret", "must be a name in Secrets Manager: letters, digits and /_+=.@-")
    if not name.startswith(f"{venue}/") or name == f"{venue}/":
        record.fail("secret", f"must begin with {venue}/: the function that reads {venue} may read no other secret")
    if name == venue_secret:
        record.fail("secret", "must not be the venue's key, which is sent to nobody")
    return name


def _bucket(record: Record) -> str:
    name = record.text("bucket")
    if not _BUCKET.fullmatch(name) or ".." in name:
        record.fail("bucket", "must be a bucket's name: 3 to 63 lower-case letters, digits, dots and hyphens")
    return name


def _key(record: Record) -> str:
    key = record.text("key")
    if not key.lower().endswith((".csv", ".json")):
        record.fail("key", "must end in .csv or .json, which says how the book is written")
    return key
