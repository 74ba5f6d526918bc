"""The deployed stack: found once, then everything in it by name. Works the same against AWS and the local cloud."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import boto3
from botocore.exceptions import ClientError

from cli.errors import NotThere
from trueup.aws import client, code_of, use_session
from trueup.books.sources import Books
from trueup.books.table import TableBook
from trueup.config import allowed_hosts, threshold
from trueup.domain.policy import Policy, default_policy
from trueup.errors import ConfigInvalid
from trueup.secrets import read_token
from trueup.store.accounts import Accounts
from trueup.store.audit import Audit
from trueup.store.breaks import Breaks
from trueup.store.dynamodb import DynamoRows
from trueup.store.objects import S3Objects
from trueup.store.policies import Policies
from trueup.store.runs import Runs
from trueup.venues.registry import VENUES

NEEDED_OUTPUTS = ("StateMachineArn", "TableName", "BucketName", "TopicArn", "SecretPrefix", "ScheduleName")
BOOK_SECONDS = 10.0
"""What reading a book from elsewhere may take here."""
_READS_ONLY = 0
"""Retention, for stores that are only read here: nothing is written that could expire."""


@dataclass(frozen=True, slots=True)
class Cloud:
    """A deployed stack by its outputs. Clients come from the session that `connect` chose."""

    stack_name: str
    outputs: Mapping[str, str]

    def client(self, service: str) -> Any:
        """Return the client of an AWS service."""
        return client(service)

    @property
    def caller(self) -> str:
        """Who is asking, as AWS knows them: the identity that is written down with what they do."""
        return str(self.client("sts").get_caller_identity()["Arn"])

    @property
    def rows(self) -> DynamoRows:
        """The table."""
        return DynamoRows(self.outputs["TableName"])

    @property
    def objects(self) -> S3Objects:
        """The bucket."""
        return S3Objects(self.outputs["BucketName"])

    @property
    def accounts(self) -> Accounts:
        """The accounts to look at."""
        return Accounts(self.rows, VENUES)

    @property
    def book(self) -> TableBook:
        """The built-in book."""
        return TableBook(self.rows, self.objects)

    @property
    def policies(self) -> Policies:
        """The policies that were put."""
        return Policies(self.rows, self.objects)

    @property
    def built_in(self) -> Policy:
        """What applies where no policy says anything, with the threshold of the deployment. Raises ConfigInvalid."""
        return default_policy(threshold(self._setting("ReconciliationThresholdPercentage")))

    @property
    def interval_seconds(self) -> int:
        """Seconds between two runs. Raises ConfigInvalid."""
        return int(self._setting("ReconciliationIntervalSeconds"))

    @property
    def books(self) -> Books:
        """The book of each account from where it is, as read from here."""
        prefix = self.outputs["SecretPrefix"]
        return Books(
            self.book,
            token_of=lambda account_id, secret: read_token(account_id, secret, prefix),
            allowed_hosts=allowed_hosts(self.outputs.get("BookAllowedHosts", "")),
            seconds=lambda: BOOK_SECONDS,
        )

    @property
    def runs(self) -> Runs:
        """The runs, for reading."""
        return Runs(self.rows, self.objects, _READS_ONLY)

    @property
    def audit(self) -> Audit:
        """The audit, for reading."""
        return Audit(self.rows, _READS_ONLY)

    @property
    def breaks(self) -> Breaks:
        """The breaks and their stories. Raises ConfigInvalid."""
        return Breaks(self.rows, int(self._setting("RetentionDays")))

    def _setting(self, name: str) -> str:
        if name not in self.outputs:
            raise ConfigInvalid(f"the stack {self.stack_name} does not say its {name}: it is older; deploy it again")
        return self.outputs[name]


def connect(stack_name: str, *, region: str | None = None, local: bool = False) -> Cloud:
    """Choose the session all clients come from, and find the stack in it.

    Raises NotThere for a local cloud or a stack that is not there, ConfigInvalid for a stack that is not Trueup's, and
    botocore's own errors.
    """
    use_profile(region, local=local)
    return find_stack(stack_name)


def use_profile(region: str | None, *, local: bool) -> None:
    """Choose the session all clients come from: the local cloud's operator, or your AWS settings."""
    use_session(_local_session() if local else boto3.Session(region_name=region))


def find_stack(stack_name: str) -> Cloud:
    """Find a deployed stack with the session in use."""
    try:
        stacks = client("cloudformation").describe_stacks(StackName=stack_name)["Stacks"]
    except ClientError as error:
        if code_of(error) != "ValidationError":
            raise
        region = client("cloudformation").meta.region_name
        raise NotThere(
            f"there is no stack {stack_name} in {region}; deploy it (sam deploy), or check --stack-name and --region"
        ) from None
    outputs = {output["OutputKey"]: output["OutputValue"] for output in stacks[0].get("Outputs", [])}
    missing = [name for name in NEEDED_OUTPUTS if name not in outputs]
    if missing:
        raise ConfigInvalid(
            f"the stack {stack_name} has no output {', '.join(missing)}: it is not Trueup's, or not deployed whole"
        )
    return Cloud(stack_name, outputs)


def _local_session() -> boto3.Session:
    # Nothing of the local cloud is imported by somebody who works on AWS.
    from local.cloud import ministack
    from local.cloud.errors import LocalCloudError

    try:
        return ministack.attach().session()
    except LocalCloudError as error:
        raise NotThere(f"{error}; start it with `trueup up`") from None
