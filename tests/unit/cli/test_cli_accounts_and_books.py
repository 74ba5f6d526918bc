"""Accounts, keys and books in the cloud: checked before anything is written, and nothing of a key is ever shown."""

import base64
import json

import pytest
from cli_kit import ACCOUNT, BOOK, DYDX, RUN_ID, changed, is_one_line, trueup, write
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tests.unit.book_server import TOKEN, BookServer
from trueup.store import keys

NOW_BOOK = changed(BOOK, as_of="2026-11-22T11:00:00Z")


def key_file(folder):
    key = Ed25519PrivateKey.generate()
    secret = base64.b64encode(key.private_bytes_raw() + key.public_key().public_bytes_raw()).decode()
    return write(folder, "key.json", {"name": "organizations/x/apiKeys/y", "privateKey": secret}), secret


def refused(ran, *words, code=64):
    assert ran.code == code, ran
    assert is_one_line(ran.err), ran.err
    for word in words:
        assert word in ran.err


# -- accounts --------------------------------------------------------------------------------------------------


def test_an_account_put_is_there_as_it_was_written(cloud, tmp_path):
    ran = trueup("accounts", "put", write(tmp_path, "a.yaml", json.dumps(DYDX)))
    assert (ran.code, ran.out) == (0, "dydx-one: added\n")
    shown = trueup("accounts", "show", "dydx-one", "--json").document
    assert (shown["venue"], shown["address"], shown["enabled"]) == ("dydx", DYDX["address"], True)
    assert [account["account_id"] for account in trueup("accounts", "list", "--json").document["accounts"]] == [
        "dydx-one"
    ]
    assert trueup("accounts", "put", write(tmp_path, "a.json", DYDX)).out == "dydx-one: replaced\n"


def test_a_key_goes_into_secrets_manager_under_the_stack_and_is_never_shown(cloud, tmp_path):
    file, secret = key_file(tmp_path)
    account = write(tmp_path, "a.json", ACCOUNT)
    for expected in ("added", "replaced"):
        ran = trueup("accounts", "put", account, "--secret-file", file)
        assert (ran.code, ran.out) == (0, f"cb-main: {expected}, key in trueup/coinbase/cb-main\n")
        assert secret not in ran.out + ran.err
    stored = cloud.client("secretsmanager").get_secret_value(SecretId="trueup/coinbase/cb-main")["SecretString"]
    assert json.loads(stored) == json.loads(file.read_text())
    assert secret not in trueup("accounts", "put", account, "--secret-file", file, "--json").out


@pytest.mark.parametrize(
    ("key", "words"),
    [
        ("not json", "key file"),
        ("[]", "key file"),
        ('{"name": "n"}', "privateKey"),
        ('{"name": "n", "privateKey": "hunter2-hunter2"}', "privateKey"),
    ],
)
def test_a_key_file_that_is_none_is_refused_before_anything_is_written(cloud, tmp_path, key, words):
    ran = trueup("accounts", "put", write(tmp_path, "a.json", ACCOUNT), "--secret-file", write(tmp_path, "k.json", key))
    refused(ran, words)
    assert "hunter2" not in ran.err
    assert cloud.accounts.all() == []
    assert cloud.client("secretsmanager").list_secrets()["SecretList"] == []


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"venue": "krakn"}, ["venue", "coinbase, dydx", "krakn"]),
        ({"secret": None}, ["secret", "coinbase needs one"]),
        ({"address": "dydx1x"}, ["address"]),
        ({"wallets": ["vault"]}, ["wallets", "spot"]),
        ({"enabled": "yes"}, ["enabled", "true or false"]),
        ({"base_url": "http://example.com"}, ["base_url", "https"]),
        ({"subaccounts": [0.5]}, ["subaccounts", "whole numbers"]),
        ({"colour": "red"}, ["colour"]),
    ],
)
def test_a_wrong_account_is_refused_whole_in_one_line(cloud, tmp_path, change, words):
    refused(trueup("accounts", "put", write(tmp_path, "a.json", changed(ACCOUNT, **change))), *words)
    assert cloud.accounts.all() == []


def test_a_key_for_a_venue_without_keys_is_refused(cloud, tmp_path):
    file, _ = key_file(tmp_path)
    refused(trueup("accounts", "put", write(tmp_path, "a.json", DYDX), "--secret-file", file), "--secret-file", "dydx")


def test_an_account_can_be_left_out_taken_back_and_forgotten(two_accounts):
    assert trueup("accounts", "disable", "cb-main").out == "cb-main: disabled\n"
    assert not two_accounts.accounts.get("cb-main").enabled
    assert trueup("accounts", "enable", "cb-main", "--json").document["enabled"] is True
    assert trueup("accounts", "remove", "cb-main").code == 0
    assert [account.account_id for account in two_accounts.accounts.all()] == ["dydx-one"]


