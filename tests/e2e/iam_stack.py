"""The real stack on a local cloud of its own, with one account at each venue, deployed again with one thing missing.

What is missing is missing from the template that is deployed: that is how a right comes to be missing in life, and
nothing else differs. Only for a simulation, of which nothing runs, is the deployed role's policy itself changed.
"""

import copy
import json
import re
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

from ulid import ULID

from local.channels.server import Channels
from local.cloud import deploy, ministack, package, template
from local.cloud.deploy import Deployment
from local.cloud.ministack import LocalCloud
from local.venues.coinbase import CoinbaseSimulator
from local.venues.credentials import make_address, make_credential
from local.venues.dydx import DydxSimulator
from local.venues.server import Answer
from tests.unit.book_server import TOKEN, BookServer
from tests.unit.notify.notify_kit import alert, envelope, from_queue, from_topic
from trueup.aws import use_session
from trueup.books.table import TableBook
from trueup.clock import utc_now
from trueup.domain.amounts import parse_amount
from trueup.domain.documents import book_document
from trueup.domain.models import Account, Book, Holding, HttpsSource, S3Source
from trueup.domain.policy import default_policy, read_policy
from trueup.notify.endpoints import read_endpoints
from trueup.notify.notices import read_notice
from trueup.notify.parcels import parcels
from trueup.store import keys
from trueup.store.accounts import Accounts
from trueup.store.dynamodb import DynamoRows
from trueup.store.objects import S3Objects
from trueup.store.policies import Policies
from trueup.store.runs import Runs
from trueup.venues.registry import VENUES

ROOT = Path(__file__).parents[2]
STACK = "proof"
BOOK_BUCKET = "desk-books"
ENDPOINTS = f"{STACK}/alert-endpoints"
ACCOUNTS = ("cb", "cb-bucket", "dydx", "dydx-web")
WAIT_SCALE = 0.01
PRICES = {"BTC": "97000.5", "ETH": "3400", "USDC": "1"}
DENIED = frozenset({"AccessDenied", "AccessDeniedException", "AuthorizationError"})
"""How AWS says no: S3; DynamoDB, Secrets Manager and most others; SNS."""
_REFUSAL = re.compile(
    r"An error occurred \((?P<code>\w+)\).*assumed-role/(?P<role>[^/]+)/.*is not authorized to perform: (?P<action>\S+)"
)

Statement = dict[str, Any]


@cache
def real_template() -> dict[str, Any]:
    """Return template.yaml; not to be changed."""
    return template.read(ROOT / "template.yaml")


def allow_statements(role: str) -> dict[str, Statement]:
    """Return what template.yaml allows a role, or roles by a policy, by Sid; nothing if it has no such thing."""
    properties = real_template()["Resources"].get(role, {"Properties": {"Policies": []}})["Properties"]
    policies = properties.get("Policies", [properties])
    found = [it for policy in policies for it in policy["PolicyDocument"]["Statement"]]
    return {it["Sid"]: it for it in found if it["Effect"] == "Allow"}


def actions(statement: Statement) -> list[str]:
    """Return the actions of a statement."""
    value = statement["Action"]
    return list(value) if isinstance(value, list) else [value]


def _take_away(document: dict[str, Any], sid: str, action: str | None) -> bool:
    """Remove an Allow statement, or one action of it, from a policy; False if it was not there."""
    for statement in document["Statement"]:
        if statement.get("Sid") == sid and statement["Effect"] == "Allow":
            if action is None:
                document["Statement"].remove(statement)
            else:
                statement["Action"] = [it for it in actions(statement) if it != action]
            return True
    return False


@dataclass(frozen=True)
class Refusal:
    """One refusal of AWS, as it reached an error: `role` is the name of the deployed role."""

    code: str
    role: str
    action: str


@dataclass(frozen=True)
class Run:
    """What a run left behind; `report` is None when there is none."""

    pushed: bool
    """Whether the push before the run was taken."""
    status: str
    refusals: frozenset[Refusal]
    report: dict[str, Any] | None
    row: dict[str, Any] | None

    def account(self, account_id: str) -> dict[str, Any]:
        assert self.report is not None, "the run has no report"
        [found] = [it for it in self.report["accounts"] if it["account_id"] == account_id]
        return dict(found)


