"""docs/iam.md says what the template allows and how that is proven; here it is held to both."""

import re
from pathlib import Path
from typing import Any

import pytest
from cfn import POLICY, PSEUDO, ROLE, ROOT, Deployed, listed, of_type, statements

from tests.iam.proofs import PROOFS, Proof

PAGE = ROOT / "docs" / "iam.md"
KEY_POLICY = "The key's own policy"
Row = dict[str, str]


@pytest.fixture(scope="module")
def page() -> str:
    return PAGE.read_text()


def test_every_statement_of_every_role_has_a_proof(template: dict[str, Any]) -> None:
    granting = of_type(template, ROLE) | of_type(template, POLICY)
    allowed = {name: [it["Sid"] for it in statements(properties)] for name, properties in granting.items()}

    assert {name: sorted(sids) for name, sids in allowed.items()} == {
        name: sorted(proofs) for name, proofs in PROOFS.items()
    }
    assert all(proofs for sids in PROOFS.values() for proofs in sids.values())


def test_every_right_a_function_uses_by_itself_is_proven_by_a_run() -> None:
    """The rest is used by AWS on its behalf: logs, traces, queues, the key, and whether an object is there.

    And no run fails for want of a heartbeat.
    """
    not_by_itself = {"WriteOwnLogs", "SendTraces", "TellMissingBooks", "ReadHeartbeat", "TakeFromQueues"}
    for role in PROOFS.keys() - {"FetchSubnetPolicy", "ReconcileRole", "ScheduleRole"}:
        for sid, proofs in PROOFS[role].items():
            behind = sid in not_by_itself or sid.startswith(("Open", "Seal"))
            assert (Proof.RUN in proofs) is not behind, f"{role} {sid}"


@pytest.mark.parametrize("role", PROOFS)
def test_the_table_of_a_role_is_what_the_template_says_and_the_tests_do(
    template: dict[str, Any], page: str, role: str
) -> None:
    deployed = Deployed(
        template,
        FetchSubnetIds="subnet-0a",
        FetchSecurityGroupIds="sg-0a",
        BookBucket="desk-books",
        BookPrefix="books/",
        HeartbeatUrl="https://hc-ping.com/0b9c7d2e",
        AlertEndpointsSecret="trueup/alert-endpoints",
    )
    rows = _table(page, role)

    assert [{name: row[name] for name in row if name != "Why"} for row in rows] == [
        {
            "Statement": it["Sid"],
            "Actions": _code(listed(it["Action"])),
            "On": _where(it),
            "Proof": ", ".join(PROOFS[role][it["Sid"]]),
        }
        for it in statements(deployed.resources[role]["Properties"])
    ]
    assert all(len(row["Why"]) > 15 for row in rows)


def test_the_table_of_the_key_is_its_whole_policy(deployed: Deployed, page: str) -> None:
    policy = deployed.resources["TrueupKey"]["Properties"]["KeyPolicy"]["Statement"]
    rows = _table(page, KEY_POLICY)

    assert {it["Effect"] for it in policy} == {"Allow"}
    assert [(row["Statement"], row["Actions"]) for row in rows] == [
        (it["Sid"], _code(listed(it["Action"]))) for it in policy
    ]
    for row, statement in zip(rows, policy, strict=True):
        [principal] = statement["Principal"].values()
        assert row["Who"] == ("the account" if principal.endswith(":root") else f"`{_short(principal)}`")
        assert bool(row["Only"]) == ("Condition" in statement)


def test_every_kind_of_proof_is_explained_and_its_test_exists(page: str) -> None:
    for proof in Proof:
        [told] = re.findall(rf"^- \*\*{proof}\*\*: .*?(?=^- |^$)", page, re.MULTILINE | re.DOTALL)
        [test] = re.findall(r"`(tests/[\w/]+\.py)`", told)
        assert f"Proof.{proof.name}" in Path(ROOT, test).read_text(), f"{test} proves nothing by {proof}"


def test_the_security_page_leads_here() -> None:
    assert "(docs/iam.md)" in (ROOT / "SECURITY.md").read_text()


def _table(page: str, heading: str) -> list[Row]:
    found = re.search(rf"^## {re.escape(heading)}\n(.*?)(?=^## |\Z)", page, re.MULTILINE | re.DOTALL)
    assert found is not None, f"docs/iam.md has no section {heading}"
    head, _, *rows = [
        [cell.strip() for cell in line.strip("|").split("|")] for line in found[1].splitlines() if line.startswith("|")
    ]
    return [dict(zip(head, row, strict=True)) for row in rows]


def _where(statement: dict[str, Any]) -> str:
    """Say what a statement is about: resources, and the condition on them."""
    resources = _code([_short(it) for it in listed(statement["Resource"])])
    condition = statement.get("Condition", {})
    names = {name: listed(values) for names in condition.values() for name, values in names.items()}
    said = []
    for name, values in names.items():
        match name:
            case "dynamodb:LeadingKeys":
                said.append(f"partitions {_code(values)}")
            case "s3:prefix":
                said.append(f"prefix {_code(values)}")
            case "kms:ViaService":
                said.append(f"through {values[0].split('.')[0]}")
            case "kms:EncryptionContext:SecretARN":
                said.append(f"for {_code([_short(it) for it in values])}")
            case _:
                raise AssertionError(f"say in words what {name} means")
    return ", ".join([resources, *said])


def _short(name: str) -> str:
    """Leave out what every ARN of the stack has in common."""
    region, account = PSEUDO["AWS::Region"], PSEUDO["AWS::AccountId"]
    return re.sub(rf"^arn:(aws:\w+:{region}:{account}:|aws:s3:::)?", "", name).replace(f".{region}.", ".")


def _code(values: list[str]) -> str:
    return ", ".join(f"`{value}`" for value in values)
