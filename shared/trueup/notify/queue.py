"""The queue between the topic and the endpoints: in order for each endpoint, and none waits for another.

It is FIFO, with a message group for each endpoint: one message of an endpoint is out at a time, so an incident's end
never overtakes its beginning, and a slow endpoint takes up one function and no more.
"""

from typing import Protocol

from botocore.exceptions import ClientError

from trueup.aws import client, code_of, raising_store_unavailable
from trueup.notify.parcels import Parcel, write_parcel

_GONE = {"ReceiptHandleIsInvalid", "MessageNotInflight", "InvalidParameterValue"}
"""How SQS says that a message is no longer ours: it was seen by somebody else after its time, or has expired."""
MAX_REASON = 500


class Queue(Protocol):
    """Where parcels wait. Every method raises StoreUnavailable."""

    def put(self, parcel: Parcel) -> None:
        """Add a parcel behind the others of its endpoint; the same parcel within five minutes is one."""
        ...

    def put_off(self, receipt: str, seconds: int) -> None:
        """Show a message again after so many seconds."""
        ...

    def bury(self, parcel: Parcel, message_id: str, reason: str) -> None:
        """Put a parcel among the dead letters, once for each message."""
        ...


class SqsQueue:
    """A FIFO queue and its dead letters in SQS."""

    def __init__(self, url: str, dead_letter_url: str) -> None:
        self._url = url
        self._dead_letter_url = dead_letter_url

    @raising_store_unavailable
    def put(self, parcel: Parcel) -> None:
        """Add a parcel behind the others of its endpoint."""
        client("sqs").send_message(
            QueueUrl=self._url,
            MessageBody=write_parcel(parcel),
            MessageGroupId=parcel.endpoint,
            MessageDeduplicationId=parcel.key,
        )

    @raising_store_unavailable
    def put_off(self, receipt: str, seconds: int) -> None:
        """Show a message again after so many seconds; one that is no longer ours is shown when its time is over."""
        try:
            client("sqs").change_message_visibility(
                QueueUrl=self._url, ReceiptHandle=receipt, VisibilityTimeout=seconds
            )
        except ClientError as error:
            if code_of(error).rpartition(".")[2] not in _GONE:
                raise

    @raising_store_unavailable
    def bury(self, parcel: Parcel, message_id: str, reason: str) -> None:
        """Put a parcel among the dead letters, with the reason.

        By the message's id and not by the parcel's: what was moved back and fails again must not pass for a repeat.
        """
        client("sqs").send_message(
            QueueUrl=self._dead_letter_url,
            MessageBody=write_parcel(parcel),
            MessageGroupId=parcel.endpoint,
            MessageDeduplicationId=f"dead-{message_id}",
            MessageAttributes={"reason": {"DataType": "String", "StringValue": reason[:MAX_REASON]}},
        )
