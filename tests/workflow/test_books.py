"""Books from everywhere, in whole runs: what each source that works, fails or is empty comes to in the report."""

import json
from typing import Any

import boto3

from local.venues.server import Answer
from tests.unit.book_server import TOKEN, BookServer
from tests.unit.money_kit import book, item
from tests.workflow.desk import BOOK_BUCKET, SECRETS, Desk
from trueup.clock import utc_now
from trueup.domain.documents import book_document
from trueup.domain.models import Account, HttpsSource, S3Source
from trueup.store import keys

RUN = "20261122T120000Z"
SCHEDULED = {"scheduled_time": "2026-11-22T12:00:00Z"}
TOKEN_NAME = "coinbase/desk-book"


def document(account_id: str, total: str, **how: Any) -> dict[str, Any]:
    return book_document(book(("BTC", total), account_id=account_id, as_of=utc_now(), **how))


def put_object(key: str, content: str) -> S3Source:
    boto3.client("s3").put_object(Bucket=BOOK_BUCKET, Key=key, Body=content)
    return S3Source(BOOK_BUCKET, key)


def keep_token() -> None:
    boto3.client("secretsmanager").create_secret(Name=f"{SECRETS}{TOKEN_NAME}", SecretString=TOKEN)


def statuses(desk: Desk) -> dict[str, tuple[str, list[str]]]:
    return {it["account_id"]: (it["status"], it["reasons"]) for it in desk.report(RUN)["accounts"]}


def test_a_book_is_compared_wherever_it_comes_from(desk: Desk) -> None:
    for account_id in ("cb-pushed", "cb-web", "cb-json", "cb-csv"):
        desk.open_coinbase(account_id, {"BTC": "1.25"}, book=None)
    keep_token()
    with BookServer() as server:
        assert desk.push(document("cb-pushed", "1.25"))["stored"] is True
        server.put("/books/cb-web", document("cb-web", "1.25", version="7"))
        desk.take_book_from("cb-web", HttpsSource(f"{server.url}/books/cb-web", TOKEN_NAME))
        desk.take_book_from("cb-json", put_object("books/cb-json.json", json.dumps(document("cb-json", "1.25"))))
        desk.take_book_from("cb-csv", put_object("books/cb-csv.csv", "wallet,asset,total\nspot,BTC,1.25\n"))

        assert desk.run(SCHEDULED).status == "SUCCEEDED"

        assert len(server.requests) == 2, "before the venue, and after it"
    assert statuses(desk) == dict.fromkeys(("cb-csv", "cb-json", "cb-pushed", "cb-web"), ("OK", []))
    assert desk.report(RUN)["verified"] is True
    evidence = desk.objects.get(keys.observation_object(RUN, "cb-web"))
    assert evidence is not None
    assert (evidence["book"]["version"], evidence["book_after"]["version"]) == ("7", "7")
    assert TOKEN not in json.dumps(evidence)


def test_a_book_that_moves_while_the_venue_is_read_is_seen_to_move(desk: Desk) -> None:
    desk.open_coinbase("cb-web", {"BTC": "1.5"}, book=None)
    keep_token()
    with BookServer() as server:
        desk.take_book_from("cb-web", HttpsSource(f"{server.url}/book", TOKEN_NAME))
        # A fill reaches the book between its two readings.
        server.put("/book", document("cb-web", "1"), document("cb-web", "2"))

        desk.run(SCHEDULED)

    (line,) = desk.account_report(RUN, "cb-web")["lines"]
    assert (line["outcome"], line["book"], line["book_after"]) == ("in_motion", "1", "2")


