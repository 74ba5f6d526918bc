"""Nobody may do more than their part: one role a function, and what each of them is allowed."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from cfn import FUNCTION, PSEUDO, ROLE, TEMPLATE, Deployed, listed, of_type, statements, walk

TABLE, BUCKET, TOPIC = "arn:TrueupTable", "arn:EvidenceBucket", "AlertTopic"
HEARTBEAT = "https://hc-ping.com/0b9c7d2e-5f41-4a63-9d0e-7c1f2a3b4c5d"
SECRETS = f"arn:aws:secretsmanager:{PSEUDO['AWS::Region']}:{PSEUDO['AWS::AccountId']}:secret:trueup/"

# (action, where): where is a partition of the table, an object, a secret or a resource. Encryption, logs and traces
# have tests of their own.
MAY = {
    "PlanRole": {
        ("dynamodb:PutItem", "RUNS#*"),
        ("dynamodb:Query", "ACCOUNTS"),
        ("dynamodb:Query", "POLICIES"),
        ("s3:GetObject", "policies/*"),
        ("s3:PutObject", "runs/*/manifest.json.gz"),
    },
    "FetchCoinbaseRole": {
        ("dynamodb:GetItem", "ACCOUNTS"),
        ("dynamodb:GetItem", "BOOK#*"),
        ("s3:GetObject", "books/*"),
        ("s3:PutObject", "runs/*/observations/*"),
        ("secretsmanager:GetSecretValue", "coinbase/*"),
    },
    "FetchDydxRole": {
        ("dynamodb:GetItem", "ACCOUNTS"),
        ("dynamodb:GetItem", "BOOK#*"),
        ("s3:GetObject", "books/*"),
        ("s3:PutObject", "runs/*/observations/*"),
        ("secretsmanager:GetSecretValue", "dydx/*"),
    },
    "BookRole": {
        ("dynamodb:GetItem", "ACCOUNTS"),
        ("dynamodb:GetItem", "BOOK#*"),
        ("dynamodb:PutItem", "BOOK#*"),
        ("s3:PutObject", "books/*"),
    },
    "FetchPricesRole": {
        ("dynamodb:PutItem", "PRICES"),
        ("s3:PutObject", "runs/*/prices.json.gz"),
    },
    "CompareRole": {
        *(
            (f"dynamodb:{action}", where)
            for action in ("GetItem", "Query", "PutItem")
            for where in ("RUNS#*", "RUN#*", "ACCOUNT#*", "BREAK#*", "PRICES")
        ),
        ("s3:ListBucket", "runs/*"),
        ("s3:GetObject", "runs/*"),
        ("s3:PutObject", "runs/*/recheck.json.gz"),
        ("s3:PutObject", "runs/*/report.json.gz"),
        ("sns:Publish", TOPIC),
    },
    "NotifyRole": {
        *(
            (f"sqs:{action}", f"arn:{queue}")
            for action in ("ReceiveMessage", "DeleteMessage", "GetQueueAttributes")
            for queue in ("NoticeQueue", "DeliveryQueue")
        ),
        ("sqs:SendMessage", "arn:DeliveryQueue"),
        ("sqs:SendMessage", "arn:DeliveryDeadLetterQueue"),
        ("sqs:ChangeMessageVisibility", "arn:DeliveryQueue"),
        ("secretsmanager:GetSecretValue", "alert-endpoints-??????"),
        ("dynamodb:GetItem", "NOTIFY#*"),
        ("dynamodb:PutItem", "NOTIFY#*"),
    },
    "ReconcileRole": {
        *(
            ("lambda:InvokeFunction", f"arn:{name}Function")
            for name in ("Plan", "FetchCoinbase", "FetchDydx", "FetchPrices", "Compare")
        ),
        ("dynamodb:PutItem", "RUN#*"),
    },
    "ScheduleRole": {
        ("states:StartExecution", "ReconcileStateMachine"),
        ("sqs:SendMessage", "arn:ScheduleDeadLetterQueue"),
    },
}
ENCRYPTION = {
    "PlanRole": {("kms:Decrypt", "dynamodb"), ("kms:Decrypt", "s3"), ("kms:GenerateDataKey", "s3")},
    "FetchCoinbaseRole": {
        ("kms:Decrypt", "dynamodb"),
        ("kms:Decrypt", "s3"),
        ("kms:GenerateDataKey", "s3"),
        ("kms:Decrypt", "secretsmanager"),
    },
    "FetchDydxRole": {
        ("kms:Decrypt", "dynamodb"),
        ("kms:Decrypt", "s3"),
        ("kms:GenerateDataKey", "s3"),
        ("kms:Decrypt", "secretsmanager"),
    },
    "BookRole": {("kms:Decrypt", "dynamodb"), ("kms:GenerateDataKey", "s3")},
    "FetchPricesRole": {("kms:Decrypt", "dynamodb"), ("kms:GenerateDataKey", "s3")},
    "CompareRole": {
        ("kms:Decrypt", "dynamodb"),
        ("kms:Decrypt", "s3"),
        ("kms:GenerateDataKey", "s3"),
        ("kms:Decrypt", "sns"),
        ("kms:GenerateDataKey", "sns"),
    },
    "NotifyRole": {
        ("kms:Decrypt", "dynamodb"),
        ("kms:Decrypt", "sqs"),
        ("kms:GenerateDataKey", "sqs"),
        ("kms:Decrypt", "secretsmanager"),
    },
    "ReconcileRole": {("kms:Decrypt", "dynamodb")},
    "ScheduleRole": set(),
}


@pytest.fixture(scope="module")
def roles(deployed: Deployed) -> dict[str, dict[str, Any]]:
    return {name: found["Properties"] for name, found in deployed.resources.items() if found["Type"] == ROLE}


def test_every_function_has_a_role_of_its_own(template: dict[str, Any]) -> None:
    functions = of_type(template, FUNCTION)
    used = [properties["Role"]["Fn::GetAtt"][0] for properties in functions.values()]
    assert len(used) == len(set(used)) == len(functions)
    for name, role in zip(functions, used, strict=True):
        assert role == name.removesuffix("Function") + "Role"
    assert not any("Policies" in properties for properties in functions.values()), "SAM would make up a role"


def test_there_is_no_role_without_a_use(template: dict[str, Any]) -> None:
    used = {node["Fn::GetAtt"][0] for node in walk(template) if isinstance(node, dict) and "Fn::GetAtt" in node}
    assert of_type(template, ROLE).keys() == MAY.keys() == ENCRYPTION.keys()
    assert MAY.keys() <= used


@pytest.mark.parametrize("name", MAY)
def test_a_role_may_do_its_part_and_nothing_else(roles: dict[str, dict[str, Any]], name: str) -> None:
    granted = set()
    for statement in statements(roles[name]):
        for action in listed(statement["Action"]):
            if action.split(":")[0] not in {"kms", "logs", "xray"}:
                granted |= {(action, where) for where in _wheres(action, statement)}
    assert granted == MAY[name]


@pytest.mark.parametrize("name", ENCRYPTION)
def test_a_role_uses_the_key_only_through_the_services_it_calls(roles: dict[str, dict[str, Any]], name: str) -> None:
    granted = set()
    for statement in statements(roles[name]):
        for action in listed(statement["Action"]):
            if action.startswith("kms:"):
                assert statement["Resource"] == "arn:TrueupKey"
                service, rest = statement["Condition"]["StringEquals"]["kms:ViaService"].split(".", 1)
                assert rest == f"{PSEUDO['AWS::Region']}.amazonaws.com"
                granted.add((action, service))
    assert granted == ENCRYPTION[name]
    called = {action.split(":")[0] for action, _ in MAY[name]} & {"dynamodb", "s3", "sns", "sqs", "secretsmanager"}
    if name == "ScheduleRole":
        called.remove("sqs")  # its dead letters hold nothing but times, under SQS's own key
    assert {service for _, service in granted} == called


@pytest.mark.parametrize("name", MAY)
def test_a_role_writes_to_no_log_but_its_own(roles: dict[str, dict[str, Any]], name: str) -> None:
    for statement in statements(roles[name]):
        if statement["Sid"] == "WriteOwnLogs":
            assert statement["Action"] == ["logs:CreateLogStream", "logs:PutLogEvents"]
            assert statement["Resource"] == f"arn:{name.removesuffix('Role')}LogGroup"
        else:
            assert "logs:PutLogEvents" not in listed(statement["Action"])


def test_no_venue_reads_the_secrets_of_another(roles: dict[str, dict[str, Any]]) -> None:
    for name, role in roles.items():
        venue = name.removeprefix("Fetch").removesuffix("Role").lower()
        own = "alert-endpoints-??????" if name == "NotifyRole" else f"{venue}/*"
        for statement in statements(role):
            if any(action.startswith("secretsmanager:") for action in listed(statement["Action"])):
                assert statement["Resource"] == f"{SECRETS}{own}"
            context = statement.get("Condition", {}).get("ArnLike", {})
            if "kms:EncryptionContext:SecretARN" in context:
                assert context["kms:EncryptionContext:SecretARN"] == f"{SECRETS}{own}"
    readers = {name for name, granted in MAY.items() if any(it[0].startswith("secretsmanager:") for it in granted)}
    assert readers == {"FetchCoinbaseRole", "FetchDydxRole", "NotifyRole"}, "dYdX's are the tokens for books, not keys"


def test_every_statement_says_in_its_name_what_it_is_for(roles: dict[str, dict[str, Any]]) -> None:
    for name, role in roles.items():
        sids = [statement["Sid"] for statement in statements(role)]
        assert len(sids) == len(set(sids)), name
        assert all(re.fullmatch(r"[A-Z][A-Za-z]+", sid) for sid in sids), name


def test_no_role_is_allowed_whole_families_of_calls(roles: dict[str, dict[str, Any]]) -> None:
    for role in roles.values():
        for statement in statements(role):
            assert "NotAction" not in statement
            assert "NotResource" not in statement
            assert not any("*" in action for action in listed(statement["Action"])), statement["Sid"]


def test_every_wildcard_that_allows_tells_why_beside_it() -> None:
    wild = _lines_with_wildcards(TEMPLATE.read_text())

    assert wild
    assert [line for line in wild if not re.search(r"# reason: \w.{8,}", line)] == []


@pytest.mark.parametrize(
    "allowing",
    [
        'Resource: "*"',
        'Resource: ["*"]',
        "Resource:\n        - arn:aws:s3:::mine\n        - '*'",
        "Action: s3:*",
        "Action: [s3:GetObject, kms:Re*]",
        "NotAction: s3:GetObject",
        "NotResource: arn:aws:s3:::mine",
        'Action: "*"',
    ],
)
def test_no_wildcard_escapes_by_the_way_it_is_written(allowing: str) -> None:
    text = f"Policy:\n  Statement:\n    - Effect: Allow\n      {allowing}\n      Sid: Wide\n"

    assert len(_lines_with_wildcards(text)) == 1
    assert _lines_with_wildcards(text.replace("Allow", "Deny")) == []


def test_no_role_is_given_a_policy_that_is_written_elsewhere(template: dict[str, Any]) -> None:
    """But for what only some operators choose: to live in subnets, and to read books in a bucket of theirs."""
    assert not any("ManagedPolicyArns" in properties for properties in of_type(template, ROLE).values())
    policies = {"AWS::IAM::Policy", "AWS::IAM::ManagedPolicy", "AWS::IAM::RolePolicy"}
    found = {name: it for name, it in template["Resources"].items() if it["Type"] in policies}
    assert {name: it["Condition"] for name, it in found.items()} == {
        "FetchSubnetPolicy": "OwnSubnets",
        "FetchBookPolicy": "BooksInBucket",
        "HeartbeatPolicy": "HeartbeatWanted",
    }
    [statement] = statements(found["FetchSubnetPolicy"]["Properties"])
    assert all(action.startswith("ec2:") for action in statement["Action"])


@pytest.mark.parametrize("prefix", ["", "books/"])
def test_who_names_a_bucket_of_books_lets_what_reads_venues_read_those_and_nothing_else(
    template: dict[str, Any], prefix: str
) -> None:
    policy = Deployed(template, BookBucket="desk-books", BookPrefix=prefix).resources["FetchBookPolicy"]["Properties"]

    assert policy["Roles"] == ["FetchCoinbaseRole", "FetchDydxRole"]
    assert [(it["Action"], it["Resource"], it.get("Condition")) for it in statements(policy)] == [
        ("s3:GetObject", f"arn:aws:s3:::desk-books/{prefix}*", None),
        ("s3:ListBucket", "arn:aws:s3:::desk-books", {"StringLikeIfExists": {"s3:prefix": f"{prefix}*"}}),
    ]


def test_without_a_bucket_of_books_nobody_may_read_another_bucket(deployed: Deployed) -> None:
    assert "FetchBookPolicy" not in deployed.resources


def test_who_wants_a_heartbeat_lets_what_compares_read_its_address_and_no_other_secret(
    template: dict[str, Any], deployed: Deployed
) -> None:
    assert not {"HeartbeatPolicy", "HeartbeatSecret"} & deployed.resources.keys()
    assert "HEARTBEAT_ARN" not in deployed.environment("CompareFunction")
    stack = Deployed(template, HeartbeatUrl=HEARTBEAT)
    policy = stack.resources["HeartbeatPolicy"]["Properties"]
    via = {
        "kms:ViaService": f"secretsmanager.{PSEUDO['AWS::Region']}.amazonaws.com",
        "kms:EncryptionContext:SecretARN": "HeartbeatSecret.Id",
    }

    assert policy["Roles"] == ["CompareRole"]
    assert [(it["Action"], it["Resource"], it.get("Condition")) for it in statements(policy)] == [
        ("secretsmanager:GetSecretValue", "HeartbeatSecret.Id", None),
        ("kms:Decrypt", "arn:TrueupKey", {"StringEquals": via}),
    ]


def test_the_address_of_the_heartbeat_is_in_its_secret_and_nowhere_else(template: dict[str, Any]) -> None:
    resources = Deployed(template, HeartbeatUrl=HEARTBEAT).resources
    secret = resources["HeartbeatSecret"]["Properties"]

    assert (secret["SecretString"], secret["KmsKeyId"]) == (HEARTBEAT, "arn:TrueupKey")
    assert json.dumps(resources).count(HEARTBEAT) == 1
    assert template["Parameters"]["HeartbeatUrl"]["NoEcho"] is True


def test_a_venue_that_was_not_chosen_is_given_no_books(template: dict[str, Any]) -> None:
    policy = Deployed(template, BookBucket="desk-books", Venues="dydx").resources["FetchBookPolicy"]["Properties"]
    assert policy["Roles"] == ["FetchDydxRole"]


def test_no_role_touches_the_table_without_naming_the_partitions(roles: dict[str, dict[str, Any]]) -> None:
    for role in roles.values():
        for statement in statements(role):
            if any(action.startswith("dynamodb:") for action in listed(statement["Action"])):
                assert statement["Resource"] == TABLE
                assert statement["Condition"].keys() == {"ForAllValues:StringLike"}
                # Without a key in the request the condition would hold: only calls that always carry one.
                keyed = {"dynamodb:GetItem", "dynamodb:Query", "dynamodb:PutItem", "dynamodb:UpdateItem"}
                assert set(listed(statement["Action"])) <= keyed


def test_nobody_may_rewrite_or_remove_evidence(roles: dict[str, dict[str, Any]]) -> None:
    text = json.dumps(roles)
    for action in (
        "s3:Delete",
        "s3:PutBucket",
        "s3:PutLifecycle",
        "dynamodb:DeleteItem",
        "dynamodb:DeleteTable",
        "kms:Sch",
    ):
        assert action not in text


@pytest.mark.parametrize(
    ("name", "service"),
    [("ReconcileRole", "states.amazonaws.com"), ("ScheduleRole", "scheduler.amazonaws.com")],
)
def test_a_service_takes_its_role_for_this_account_only(
    roles: dict[str, dict[str, Any]], name: str, service: str
) -> None:
    [trust] = roles[name]["AssumeRolePolicyDocument"]["Statement"]
    assert trust["Principal"] == {"Service": service}
    assert trust["Condition"] == {"StringEquals": {"aws:SourceAccount": PSEUDO["AWS::AccountId"]}}


def test_only_lambda_takes_a_function_role(template: dict[str, Any], roles: dict[str, dict[str, Any]]) -> None:
    for properties in of_type(template, FUNCTION).values():
        [trust] = roles[properties["Role"]["Fn::GetAtt"][0]]["AssumeRolePolicyDocument"]["Statement"]
        assert trust["Principal"] == {"Service": "lambda.amazonaws.com"}
        assert trust["Action"] == "sts:AssumeRole"


def _wheres(action: str, statement: dict[str, Any]) -> set[str]:
    service = action.split(":")[0]
    if service == "dynamodb":
        return set(listed(statement["Condition"]["ForAllValues:StringLike"]["dynamodb:LeadingKeys"]))
    if action == "s3:ListBucket":
        assert statement["Resource"] == BUCKET
        return {statement["Condition"]["StringLikeIfExists"]["s3:prefix"]}
    if service == "s3":
        bucket, key = statement["Resource"].split("/", 1)
        assert bucket == BUCKET
        return {key}
    if service == "secretsmanager":
        return {statement["Resource"].removeprefix(SECRETS)}
    return set(listed(statement["Resource"]))


def _lines_with_wildcards(text: str) -> list[str]:
    """Return the lines of YAML that allow every resource, or actions by a pattern or by exclusion."""
    lines = text.splitlines()
    return [lines[node.start_mark.line] for node in _wildcards(yaml.compose(text, Loader=yaml.SafeLoader))]


def _wildcards(node: yaml.Node | None) -> Iterator[yaml.Node]:
    if isinstance(node, yaml.SequenceNode):
        for inner in node.value:
            yield from _wildcards(inner)
    elif isinstance(node, yaml.MappingNode):
        members = {key.value: value for key, value in node.value}
        if "Effect" in members and members["Effect"].value == "Allow":
            yield from (members[name] for name in ("NotAction", "NotResource") if name in members)
            yield from (it for it in _scalars(members.get("Resource")) if it.value == "*")
            yield from (it for it in _scalars(members.get("Action")) if "*" in it.value)
        for inner in members.values():
            yield from _wildcards(inner)


def _scalars(node: yaml.Node | None) -> Iterator[yaml.ScalarNode]:
    if isinstance(node, yaml.ScalarNode):
        yield node
    elif isinstance(node, yaml.SequenceNode):
        for inner in node.value:
            yield from _scalars(inner)
