"""A book that is asked for over HTTPS: JSON, with a bearer token, from public hosts unless one is allowed by its name.

Whoever may write an account chooses the address, so the address must not lead inside (see wire.pinned). Redirects are
refused, and nothing that is sent is ever shown.
"""

import time
from collections.abc import Callable, Collection

from trueup.books.content import MAX_BOOK_BYTES, json_book
from trueup.domain.book_sources import place_of
from trueup.domain.models import Book, HttpsSource
from trueup.errors import BookInvalid, BookUnavailable
from trueup.wire.ask import Dropped, NoAnswer, Received, wrong_kind
from trueup.wire.pinned import LeadsInside, Resolve, addresses_of, ask_at, look_up, target_of
from trueup.wire.words import own_words, shown

_PASSING = {408, 425, 429}


class HttpsBooks:
    """Books at addresses. `token_of` finds the token by the secret's name; `seconds` says how long a reading may take.

    `allowed_hosts` may be anywhere, also inside.
    """

    def __init__(
        self,
        *,
        token_of: Callable[[str, str], str],
        allowed_hosts: Collection[str],
        seconds: Callable[[], float],
        resolve: Resolve = look_up,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._token_of = token_of
        self._allowed_hosts = allowed_hosts
        self._seconds = seconds
        self._resolve = resolve
        self._monotonic = monotonic
        self._tokens: dict[str, str] = {}

    def read(self, account_id: str, source: HttpsSource) -> Book | None:
        """Ask for a book; None where the answer is 404. Raises as books.protocol says."""
        where = f"the book at {place_of(source)}"
        who = f"account {account_id}: {where}"
        ends = self._monotonic() + self._seconds()
        target = target_of(source.url)
        try:
            addresses = addresses_of(target, self._allowed_hosts, self._resolve)
            token = self._token(account_id, source.secret)
            received = ask_at(
                addresses,
                target,
                {"Authorization": f"Bearer {token}"},
                seconds=lambda: ends - self._monotonic(),
                limit=MAX_BOOK_BYTES,
                monotonic=self._monotonic,
            )
        except LeadsInside as inside:
            raise BookInvalid(
                f"{who} was not asked for: {inside} is not on the public internet; "
                f"if {target.host} is meant, name it in BookAllowedHosts"
            ) from None
        except NoAnswer as error:
            raise (BookInvalid if error.lasting else BookUnavailable)(f"{who} {error}") from None
        except Dropped:
            raise BookUnavailable(f"{who} was dropped without a proper answer") from None
        if received.status == 404:
            return None
        if received.status != 200:
            raise _refused(received, who)
        if (kind := wrong_kind(received)) is not None:
            raise BookUnavailable(f"{who} answered with {kind} instead of JSON")
        return json_book(received.content, account_id, where)

    def _token(self, account_id: str, secret: str) -> str:
        if secret not in self._tokens:
            self._tokens[secret] = self._token_of(account_id, secret)
        return self._tokens[secret]


def _refused(received: Received, who: str) -> BookInvalid | BookUnavailable:
    status = received.status
    if 300 <= status < 400:
        return BookInvalid(f"{who} was redirected ({status}), which is refused: give the address it is at")
    said = f"{who} answered {status}: {shown(own_words(received.content))}"
    if status in _PASSING or status >= 500:
        return BookUnavailable(said)
    return BookInvalid(f"{said}. Check the secret" if status in (401, 403) else said)
