"""What stands between the topic and the endpoints: nothing is lost on the way, and nobody waits for another."""

from pathlib import Path
from typing import Any

import pytest
from cfn import ROOT, Deployed

from trueup.config import NotifySettings
from trueup.steps.notify import NotifyStep


@pytest.fixture(scope="module")
def resources(deployed: Deployed) -> dict[str, dict[str, Any]]:
    return {name: it.get("Properties", {}) for name, it in deployed.resources.items()}


def test_what_the_topic_says_is_handed_to_the_function_one_message_at_a_time(
    resources: dict[str, dict[str, Any]],
) -> None:
    subscription = resources["NotifySubscription"]
    assert (subscription["TopicArn"], subscription["Protocol"]) == ("AlertTopic", "sqs")
    assert subscription["Endpoint"] == "arn:NoticeQueue"
    for name, queue in (("NoticesArrive", "NoticeQueue"), ("DeliveriesArrive", "DeliveryQueue")):
        assert resources[name] == {
            "EventSourceArn": f"arn:{queue}",
            "FunctionName": "NotifyFunction",
            "BatchSize": 1,
            "FunctionResponseTypes": ["ReportBatchItemFailures"],
        }


def test_only_the_topic_puts_messages_into_its_queue(resources: dict[str, dict[str, Any]]) -> None:
    policies = [resources[name]["PolicyDocument"]["Statement"] for name in ("NoticeQueuePolicy", "DeliveryQueuePolicy")]
    [allowed] = [it for statements in policies for it in statements if it["Effect"] == "Allow"]
    assert (allowed["Principal"], allowed["Action"]) == ({"Service": "sns.amazonaws.com"}, "sqs:SendMessage")
    assert allowed["Resource"] == "arn:NoticeQueue"
    assert allowed["Condition"] == {"ArnEquals": {"aws:SourceArn": "AlertTopic"}}


def test_every_queue_is_encrypted_with_the_stacks_key_and_keeps_what_nobody_takes(
    resources: dict[str, dict[str, Any]],
) -> None:
    for name in ("NoticeQueue", "NoticeDeadLetterQueue", "DeliveryQueue", "DeliveryDeadLetterQueue"):
        assert resources[name]["KmsMasterKeyId"] == "arn:TrueupKey"
        assert resources[name]["MessageRetentionPeriod"] == 14 * 86_400
    for queue in ("Notice", "Delivery"):
        policy = resources[f"{queue}Queue"]["RedrivePolicy"]
        assert policy["deadLetterTargetArn"] == f"arn:{queue}DeadLetterQueue"
        assert policy["maxReceiveCount"] >= 5, "throttled invocations count as receives"


def test_the_endpoints_queue_keeps_order_and_so_do_its_dead_letters(resources: dict[str, dict[str, Any]]) -> None:
    for name in ("DeliveryQueue", "DeliveryDeadLetterQueue"):
        assert resources[name]["FifoQueue"] is True
        assert resources[name]["QueueName"].endswith(".fifo")


def test_a_message_is_hidden_for_longer_than_the_function_may_take(
    deployed: Deployed, resources: dict[str, dict[str, Any]]
) -> None:
    for name in ("NoticeQueue", "DeliveryQueue"):
        assert resources[name]["VisibilityTimeout"] >= 6 * deployed.timeout("NotifyFunction")


def test_the_function_gives_up_before_the_queue_does_after_three_quarters_of_an_hour(
    deployed: Deployed, resources: dict[str, dict[str, Any]]
) -> None:
    settings = NotifySettings.from_env(deployed.environment("NotifyFunction"))
    assert settings.most_attempts == resources["DeliveryQueue"]["RedrivePolicy"]["maxReceiveCount"]
    step: Any = NotifyStep.__new__(NotifyStep)
    object.__setattr__(step, "first_wait_seconds", settings.first_wait_seconds)
    waits = [step.wait_after(attempt, None) for attempt in range(1, settings.most_attempts)]
    assert waits == [15, 30, 60, 120, 240, 480, 600, 600, 600]
    assert 44 * 60 <= sum(waits) <= 46 * 60
    page = Path(ROOT, "docs", "alerts.md").read_text()
    assert "after 15 s, 30 s, 1, 2, 4, 8, 10, 10 and 10 minutes" in page


@pytest.mark.parametrize(
    ("alarm", "queue"),
    [
        ("AlertsNotDeliveredAlarm", "DeliveryDeadLetterQueue"),
        ("AlertsNotHandedOutAlarm", "NoticeDeadLetterQueue"),
    ],
)
def test_dead_letters_alarm_and_their_end_is_told(resources: dict[str, dict[str, Any]], alarm: str, queue: str) -> None:
    properties = resources[alarm]
    assert properties["MetricName"] == "ApproximateNumberOfMessagesVisible"
    assert properties["Dimensions"] == [{"Name": "QueueName", "Value": f"{queue}.QueueName"}]
    assert properties["AlarmActions"] == properties["OKActions"] == ["AlertTopic"], "an incident is closed by its end"


def test_what_is_not_handed_out_or_not_even_queued_alarms(resources: dict[str, dict[str, Any]]) -> None:
    """Where the function is not invoked, or the topic cannot reach the queue, there are no dead letters."""
    waiting, failing = resources["AlertsHeldUpAlarm"], resources["TopicFailingAlarm"]
    assert (waiting["MetricName"], waiting["Dimensions"]) == (
        "ApproximateAgeOfOldestMessage",
        [{"Name": "QueueName", "Value": "NoticeQueue.QueueName"}],
    )
    policy = resources["NoticeQueue"]["RedrivePolicy"]
    assert waiting["Threshold"] < policy["maxReceiveCount"] * resources["NoticeQueue"]["VisibilityTimeout"]
    assert (failing["MetricName"], failing["Dimensions"]) == (
        "NumberOfNotificationsFailed",
        [{"Name": "TopicName", "Value": "AlertTopic.TopicName"}],
    )
