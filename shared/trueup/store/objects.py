"""Immutable documents: what is too large for a row, written once, compressed, and found by a derived key."""

import gzip
import zlib
from typing import Any, Protocol

from botocore.exceptions import ClientError

from trueup.aws import client, code_of, raising_store_unavailable
from trueup.domain.reading import Malformed, canonical_json, parse_json


class Objects(Protocol):
    """A bucket of JSON documents. Every method raises StoreUnavailable for a passing fault."""

    def put_once(self, key: str, document: object) -> bool:
        """Write a document unless the key is taken; False when it was (the first writer's document stands)."""
        ...

    def get(self, key: str) -> Any | None:
        """Read a document; None when there is none. Raises Malformed when the object is no JSON document."""
        ...

    def content(self, key: str) -> bytes | None:
        """Read the text of a document, whose SHA-256 is its digest; None when there is none. Raises Malformed."""
        ...

    def keys(self, prefix: str) -> list[str]:
        """List keys in order."""
        ...


class S3Objects:
    """Objects in an S3 bucket, gzip-compressed canonical JSON."""

    def __init__(self, bucket: str) -> None:
        self._bucket = bucket

    @raising_store_unavailable
    def put_once(self, key: str, document: object) -> bool:
        """Write with `If-None-Match: *`, so that two writers cannot both win."""
        # mtime=0: the same document is the same bytes, whenever it is written.
        body = gzip.compress(canonical_json(document).encode(), mtime=0)
        try:
            client("s3").put_object(
                Bucket=self._bucket,
                Key=key,
                Body=body,
                ContentType="application/json",
                ContentEncoding="gzip",
                IfNoneMatch="*",
            )
        except ClientError as error:
            if code_of(error) == "PreconditionFailed":
                return False
            raise
        return True

    def get(self, key: str) -> Any | None:
        """Read a document."""
        content = self.content(key)
        return None if content is None else not_null(parse_json(content, key), key)

    @raising_store_unavailable
    def content(self, key: str) -> bytes | None:
        """Read the text of a document. Needs s3:ListBucket, without which S3 answers AccessDenied for a missing key."""
        try:
            answer = client("s3").get_object(Bucket=self._bucket, Key=key)
        except ClientError as error:
            if code_of(error) in {"NoSuchKey", "404"}:
                return None
            raise
        try:
            return gzip.decompress(answer["Body"].read())
        except (gzip.BadGzipFile, EOFError, zlib.error):
            raise Malformed(key, "is not what was written: no gzip") from None

    @raising_store_unavailable
    def keys(self, prefix: str) -> list[str]:
        """List keys in order, all pages."""
        pages = client("s3").get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=prefix)
        return [found["Key"] for page in pages for found in page.get("Contents", ())]


def not_null(document: Any, key: str) -> Any:
    """Refuse null, which would read as an object that is not there. Raises Malformed."""
    if document is None:
        raise Malformed(key, "must be an object, not null")
    return document