class ProofStack:
    """The deployed stack."""

    def __init__(
        self, cloud: LocalCloud, folder: Path, prices_url: str, books: BookServer, endpoints: list[dict[str, Any]]
    ) -> None:
        self.cloud = cloud
        self._endpoints = endpoints
        self.books = books
        self._folder = folder
        self._parameters = {
            "PricesBaseUrl": prices_url,
            "BookAllowedHosts": "127.0.0.1",
            "BookBucket": BOOK_BUCKET,
            "BookPrefix": "books/",
            "AlertEndpointsSecret": ENDPOINTS,
            "AlertAllowedHosts": "127.0.0.1",
        }
        self._session, self._clients = cloud.session(), dict[str, Any]()
        self._probes: dict[str, str] = {}
        for name in ("functions", "shared", "statemachine"):
            (folder / name).symlink_to(ROOT / name)
        self.deployment: Deployment = self.deploy_whole()

    def client(self, service: str) -> Any:
        if service not in self._clients:
            self._clients[service] = self._session.client(service)  # type: ignore[call-overload]  # not a literal name
        return self._clients[service]

    # -- deploying ---------------------------------------------------------------------------------------------

    def deploy_whole(self, **parameters: str) -> Deployment:
        return self._deploy(real_template(), **parameters)

    def deploy_without(self, role: str, sid: str, action: str | None = None) -> None:
        """Deploy template.yaml without one Allow statement of a role or policy, or without one action of it."""
        changed = copy.deepcopy(real_template())
        properties = changed["Resources"][role]["Properties"]
        policies = properties.get("Policies", [properties])
        assert any(_take_away(policy["PolicyDocument"], sid, action) for policy in policies), f"{role} has no {sid}"
        self._deploy(changed)

    @contextmanager
    def simulating_without(self, role: str, sid: str, action: str | None = None) -> Iterator[None]:
        """Take a statement, or one action of it, from the deployed role for as long as this lasts."""
        iam, name = self.client("iam"), self.deployment.resources[role]
        policy, whole = self._policy_with(role, sid)
        changed = copy.deepcopy(whole)
        assert _take_away(changed, sid, action), f"{role} is not allowed {sid}"
        if changed["Statement"]:
            iam.put_role_policy(RoleName=name, PolicyName=policy, PolicyDocument=json.dumps(changed))
        else:
            iam.delete_role_policy(RoleName=name, PolicyName=policy)
        try:
            yield
        finally:
            iam.put_role_policy(RoleName=name, PolicyName=policy, PolicyDocument=json.dumps(whole))

    def _deploy(self, changed: dict[str, Any], **parameters: str) -> Deployment:
        path = self._folder / "template.yaml"
        path.write_text(json.dumps(changed))  # JSON is YAML
        return deploy.deploy(self.cloud, path, stack_name=STACK, parameters={**self._parameters, **parameters})

    # -- what is deployed --------------------------------------------------------------------------------------

    def role_arn(self, role: str) -> str:
        found = self.client("iam").get_role(RoleName=self.deployment.resources[role])
        return str(found["Role"]["Arn"])

    def deployed_resources(self, role: str, sid: str) -> list[str]:
        """Return the resources of a deployed statement, a log stream for the end of a log group's `:*`."""
        _, document = self._policy_with(role, sid)
        [found] = [it["Resource"] for it in document["Statement"] if it["Sid"] == sid]
        patterns = found if isinstance(found, list) else [found]
        return [re.sub(r"(:log-group:.*):\*$", r"\1:log-stream:2026/11/22/[$LATEST]1", it) for it in patterns]

    def _policy_with(self, role: str, sid: str) -> tuple[str, dict[str, Any]]:
        """Return name and document of the deployed role's policy that has a statement."""
        iam, name = self.client("iam"), self.deployment.resources[role]
        for policy in iam.list_role_policies(RoleName=name)["PolicyNames"]:
            document: dict[str, Any] = iam.get_role_policy(RoleName=name, PolicyName=policy)["PolicyDocument"]
            if sid in [it["Sid"] for it in document["Statement"]]:
                return policy, document
        raise AssertionError(f"the deployed {role} has no statement {sid}")

    def simulate(self, role: str, action: str, resource: str) -> bool:
        """Ask IAM whether the deployed role may do this. Right only for statements without conditions."""
        [result] = self.client("iam").simulate_principal_policy(
            PolicySourceArn=self.role_arn(role), ActionNames=[action], ResourceArns=[resource]
        )["EvaluationResults"]
        return bool(result["EvalDecision"] == "allowed")

    # -- what is done ------------------------------------------------------------------------------------------

    def run(self) -> Run:
        """Push a book, start a run and wait for its end.

        Nothing was ever said before it, so that it has something to say.
        """
        refused = self._write_books()
        pushed = not refused
        rows, objects = self.stores()
        for account_id in ACCOUNTS:
            for row in rows.query(keys.audit(account_id), prefix=keys.TRACK):
                rows.delete(row["pk"], row["sk"])
        run_id = f"manual-{ULID()}"
        states = self.client("stepfunctions")
        execution = states.start_execution(
            stateMachineArn=self.deployment.outputs["StateMachineArn"], input=json.dumps({"run_id": run_id})
        )["executionArn"]
        deadline = time.monotonic() + 60
        while (status := states.describe_execution(executionArn=execution)["status"]) == "RUNNING":
            assert time.monotonic() < deadline, "the execution does not end"
            time.sleep(0.05)
        refused += self._tell_endpoints(run_id)
        events = states.get_execution_history(executionArn=execution, maxResults=1000)["events"]
        failed = [it["taskFailedEventDetails"].get("cause", "") for it in events if it["type"] == "TaskFailed"]
        report = objects.get(keys.report_object(run_id))
        row = Runs(rows, objects, 400).get(run_id)
        refusals = frozenset(_refusal(cause) for cause in (*failed, *refused))
        return Run(pushed, status, refusals, report, row)

    def _write_books(self) -> list[str]:
        """Write the books that are not in the table, and push one that is; return the push's error, if there is one."""
        behind_http = _book("dydx-web", Holding("perp/0", "USDC", parse_amount("5")))
        self.books.put("/dydx-web", book_document(behind_http))
        in_bucket = json.dumps(book_document(_book("cb-bucket", Holding("spot", "BTC", parse_amount("1.25")))))
        self.client("s3").put_object(Bucket=BOOK_BUCKET, Key="books/cb-bucket.json", Body=in_bucket)
        pushed = replace(
            _book("cb", Holding("spot", "BTC", parse_amount("1.25"))), version=str(time.time_ns() // 1_000_000)
        )
        answer = self.client("lambda").invoke(
            FunctionName=self.deployment.outputs["BookFunctionArn"], Payload=json.dumps(book_document(pushed))
        )
        said = json.loads(answer["Payload"].read())
        return [said["errorMessage"]] if "FunctionError" in answer else []

    def _tell_endpoints(self, name: str) -> list[str]:
        """Hand an alert out to the endpoints, and tell each of them; return the errors there are.

        By invoking the function, as Lambda does with what is in its queues: so an error is told here.
        """
        function = self.deployment.resources["NotifyFunction"]
        variables = self.client("lambda").get_function_configuration(FunctionName=function)["Environment"]["Variables"]
        # A function that has not read its endpoints yet.
        self.client("lambda").update_function_configuration(
            FunctionName=function, Environment={"Variables": variables | {"FRESH": name}}
        )
        said = read_notice(envelope(alert(alert_id=f"alr-{name}")))
        endpoints = read_endpoints(json.dumps(self._endpoints), {"127.0.0.1"})
        events = [from_topic(alert(alert_id=f"alr-{name}")), *map(from_queue, parcels(said, endpoints))]
        errors = []
        for event in events:
            answer = self.client("lambda").invoke(FunctionName=function, Payload=json.dumps(event))
            content = json.loads(answer["Payload"].read())
            if "FunctionError" in answer:
                errors.append(content["errorMessage"])
        return errors

    def stores(self) -> tuple[DynamoRows, S3Objects]:
        """Return table and bucket, as the operator."""
        use_session(self._session)
        return DynamoRows(self.deployment.outputs["TableName"]), S3Objects(self.deployment.outputs["BucketName"])

    def try_as(self, role: str, calls: Sequence[tuple[str, str, dict[str, Any]]]) -> list[str | None]:
        """Make calls (service, operation, arguments) with the credentials Lambda gives a function of this role.

        Returns AWS's name for each refusal, None where the call did as asked.
        """
        event = [{"service": service, "operation": name, "arguments": given} for service, name, given in calls]
        answer = self.client("lambda").invoke(FunctionName=self._probe(role), Payload=json.dumps(event))
        answered = json.loads(answer["Payload"].read())
        assert isinstance(answered, list), answered
        return answered

    def _probe(self, role: str) -> str:
        if role not in self._probes:
            name = f"probe-{role}"
            functions = self.client("lambda")
            functions.create_function(
                FunctionName=name,
                Role=self.role_arn(role),
                Runtime=template.LOCAL_RUNTIME,
                Handler="app.handler",
                Timeout=30,
                Code={"ZipFile": package.function_zip(Path(__file__).parent / "iam_probe", ROOT / "shared")},
            )
            functions.get_waiter("function_active_v2").wait(FunctionName=name)
            self._probes[role] = name
        return self._probes[role]


def _refusal(cause: str) -> Refusal:
    """Read who was refused what from an error's words. Any other error is a test that shows nothing."""
    found = _REFUSAL.search(cause)
    assert found is not None, f"failed for another reason: {cause}"
    return Refusal(found["code"], found["role"], found["action"])


@contextmanager
def proof_stack(folder: Path) -> Iterator[ProofStack]:
    """Deploy the stack with a policy and four accounts: `dydx` is CRITICAL, so alerts; the others match their books.

    The books of `cb` (pushed) and `dydx` are in the table, `cb-bucket`'s is in a bucket, `dydx-web`'s behind HTTP.
    """
    (folder / "project").mkdir()
    with (
        CoinbaseSimulator(prices=PRICES) as coinbase,
        DydxSimulator(oracle_prices={"BTC-USD": "97000.5"}) as dydx,
        BookServer() as books,
        Channels() as channels,
        ministack.start(folder / "cloud", wait_scale=WAIT_SCALE) as cloud,
    ):
        stack = ProofStack(cloud, folder / "project", coinbase.url, books, channels.endpoints())
        # Messages are handed to the function by hand, and by nobody else.
        for name in ("NoticesArrive", "DeliveriesArrive"):
            mapping = stack.deployment.resources[name]
            stack.client("lambda").update_event_source_mapping(UUID=mapping, Enabled=False)
        # One that is told later, one whose message is given up, and three that take it.
        channels.fail("slack", Answer.of_text("try later", status=503))
        channels.fail("discord", Answer.of_json({"message": "Unknown Webhook"}, status=404))
        stack.client("secretsmanager").create_secret(Name=ENDPOINTS, SecretString=json.dumps(channels.endpoints()))
        rows, objects = stack.stores()
        accounts, table, secrets = Accounts(rows, VENUES), TableBook(rows, objects), stack.client("secretsmanager")
        stack.client("s3").create_bucket(Bucket=BOOK_BUCKET)
        secrets.create_secret(Name=f"{STACK}/dydx/desk-book", SecretString=TOKEN)

        in_bucket = S3Source(BOOK_BUCKET, "books/cb-bucket.json")
        for account_id, in_a_bucket in (("cb", None), ("cb-bucket", in_bucket)):
            credential, secret = make_credential(), f"coinbase/{account_id}"
            coinbase.open_portfolio(credential.name, credential.public_key, {"BTC": "1.25"})
            secrets.create_secret(Name=f"{STACK}/{secret}", SecretString=credential.key_file())
            accounts.put(
                Account(
                    account_id, "coinbase", secret=secret, wallets=("spot",), base_url=coinbase.url, book=in_a_bucket
                )
            )
        table.write(_book("cb", Holding("spot", "BTC", parse_amount("1.25"))), expected_version=None)

        behind_http = HttpsSource(f"{books.url}/dydx-web", "dydx/desk-book")
        for account_id, held, behind in (("dydx", "500000", None), ("dydx-web", "5", behind_http)):
            address = make_address(account_id)
            dydx.open_subaccount(address, 0, assets={"USDC": held}, positions={})
            accounts.put(Account(account_id, "dydx", address=address, base_url=dydx.url, book=behind))
        table.write(_book("dydx", Holding("perp/0", "USDC", parse_amount("300000"))), expected_version=None)
        policy = read_policy({"alerts": {"default": {"alert_from": "CRITICAL"}}}, default_policy())
        Policies(rows, objects).put(policy, utc_now(), "proof", None)
        yield stack


def _book(account_id: str, holding: Holding) -> Book:
    return Book(account_id, utc_now(), "1", (holding.wallet,), (holding,))
