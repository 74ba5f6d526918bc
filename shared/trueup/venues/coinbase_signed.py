"""Requests to Coinbase: each signed anew with the CDP key, and the clock they are signed by corrected once."""

from collections.abc import Callable, Mapping
from typing import Any

from trueup.domain.reading import Record
from trueup.errors import TrueupError, VenueAuthFailed, VenueClockSkew
from trueup.venues.coinbase_key import Key
from trueup.venues.fields import take_amount
from trueup.venues.http import Reply, VenueHttp
from trueup.venues.refusals import Dialect, Verdict

TIME_PATH = "/api/v3/brokerage/time"
RESIGN_SECONDS = 1.0
"""A clock wrong by this much may explain a refused token (it must not begin in the future): it is signed again."""
SKEW_SECONDS = 30.0
"""A clock wrong by this much is the reason given if the second token is refused too; below it, the key is."""


def _classify(status: int, body: Any) -> Verdict | None:
    words = str(body).lower() if isinstance(body, dict) else ""
    if status in (400, 401) and "request timestamp expired" in words:
        return VenueClockSkew, "Check the clock"
    if status == 401:
        return VenueAuthFailed, "Check the key: it may be wrong, deleted, or bound to other addresses than ours"
    return None


DIALECT = Dialect(classify=_classify)


class Signed:
    """Signs each request anew, and once corrects the time it signs with."""

    def __init__(self, http: VenueHttp, key: Key, nonce: Callable[[], str]) -> None:
        self._http = http
        self._key = key
        self._nonce = nonce
        self._offset = 0.0
        self._corrected = False

    def get(self, path: str, query: Mapping[str, str | int], *, dialect: Dialect = DIALECT) -> Reply:
        """Get one document. A refused token is signed once more if the venue's clock says that ours is wrong.

        With a right clock nothing is tried again: repeats can lock a key. Raises VenueHttp's errors, and
        VenueClockSkew when the token of a clock that was far off is refused even after the correction.
        """
        try:
            return self._once(path, query, dialect)
        except (VenueAuthFailed, VenueClockSkew):
            if self._corrected or not self._correct():
                raise
        try:
            return self._once(path, query, dialect)
        except VenueAuthFailed as refused:
            if abs(self._offset) < SKEW_SECONDS:
                raise
            raise VenueClockSkew(f"{refused}. Our clock is {-self._offset:+.0f} s off the venue's") from None

    def _once(self, path: str, query: Mapping[str, str | int], dialect: Dialect) -> Reply:
        return self._http.get(path, query, sign=lambda: self._headers(path), dialect=dialect)

    def _headers(self, path: str) -> dict[str, str]:
        token = self._key.token(
            "GET",
            self._http.host,
            self._http.prefix + path,
            now=int(self._http.now().timestamp() + self._offset),
            nonce=self._nonce(),
        )
        return {"Authorization": f"Bearer {token}"}

    def _correct(self) -> bool:
        """Take the venue's clock. True if ours was wrong by enough to explain a refusal."""
        self._corrected = True
        before = self._http.now()
        try:
            document = self._http.get(TIME_PATH).document
            after = self._http.now()
            with self._http.reading(TIME_PATH):
                millis = take_amount(Record(document, "the answer"), "epochMillis")
        except TrueupError:
            # The clock could not be asked; what stands is the refusal itself.
            return False
        ours = (before.timestamp() + after.timestamp()) / 2
        self._offset = float(millis) / 1000 - ours
        return abs(self._offset) >= RESIGN_SECONDS