def test_no_book_and_a_bad_book_are_reasons_and_never_a_match(desk: Desk) -> None:
    sources: dict[str, Any] = {}
    keep_token()
    with BookServer() as server:
        server.put("/of-another", document("somebody", "1"))
        server.answers["/busy"] = Answer.of_text("busy", status=503)
        for account_id in ("web-none", "web-busy", "web-another", "web-refused"):
            path = account_id.replace("web-", "/").replace("another", "of-another")
            sources[account_id] = HttpsSource(f"{server.url}{path}", TOKEN_NAME)
        sources["web-inside"] = HttpsSource("https://169.254.169.254/latest", TOKEN_NAME)
        server.answers["/refused"] = Answer.of_json({"message": "not yours"}, status=403)
        sources["s3-none"] = S3Source(BOOK_BUCKET, "books/nothing.csv")
        sources["s3-bad"] = put_object("books/bad.csv", "wallet,asset\n")
        for account_id, source in sources.items():
            desk.open_coinbase(account_id, {"BTC": "1"}, book=None)
            desk.take_book_from(account_id, source)

        assert desk.run(SCHEDULED).error == "NothingVerified"

    assert statuses(desk) == {
        "s3-bad": ("UNVERIFIED", ["bad_book"]),
        "s3-none": ("UNVERIFIED", ["no_book"]),
        "web-another": ("UNVERIFIED", ["bad_book"]),
        "web-busy": ("UNVERIFIED", ["bad_book"]),
        "web-inside": ("UNVERIFIED", ["bad_book"]),
        "web-none": ("UNVERIFIED", ["no_book"]),
        "web-refused": ("UNVERIFIED", ["bad_book"]),
    }
    said = {it["account_id"]: it["message"] for it in desk.report(RUN)["failures"]}
    assert "is the book of somebody" in said["web-another"]
    assert "169.254.169.254 is not on the public internet" in said["web-inside"]
    assert "answered 403: not yours. Check the secret" in said["web-refused"]
    assert "line 1: the column total is missing" in said["s3-bad"]
    assert desk.functions.attempts("web-busy") == 4, "what may pass is tried again"
    assert desk.functions.attempts("web-another") == 1


def test_a_venues_key_named_as_a_token_is_sent_to_nobody(desk: Desk) -> None:
    desk.open_coinbase("cb-main", {"BTC": "1"}, book=None)
    desk.open_coinbase("cb-web", {"BTC": "1"}, book=None)
    with BookServer() as server:
        desk.take_book_from("cb-web", HttpsSource(f"{server.url}/book", "coinbase/cb-main"))
        desk.run(SCHEDULED)
        assert server.requests == []
    (failure,) = [it for it in desk.report(RUN)["failures"] if it["account_id"] == "cb-web"]
    assert "the secret trueup/coinbase/cb-main is not a bearer token" in failure["message"]


# -- pushes ----------------------------------------------------------------------------------------------------------


def test_items_in_flight_that_are_pushed_explain_what_the_venue_does_not_show_yet(desk: Desk) -> None:
    desk.open_coinbase("cb-pushed", {"BTC": "1"}, book=None)
    on_its_way = item("BTC", "0.5", "deposit-7", applied=True, since=utc_now())
    desk.push(document("cb-pushed", "1.5", pending=(on_its_way,)))

    desk.run(SCHEDULED)

    (line,) = desk.account_report(RUN, "cb-pushed")["lines"]
    assert (line["outcome"], line["references"]) == ("explained", ["deposit-7"])


def test_what_is_pushed_badly_is_refused_by_name_and_nothing_is_written(desk: Desk) -> None:
    desk.add(Account("cb-main", "coinbase", secret="coinbase/cb-main"))
    good = document("cb-main", "1")

    refusals = [
        desk.push(change)
        for change in (
            good | {"version": "x"},
            good | {"account_id": "nobody"},
            good | {"as_of": "2999-01-01T00:00:00Z"},
        )
    ]

    assert [it["errorType"] for it in refusals] == ["BookInvalid", "ConfigInvalid", "BookInvalid"]
    assert desk.rows.query("BOOK#cb-main") == []
    assert desk.objects.keys("books/") == []


def test_a_push_again_is_no_error_and_an_older_one_is(desk: Desk) -> None:
    desk.add(Account("cb-main", "coinbase", secret="coinbase/cb-main"))
    good = document("cb-main", "1", version="41")

    assert [desk.push(good)["stored"], desk.push(good)["stored"]] == [True, False]
    older = desk.push(good | {"version": "40"})

    assert older["errorType"] == "BookConflict"
    assert "the current version is 41" in older["errorMessage"]