@pytest.mark.parametrize("verb", ["show", "enable", "disable", "remove"])
def test_an_account_that_is_not_there_is_one_line_with_those_that_are(two_accounts, verb):
    refused(trueup("accounts", verb, "cb-mian"), "cb-mian", "cb-main, dydx-one")


# -- books -----------------------------------------------------------------------------------------------------


def test_a_book_put_becomes_the_next_version_and_is_shown_as_written(two_accounts, tmp_path):
    file = write(tmp_path, "book.json", NOW_BOOK)
    for version in ("1", "2"):
        assert trueup("book", "put", file, "--json").document["book"]["version"] == version
    shown = trueup("book", "show", "cb-main", "--json").document
    assert shown["holdings"] == BOOK["holdings"]
    assert "1.25" in trueup("book", "show", "cb-main").out


def test_a_csv_book_is_imported_as_of_the_time_given(two_accounts, tmp_path):
    file = write(tmp_path, "book.csv", "wallet,asset,total\nspot,BTC,1.25\n")
    ran = trueup("book", "import", file, "--account", "cb-main", "--as-of", "2026-11-22T11:00:00Z")
    assert (ran.code, ran.out) == (0, "cb-main: version 1, as of 2026-11-22T11:00:00.000Z, 1 holding in spot\n")


def test_nobody_overwrites_a_book_they_have_not_seen(two_accounts, tmp_path):
    file = write(tmp_path, "book.json", NOW_BOOK)
    assert trueup("book", "put", file, "--expect", "none").code == 0
    refused(trueup("book", "put", file, "--expect", "none"), "BookConflict", code=75)
    refused(trueup("book", "put", file, "--expect", "7"), "BookConflict", "version 7", code=75)
    assert trueup("book", "put", file, "--expect", "1").code == 0
    refused(trueup("book", "put", file, "--expect", "latest"), "--expect")


def test_a_broken_book_is_replaced_by_putting_it_again(two_accounts, tmp_path):
    file = write(tmp_path, "book.json", NOW_BOOK)
    trueup("book", "put", file)
    two_accounts.rows.put({"pk": "BOOK#cb-main", "sk": "HEAD", "version": "1", "sha256": "0" * 64, "as_of": "x"})
    refused(trueup("book", "show", "cb-main"), "BookUnavailable", code=75)

    ran = trueup("book", "put", file)

    assert ran.code == 0
    assert "the book being replaced could not be read" in ran.err
    assert trueup("book", "show", "cb-main", "--json").document["version"] == "2"


def test_a_book_that_covers_less_than_before_says_so(two_accounts, tmp_path):
    trueup("book", "put", write(tmp_path, "b.json", changed(NOW_BOOK, wallets=["spot", "earn"])))
    assert "earn" in trueup("book", "put", write(tmp_path, "b.json", NOW_BOOK)).err


@pytest.mark.parametrize(
    ("document", "words"),
    [
        (changed(NOW_BOOK, account_id="cb-mian"), ["no account cb-mian", "cb-main"]),
        (changed(NOW_BOOK, as_of="2999-01-01T00:00:00Z"), ["as_of", "future"]),
        (changed(NOW_BOOK, holdings=BOOK["holdings"] * 2), ["holdings[1]", "repeats"]),
        (changed(NOW_BOOK, wallets=[]), ["holdings[0].wallet"]),
        (changed(NOW_BOOK, nav="1"), ["book.json.nav"]),
    ],
)
def test_a_wrong_book_is_refused_and_nothing_is_written(two_accounts, tmp_path, document, words):
    refused(trueup("book", "put", write(tmp_path, "book.json", document)), *words)
    assert two_accounts.book.version("cb-main") is None


def test_importing_the_json_book_of_another_account_is_refused(two_accounts, tmp_path):
    file = write(tmp_path, "book.json", NOW_BOOK)
    refused(trueup("book", "import", file, "--account", "dydx-one"), "cb-main", "dydx-one")


def test_an_account_without_a_book_says_how_to_get_one(two_accounts):
    refused(trueup("book", "show", "cb-main"), "no book", "trueup book import")


def test_adopting_takes_complete_wallets_only_and_is_on_the_record(a_run, two_accounts):
    ran = trueup("book", "adopt", "cb-main", "--json")
    assert ran.code == 0, ran.err
    adopted = ran.document
    assert adopted["book"]["wallets"] == ["spot"]
    assert adopted["book"]["holdings"] == [{"wallet": "spot", "asset": "BTC", "total": "1.1", "price_asset": "BTC"}]
    assert adopted["book"]["as_of"] == "2026-11-22T12:00:00.123Z"
    assert adopted["left_out"] == {"earn": "permission_denied"}
    [record] = a_run.rows.query("ACCOUNT#cb-main", prefix="ADOPTED#")
    assert record["by"].startswith("arn:aws:sts::")
    assert (record["run_id"], record["version"], record["replaced_version"]) == (RUN_ID, "1", None)
    assert record["evidence_sha256"] == a_run.audit.last("cb-main")["evidence_sha256"]


