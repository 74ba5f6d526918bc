"""`trueup alerts`: try the endpoints, see what they did not take, and try that again."""

import json
from typing import Any

import pytest
from cli_kit import trueup

from cli import dead_letters
from cli.cloud import Cloud
from tests.unit.notify.notify_kit import alert, endpoint, envelope, parcels_of
from trueup.aws import client
from trueup.errors import ConfigInvalid, StoreUnavailable
from trueup.notify.endpoints import Kind
from trueup.notify.queue import SqsQueue

SUBJECT = "[Trueup] CRITICAL cb-main (coinbase): BTC quantity differs"
TAKEN = {"endpoint": "ops", "kind": "slack", "outcome": "delivered", "answer": "answered 200"}
REFUSED = {"endpoint": "desk", "kind": "webhook", "outcome": "not delivered", "answer": "answered 410"}


@pytest.fixture
def queues(endpoints: Cloud) -> Cloud:
    """The queues, with two dead letters for one endpoint and one for another, and one nobody could hand out."""
    queue = SqsQueue(endpoints.outputs["DeliveryQueueUrl"], endpoints.outputs["DeliveryDeadLetterQueueUrl"])
    for number, kind in enumerate((Kind.SLACK, Kind.SLACK, Kind.PAGERDUTY)):
        [parcel] = parcels_of(alert(alert_id=f"alr-{number}"), endpoint(kind))
        queue.bury(parcel, f"m-{number}", f"answered 50{number}")
    client("sqs").send_message(QueueUrl=endpoints.outputs["NoticeDeadLetterQueueUrl"], MessageBody=envelope(alert()))
    return endpoints


def bodies(cloud: Cloud, output: str) -> list[str]:
    """Everything in a queue, in order."""
    found: list[str] = []
    url = cloud.outputs[output]
    while messages := client("sqs").receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", []):
        for message in messages:
            found.append(message["Body"])
            client("sqs").delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    return found


# -- test ------------------------------------------------------------------------------------------------------------


def answering(monkeypatch: pytest.MonkeyPatch, *told: dict[str, str]) -> list[dict[str, Any]]:
    asked: list[dict[str, Any]] = []

    def invoke(function: str, event: dict[str, Any]) -> dict[str, Any]:
        asked.append(event["test"])
        return {"test": event["test"]["id"], "endpoints": list(told)}

    monkeypatch.setattr("cli.alerts.invoke", invoke)
    return asked


