"""Fetch: one observation of one account. Book, venue, book again, and the evidence."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from trueup.books.protocol import BookSource
from trueup.books.sources import Books
from trueup.books.table import TableBook
from trueup.clock import utc_now
from trueup.config import FetchSettings
from trueup.domain.documents import observation_document, read_observation
from trueup.domain.models import Account, Observation
from trueup.domain.reading import Malformed, Record
from trueup.errors import ConfigInvalid, VenueResponseInvalid
from trueup.secrets import read_credential, read_token
from trueup.steps.events import take_look, take_run_id
from trueup.store import keys
from trueup.store.accounts import Accounts
from trueup.store.dynamodb import DynamoRows
from trueup.store.objects import Objects, S3Objects
from trueup.venues.aliases import assets_version
from trueup.venues.protocol import Credential
from trueup.venues.reading import Reading, read_venue
from trueup.venues.registry import VENUES


@dataclass(frozen=True, slots=True)
class FetchRequest:
    """Which account to observe, for which run."""

    run_id: str
    account_id: str
    second: bool = False
    """Look again: what the first look saw stays as it is."""
    retry: int = 0
    """How many attempts before this one have failed."""


def read_request(event: object) -> FetchRequest:
    """Read Fetch's event. Raises ConfigInvalid naming the field."""
    try:
        record = Record(event, "event")
        run_id, account_id = take_run_id(record), record.slug("account_id")
        second = take_look(record)
        retry = record.whole("retry") if record.has("retry") else 0
        if retry < 0:
            record.fail("retry", f"must be 0 or more, not {retry}")
        record.done()
    except Malformed as error:
        raise ConfigInvalid(str(error)) from None
    return FetchRequest(run_id, account_id, second, retry)


@dataclass(frozen=True, slots=True)
class FetchStep:
    """Everything Fetch works with. `read` asks the venue; `credential_of` finds the account's key."""

    venue: str
    accounts: Accounts
    book: BookSource
    objects: Objects
    credential_of: Callable[[Account], Credential | None]
    read: Callable[[Account, Credential | None], Reading]
    clock: Callable[[], datetime]

    def run(self, request: FetchRequest) -> dict[str, Any]:
        """Observe the account and keep the evidence; the first observation of a run stands.

        Raises the typed errors of `trueup.errors`; nothing is written when something failed.
        """
        account = self.accounts.get(request.account_id)
        if account is None:
            raise ConfigInvalid(f"account {request.account_id}: there is none; add it with `trueup accounts put`")
        if account.venue != self.venue:
            raise ConfigInvalid(
                f"account {account.account_id}: is at {account.venue}; this function reads {self.venue}"
            )
        credential = self.credential_of(account)
        started_at = self.clock()
        book = self.book.read(account)
        reading = self.read(account, credential)
        book_after = self.book.read(account)
        observation = Observation(reading.snapshot, book, book_after)
        document = observation_document(request.run_id, observation, started_at, self.clock(), reading.answers)
        document["assets_version"] = assets_version()
        try:
            # What cannot be read back must not become evidence that stops Compare for everybody else.
            read_observation(document)
        except Malformed as error:
            raise VenueResponseInvalid(f"account {account.account_id} at {account.venue}: {error}") from None
        name = keys.second_observation_object if request.second else keys.observation_object
        key = name(request.run_id, account.account_id)
        self.objects.put_once(key, document)
        return {"run_id": request.run_id, "account_id": account.account_id, "object": key}


RESERVE_SECONDS = 1.5
"""Kept back from the time a function has, so that it can still write the evidence or say what failed."""
SHARE_OF_A_BOOK = 5
"""A book from elsewhere may take the time of one request for each of its two readings, and no more than this part of
what the function has: the venue is what takes long.
"""


def fetch_step(settings: FetchSettings, remaining_milliseconds: Callable[[], int]) -> FetchStep:
    """Put the step together as a function runs it."""
    rows, objects = DynamoRows(settings.stores.table_name), S3Objects(settings.stores.bucket_name)
    book_seconds = min(settings.timeout_milliseconds, remaining_milliseconds() / SHARE_OF_A_BOOK) / 1000

    def left() -> float:
        return remaining_milliseconds() / 1000 - RESERVE_SECONDS

    def read(account: Account, credential: Credential | None) -> Reading:
        return read_venue(
            account,
            credential,
            timeout_seconds=settings.timeout_milliseconds / 1000,
            budget_seconds=left() - (0 if account.book is None else book_seconds),
            clock=utc_now,
        )

    return FetchStep(
        venue=settings.venue,
        accounts=Accounts(rows, VENUES),
        book=Books(
            TableBook(rows, objects),
            token_of=lambda account_id, secret: read_token(account_id, secret, settings.secret_prefix),
            allowed_hosts=settings.book_allowed_hosts,
            seconds=lambda: min(book_seconds, left()),
        ),
        objects=objects,
        credential_of=lambda account: read_credential(account, settings.secret_prefix),
        read=read,
        clock=utc_now,
    )