def test_what_was_seen_of_a_wallet_that_was_not_read_whole_is_not_adopted(two_accounts):
    half = changed(NOW_SNAPSHOT, wallets={"spot": "complete", "earn": "failed: incomplete"})
    half["holdings"].append({"wallet": "earn", "asset": "DOT", "total": "7"})
    half["pending"] = [
        {"wallet": wallet, "asset": "BTC", "quantity": "1", "applied": False, "reference": wallet}
        for wallet in ("spot", "earn")
    ]
    evidence = {"book": None, "book_after": None, "snapshot": half}
    two_accounts.objects.put_once(keys.observation_object(RUN_ID, "cb-main"), evidence)
    book = trueup("book", "adopt", "cb-main", "--run", RUN_ID, "--json").document["book"]
    assert [holding["wallet"] for holding in book["holdings"]] == ["spot"]
    assert [item["wallet"] for item in book["pending"]] == ["spot"]


def test_what_the_venue_has_in_its_total_already_is_not_adopted_as_on_its_way(two_accounts):
    moving = changed(NOW_SNAPSHOT)
    moving["pending"] = [
        {"wallet": "spot", "asset": "BTC", "quantity": quantity, "applied": applied, "reference": quantity}
        for quantity, applied in (("1", False), ("-2", True))
    ]
    evidence = {"book": None, "book_after": None, "snapshot": moving}
    two_accounts.objects.put_once(keys.observation_object(RUN_ID, "cb-main"), evidence)
    book = trueup("book", "adopt", "cb-main", "--run", RUN_ID, "--json").document["book"]
    assert [item["quantity"] for item in book["pending"]] == ["1"]


def test_adopting_never_hides_differences_behind_a_book_that_exists(a_run, two_accounts, tmp_path):
    trueup("book", "put", write(tmp_path, "book.json", NOW_BOOK))
    refused(trueup("book", "adopt", "cb-main"), "version 1", "--replace")
    assert trueup("book", "adopt", "cb-main", "--replace", "--run", RUN_ID).code == 0
    assert two_accounts.book.version("cb-main") == "2"


def test_there_is_nothing_to_adopt_of_an_account_no_run_has_seen(a_run, two_accounts):
    refused(trueup("book", "adopt", "dydx-one"), "no run has seen dydx-one")
    refused(trueup("book", "adopt", "dydx-one", "--run", RUN_ID), RUN_ID, "not seen dydx-one")
    refused(trueup("book", "adopt", "dydx-one", "--run", "yesterday"), "--run", "20261122T120000Z")


def test_evidence_that_was_swapped_is_not_adopted(a_run, two_accounts):
    a_run.client("s3").delete_object(Bucket="bucket", Key=keys.observation_object(RUN_ID, "cb-main"))
    document = {"book": None, "book_after": None, "snapshot": changed(json.loads(json.dumps(NOW_SNAPSHOT)))}
    a_run.objects.put_once(keys.observation_object(RUN_ID, "cb-main"), document)
    refused(trueup("book", "adopt", "cb-main"), "not what the audit vouches for")


NOW_SNAPSHOT = {
    "account_id": "cb-main",
    "venue": "coinbase",
    "observed_at": "2026-11-22T12:00:00Z",
    "wallets": {"spot": "complete"},
    "holdings": [{"wallet": "spot", "asset": "BTC", "total": "1000"}],
}


# -- books from elsewhere --------------------------------------------------------------------------------------


def elsewhere(book, **fields):
    return changed(ACCOUNT, book=book, **fields)


def https_at(url):
    return {"source": "https", "url": url, "secret": "coinbase/desk-book"}


S3 = {"source": "s3", "bucket": "desk-books", "key": "books/cb-main.csv"}


def test_an_account_says_where_its_book_is_and_shows_it(cloud, tmp_path):
    book = https_at("https://books.example.com/cb-main")
    assert trueup("accounts", "put", write(tmp_path, "a.json", elsewhere(book))).code == 0
    assert trueup("accounts", "show", "cb-main", "--json").document["book"] == book
    assert "https://books.example.com/cb-main" in trueup("accounts", "show", "cb-main").out.replace("\n", "")
    in_yaml = "account_id: cb-main\nvenue: coinbase\nsecret: coinbase/cb-main\n"
    in_yaml += "book: {source: s3, bucket: desk-books, key: books/cb-main.csv}\n"
    assert trueup("accounts", "put", write(tmp_path, "a.yaml", in_yaml)).out == "cb-main: replaced\n"
    assert trueup("accounts", "show", "cb-main", "--json").document["book"] == S3


