"""Credentials: read when needed, and never quoted by what goes wrong with them."""

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError, ConnectTimeoutError

from tests.unit.book_server import TOKEN
from trueup.domain.models import Account
from trueup.errors import ConfigInvalid, StoreUnavailable
from trueup.secrets import parse_credential, read_credential, read_token

ACCOUNT = Account("cb-main", "coinbase", secret="coinbase/cb-main")
KEY = {"name": "organizations/o/apiKeys/k", "privateKey": "not a real key"}


class SecretsManager:
    def __init__(self, answer: Any) -> None:
        self.answer = answer
        self.asked: list[str] = []

    def get_secret_value(self, **request: str) -> Any:
        assert list(request) == ["SecretId"]
        self.asked.append(request["SecretId"])
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


def answering(monkeypatch: pytest.MonkeyPatch, answer: Any) -> SecretsManager:
    manager = SecretsManager(answer)
    monkeypatch.setattr("trueup.secrets.client", lambda service: {"secretsmanager": manager}[service])
    return manager


def refused_by_aws(code: str, status: int = 400) -> ClientError:
    return ClientError(
        {"Error": {"Code": code, "Message": ""}, "ResponseMetadata": {"HTTPStatusCode": status}},  # type: ignore[typeddict-item]
        "GetSecretValue",
    )


def test_the_key_file_is_read_under_the_stacks_prefix(monkeypatch: pytest.MonkeyPatch) -> None:
    manager = answering(monkeypatch, {"SecretString": json.dumps(KEY)})
    assert read_credential(ACCOUNT, "trueup/") == KEY
    assert manager.asked == ["trueup/coinbase/cb-main"]


def test_an_account_that_names_no_secret_asks_for_none(monkeypatch: pytest.MonkeyPatch) -> None:
    manager = answering(monkeypatch, {})
    assert read_credential(Account("dydx-perp", "dydx"), "trueup/") is None
    assert manager.asked == []


def test_a_secret_that_does_not_exist_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    answering(monkeypatch, refused_by_aws("ResourceNotFoundException"))
    with pytest.raises(
        ConfigInvalid, match="account cb-main: the secret trueup/coinbase/cb-main does not exist; create"
    ):
        read_credential(ACCOUNT, "trueup/")


@pytest.mark.parametrize(
    "fault",
    [
        refused_by_aws("ThrottlingException"),
        refused_by_aws("InternalServiceError", 500),
        ConnectTimeoutError(endpoint_url="x"),
    ],
)
def test_a_passing_fault_is_tried_again(monkeypatch: pytest.MonkeyPatch, fault: Exception) -> None:
    answering(monkeypatch, fault)
    with pytest.raises(StoreUnavailable):
        read_credential(ACCOUNT, "trueup/")


def test_a_missing_right_keeps_awss_own_name(monkeypatch: pytest.MonkeyPatch) -> None:
    answering(monkeypatch, refused_by_aws("AccessDeniedException"))
    with pytest.raises(ClientError, match="AccessDeniedException"):
        read_credential(ACCOUNT, "trueup/")


@pytest.mark.parametrize(
    "text",
    [
        None,
        "",
        "hunter2-not-json",
        '["hunter2"]',
        '"hunter2"',
        '{"privateKey": "hunter2"',
        '{"a": "hunter2", "a": 1}',
        b"\xffhunter2",
    ],
)
def test_what_is_no_key_file_is_refused_without_a_word_of_it(text: Any) -> None:
    with pytest.raises(ConfigInvalid) as refused:
        parse_credential(text, "account cb-main: the secret x")
    message = str(refused.value)
    assert message.startswith("account cb-main: the secret x is not the venue's key file")
    assert "hunter2" not in message
    assert refused.value.__cause__ is None
    assert (
        refused.value.__context__ is None
        or refused.value.__suppress_context__
        or "hunter2" not in str(refused.value.__context__)
    )


def test_a_secret_stored_as_bytes_is_no_key_file(monkeypatch: pytest.MonkeyPatch) -> None:
    answering(monkeypatch, {"SecretBinary": b"hunter2"})
    with pytest.raises(ConfigInvalid, match="is not the venue's key file"):
        read_credential(ACCOUNT, "trueup/")


# -- the token of a book ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("stored", [TOKEN, f"{TOKEN}\n", f" {TOKEN} "])
def test_the_token_of_a_book_is_read_under_the_stacks_prefix(monkeypatch: pytest.MonkeyPatch, stored: str) -> None:
    manager = answering(monkeypatch, {"SecretString": stored})
    assert read_token("cb-main", "coinbase/desk-book", "trueup/") == TOKEN
    assert manager.asked == ["trueup/coinbase/desk-book"]


@pytest.mark.parametrize(
    "stored",
    [None, "", "short", json.dumps(KEY), f"Bearer {TOKEN}", f"{TOKEN}\n{TOKEN}", "a" * 4097, "t\u00f6ken" * 10],
    ids=["none", "empty", "short", "a venue's key file", "with its scheme", "two lines", "long", "not ASCII"],
)
def test_what_is_no_bearer_token_is_sent_to_nobody_and_not_quoted(
    monkeypatch: pytest.MonkeyPatch, stored: str | None
) -> None:
    answering(monkeypatch, {} if stored is None else {"SecretString": stored})
    with pytest.raises(ConfigInvalid, match="the secret trueup/coinbase/desk-book is not a bearer token") as refused:
        read_token("cb-main", "coinbase/desk-book", "trueup/")
    assert not stored or stored not in str(refused.value)
    assert TOKEN not in str(refused.value)


def test_a_token_that_does_not_exist_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    answering(monkeypatch, refused_by_aws("ResourceNotFoundException"))
    with pytest.raises(ConfigInvalid, match=r"desk-book does not exist; create it .* with the book's token"):
        read_token("cb-main", "coinbase/desk-book", "trueup/")


def test_a_token_aws_does_not_hand_out_just_now_is_worth_another_try(monkeypatch: pytest.MonkeyPatch) -> None:
    answering(monkeypatch, refused_by_aws("ThrottlingException"))
    with pytest.raises(StoreUnavailable):
        read_token("cb-main", "coinbase/desk-book", "trueup/")