def test_a_test_prints_what_each_endpoint_answered(endpoints: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = answering(monkeypatch, TAKEN, REFUSED)

    ran = trueup("alerts", "test")

    assert ran.code == 1
    assert [line.split(maxsplit=2) for line in ran.out.splitlines()[1:]] == [
        ["ops", "slack", "delivered      answered 200"],
        ["desk", "webhook", "not delivered  answered 410"],
    ]
    [given] = asked
    assert given["endpoint"] is None
    assert given["id"].startswith("test-")


def test_a_test_of_one_endpoint_that_takes_it_is_well(endpoints: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = answering(monkeypatch, TAKEN)

    ran = trueup("alerts", "test", "--endpoint", "ops", "--json")

    assert (ran.code, ran.document["endpoints"]) == (0, [TAKEN])
    assert asked[0]["endpoint"] == "ops"


def test_a_name_that_can_be_none_is_refused_before_anybody_is_asked(
    endpoints: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = answering(monkeypatch, TAKEN)
    ran = trueup("alerts", "test", "--endpoint", "Ops Team")
    assert ran.code == 64
    assert ran.err == "trueup: --endpoint: must be lower-case letters, digits and hyphens, not 'Ops Team'\n"
    assert asked == []


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (ConfigInvalid("there is no endpoint x; there are ops"), 64, "ConfigInvalid: there is no endpoint x"),
        (StoreUnavailable("GetSecretValue: try again"), 75, "StoreUnavailable: GetSecretValue"),
    ],
)
def test_what_the_function_raises_is_told_in_one_line(
    endpoints: Cloud, monkeypatch: pytest.MonkeyPatch, error: Exception, code: int, said: str
) -> None:
    def invoke(function: str, event: dict[str, Any]) -> dict[str, Any]:
        raise error

    monkeypatch.setattr("cli.alerts.invoke", invoke)
    ran = trueup("alerts", "test")
    assert (ran.code, ran.out) == (code, "")
    assert ran.err.startswith(f"trueup: {said}")


# -- list ------------------------------------------------------------------------------------------------------------


def test_dead_letters_are_listed_with_what_they_say_and_the_reason(queues: Cloud) -> None:
    ran = trueup("alerts", "list", "--json")

    assert ran.code == 0
    assert [(it["endpoint"], it["said"], it["reason"]) for it in ran.document["dead_letters"]] == [
        ("ops-slack", SUBJECT, "answered 500"),
        ("ops-slack", SUBJECT, "answered 501"),
        ("ops-pagerduty", "trigger brk-btc", "answered 502"),
        (None, SUBJECT, None),
    ]
    assert (ran.document["count"], ran.document["on_their_way"]) == (4, 0)


def test_looking_takes_nothing_away(queues: Cloud) -> None:
    assert trueup("alerts", "list").out == trueup("alerts", "list").out
    assert "4 dead letters, 0 messages on the way" in trueup("alerts", "list").out


def test_a_dead_letter_that_is_none_of_ours_is_listed_all_the_same(endpoints: Cloud) -> None:
    client("sqs").send_message(QueueUrl=endpoints.outputs["NoticeDeadLetterQueueUrl"], MessageBody="hello")
    [letter] = trueup("alerts", "list", "--json").document["dead_letters"]
    assert letter["said"] == 'no message of ours: "hello"'


def test_without_dead_letters_there_is_nothing_to_do(endpoints: Cloud) -> None:
    ran = trueup("alerts", "list")
    assert (ran.code, ran.out, ran.err) == (0, "0 dead letters, 0 messages on the way\n", "")


# -- redrive ---------------------------------------------------------------------------------------------------------


def test_everything_is_moved_back_in_order_and_counted(queues: Cloud) -> None:
    ran = trueup("alerts", "redrive")

    assert (ran.code, ran.out) == (0, "4 messages moved back\n")
    moved = [json.loads(body) for body in bodies(queues, "DeliveryQueueUrl")]
    assert [(it["endpoint"], it["id"]) for it in moved if it["endpoint"] == "ops-slack"] == [
        ("ops-slack", "alr-0"),
        ("ops-slack", "alr-1"),
    ]
    assert len(moved) == 3
    assert bodies(queues, "NoticeQueueUrl") == [envelope(alert())]
    assert trueup("alerts", "redrive", "--json").document == {"moved": 0}


def test_what_is_given_up_again_meanwhile_stays_and_moving_ends(queues: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    """A dead endpoint could otherwise keep it busy for ever."""
    queue = SqsQueue(queues.outputs["DeliveryQueueUrl"], queues.outputs["DeliveryDeadLetterQueueUrl"])
    [parcel] = parcels_of(alert(alert_id="alr-0"), endpoint(Kind.SLACK))
    send_back, sent = dead_letters.DeadLetters._send_back, []

    def and_refused_at_once(letters: Any, message: dict[str, Any]) -> None:
        send_back(letters, message)
        sent.append(message)
        assert len(sent) < 10
        if '"alr-0"' in message["Body"]:
            queue.bury(parcel, f"again-{len(sent)}", "answered 404")

    monkeypatch.setattr(dead_letters.DeadLetters, "_send_back", and_refused_at_once)

    assert trueup("alerts", "redrive").out == "4 messages moved back\n"
    monkeypatch.undo()
    assert len(bodies(queues, "DeliveryDeadLetterQueueUrl")) == 1


# -- a stack without endpoints ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("verb", ["test", "list", "redrive"])
def test_a_stack_without_endpoints_is_told_how_to_get_them(cloud: Cloud, verb: str) -> None:
    ran = trueup("alerts", verb)
    assert (ran.code, ran.out) == (69, "")
    assert ran.err == (
        "trueup: the stack trueup tells no endpoints; deploy it with AlertEndpointsSecret (docs/alerts.md)\n"
    )