@pytest.mark.parametrize(
    ("book", "words"),
    [
        (S3 | {"key": "book.xlsx"}, ["a.json.book.key", ".csv or .json"]),
        ({"source": "ftp"}, ["a.json.book.source", "https, s3"]),
        (https_at("http://books.example.com"), ["a.json.book.url", "https"]),
    ],
)
def test_a_source_that_cannot_be_is_one_line_with_its_place(cloud, tmp_path, book, words):
    refused(trueup("accounts", "put", write(tmp_path, "a.json", elsewhere(book))), *words)
    assert cloud.accounts.all() == []


def test_the_token_of_a_book_goes_into_secrets_manager_and_is_never_shown(cloud, tmp_path):
    account = write(tmp_path, "a.json", elsewhere(https_at("https://books.example.com/x")))
    token = write(tmp_path, "token.txt", f"{TOKEN}\n")
    ran = trueup("accounts", "put", account, "--book-secret-file", token)
    assert (ran.code, ran.out) == (0, "cb-main: added, its book's token in trueup/coinbase/desk-book\n")
    stored = cloud.client("secretsmanager").get_secret_value(SecretId="trueup/coinbase/desk-book")["SecretString"]
    assert stored == TOKEN
    as_json = trueup("accounts", "put", account, "--book-secret-file", token, "--json")
    assert as_json.document["book_secret_stored"] == "trueup/coinbase/desk-book"
    assert TOKEN not in ran.out + ran.err + as_json.out


def test_what_is_no_token_is_refused_before_anything_is_written(cloud, tmp_path):
    account = write(tmp_path, "a.json", elsewhere(https_at("https://books.example.com/x")))
    file, secret = key_file(tmp_path)
    ran = trueup("accounts", "put", account, "--book-secret-file", file)
    refused(ran, "is not a bearer token")
    assert secret not in ran.err
    in_table = write(tmp_path, "t.json", ACCOUNT)
    token = write(tmp_path, "token.txt", TOKEN)
    refused(trueup("accounts", "put", in_table, "--book-secret-file", token), "--book-secret-file", "HTTPS")
    assert cloud.accounts.all() == []
    assert cloud.client("secretsmanager").list_secrets()["SecretList"] == []


def test_a_book_over_https_is_shown_as_it_is_there_now(cloud, tmp_path, monkeypatch):
    with BookServer() as server:
        file = write(tmp_path, "a.json", elsewhere(https_at(f"{server.url}/book")))
        trueup("accounts", "put", file, "--book-secret-file", write(tmp_path, "token.txt", TOKEN))
        refused(trueup("book", "show", "cb-main"), "BookInvalid", "not on the public internet", "BookAllowedHosts")
        monkeypatch.setitem(cloud.outputs, "BookAllowedHosts", "127.0.0.1")
        refused(trueup("book", "show", "cb-main"), "no book", f"there is none at {server.url}/book")
        server.put("/book", NOW_BOOK)
        shown = trueup("book", "show", "cb-main", "--json")
        assert shown.document["holdings"] == BOOK["holdings"]
        assert f"read from {server.url}/book" in shown.err
    refused(trueup("book", "show", "cb-main"), "BookUnavailable", "found nobody", code=75)


def test_a_book_in_a_bucket_is_shown_too(cloud, tmp_path):
    trueup("accounts", "put", write(tmp_path, "a.json", elsewhere(S3)))
    cloud.client("s3").create_bucket(Bucket="desk-books")
    cloud.client("s3").put_object(
        Bucket="desk-books", Key="books/cb-main.csv", Body=b"wallet,asset,total\nspot,BTC,3\n"
    )
    assert "read from s3://desk-books/books/cb-main.csv" in trueup("book", "show", "cb-main").err
    assert trueup("book", "show", "cb-main", "--json").document["holdings"][0]["total"] == "3"


def test_a_book_that_comes_from_elsewhere_is_not_written_here(a_run, tmp_path):
    trueup("accounts", "put", write(tmp_path, "a.json", elsewhere(S3)))
    put, csv = write(tmp_path, "b.json", NOW_BOOK), write(tmp_path, "b.csv", "wallet,asset,total\nspot,BTC,1\n")
    said = "the book of cb-main comes from s3://desk-books/books/cb-main.csv; change it there"
    refused(trueup("book", "put", put), said)
    refused(trueup("book", "import", csv, "--account", "cb-main", "--as-of", "2026-11-22T11:00:00Z"), said)
    refused(trueup("book", "adopt", "cb-main"), said)
    assert a_run.book.version("cb-main") is None
