"""The figures of a run: what is counted, what is rounded which way, and what is better not said."""

import json
from decimal import Decimal
from typing import Any

import pytest

from tests.unit.money_kit import NOON, STRICT, book, holding, judge, later, policy, snapshot
from trueup.domain.compare import unverified
from trueup.domain.reasons import Reason
from trueup.domain.report import AccountReport, PricesUsed, RunReport
from trueup.figures import coarse, run_figures
from trueup.metrics import Figure, Metric, Unit, fetch_figures
from trueup.observability import emit

RUN_ID = "20261122T120000Z"


def figures(*accounts: AccountReport, seconds: float = 21.5) -> dict[str, int]:
    report = RunReport(
        run_id=RUN_ID,
        started_at=NOON,
        compared_at=later(NOON, seconds),
        policy_version="1",
        prices=PricesUsed("this_run", "USD", "test", NOON),
        accounts=accounts,
        venues={account.account_id: "coinbase" for account in accounts},
    )
    return {str(figure.metric): figure.value for figure in run_figures(report)}


def account(account_id: str, *lines: tuple[str, str, str], **how: Any) -> AccountReport:
    """An account with lines of asset, what the venue has, and what the book says."""
    seen = snapshot(*((asset, venue) for asset, venue, _ in lines), account_id=account_id)
    ours = book(*((asset, believed) for asset, _, believed in lines), account_id=account_id)
    return judge(seen, ours, run_id=RUN_ID, **how)


def dark(account_id: str) -> AccountReport:
    return unverified(account_id, Reason.UNREACHABLE, STRICT, run_id=RUN_ID)


def test_a_run_where_all_matches_is_covered_whole_and_has_no_breaks() -> None:
    assert figures(account("a", ("BTC", "1", "1"), ("ETH", "2", "2"))) == {
        "RunsReported": 1,
        "CycleTime": 22,
        "AccountCoverage": 100,
        "LineCoverage": 100,
        "AccountsUnverified": 0,
        "BreaksMinor": 0,
        "BreaksMajor": 0,
        "BreaksCritical": 0,
        "BreaksWorth": 0,
        "BreaksUnpriced": 0,
    }


def test_breaks_are_counted_by_severity_and_their_worth_is_added_up_gross() -> None:
    found = figures(
        account("a", ("BTC", "0", "1"), ("ETH", "103", "100"), by=STRICT),  # 100,000 short, 12,000 over
        account("b", ("DOGE", "1010", "1000"), ("XYZ", "5", "1"), by=STRICT),  # 1 over, and who knows
        account("c", ("USDC", "110", "100"), by=STRICT),  # 10 over
    )
    breaks = {name: value for name, value in found.items() if name.startswith("Breaks")}
    assert breaks == {
        "BreaksMinor": 1,
        "BreaksMajor": 2,
        "BreaksCritical": 2,
        "BreaksWorth": 120_000,  # 112,011
        "BreaksUnpriced": 1,
    }


def test_an_unverified_account_lowers_coverage_and_is_counted() -> None:
    found = figures(account("a", ("BTC", "1", "1")), dark("b"), dark("c"))
    assert (found["AccountCoverage"], found["AccountsUnverified"]) == (33, 2)


def test_an_account_that_was_verified_in_part_lowers_coverage_and_is_not_counted_as_unverified() -> None:
    seen = snapshot(("BTC", "1"), wallets={"spot": None, "earn": Reason.PERMISSION_DENIED})
    part = judge(seen, book(("BTC", "1"), ("ETH", "1"), wallets=("spot", "earn")), run_id=RUN_ID)
    found = figures(part, account("b", ("BTC", "1", "1")))
    assert (found["AccountCoverage"], found["AccountsUnverified"]) == (50, 0)


def test_lines_that_nobody_could_compare_lower_the_coverage_of_lines() -> None:
    seen = snapshot(("BTC", "1"), wallets={"spot": None, "earn": Reason.PERMISSION_DENIED})
    ours = book(("BTC", "1"), holding("SOL", "1", "earn"), wallets=("spot", "earn"))
    assert figures(judge(seen, ours, run_id=RUN_ID))["LineCoverage"] == 50


def test_a_hundred_percent_is_said_only_of_everything() -> None:
    nearly = [account(f"a{number}", ("BTC", "1", "1")) for number in range(399)]
    assert figures(*nearly, dark("b"))["AccountCoverage"] == 99


def test_a_run_that_verified_nothing_says_nothing_of_breaks() -> None:
    """A 0 on a dashboard would look like an all-clear."""
    assert figures(dark("a"), dark("b")) == {
        "RunsReported": 1,
        "CycleTime": 22,
        "AccountCoverage": 0,
        "AccountsUnverified": 2,
    }


def test_a_run_without_accounts_covers_nothing() -> None:
    assert figures() == {"RunsReported": 1, "CycleTime": 22, "AccountCoverage": 0, "AccountsUnverified": 0}


@pytest.mark.parametrize(("took", "seconds"), [(0.0, 0), (0.1, 1), (21.0, 21), (21.001, 22), (299.9, 300)])
def test_a_cycle_is_from_the_runs_start_to_its_report_in_seconds_begun(took: float, seconds: int) -> None:
    assert figures(account("a", ("BTC", "1", "1")), seconds=took)["CycleTime"] == seconds


@pytest.mark.parametrize(
    ("worth", "shown"),
    [
        ("0", 0),
        ("0.0000001", 1),
        ("0.99", 1),
        ("9.01", 10),
        ("10", 10),
        ("99.5", 100),
        ("100", 100),
        ("101", 110),
        ("14550.075", 15_000),
        ("83419.27061553", 84_000),
        ("990000.1", 1_000_000),
        ("1e30", 10**30),
    ],
)
def test_a_worth_is_rounded_up_to_two_digits_and_a_whole_unit(worth: str, shown: int) -> None:
    assert coarse(Decimal(worth)) == shown


def test_the_worth_of_a_whole_holding_does_not_tell_the_holding() -> None:
    found = figures(account("a", ("USDC", "0", "83419.27061553"), by=policy()))
    assert found["BreaksWorth"] == 84_000


def test_the_first_attempt_to_read_an_account_is_no_retry() -> None:
    assert fetch_figures(0) == ()
    assert fetch_figures(1) == fetch_figures(3) == (Figure(Metric.RETRIES, Unit.COUNT, 1),)


def test_figures_are_one_line_in_the_form_cloudwatch_takes_metrics_from(capsys: pytest.CaptureFixture[str]) -> None:
    emit(
        [Figure(Metric.CYCLE_TIME, Unit.SECONDS, 22), Figure(Metric.BREAKS_WORTH, Unit.NONE, 15_000)],
        service="compare",
        stack="trueup",
    )
    (line,) = capsys.readouterr().out.splitlines()
    said = json.loads(line)
    (directive,) = said.pop("_aws")["CloudWatchMetrics"]
    assert directive == {
        "Namespace": "Trueup",
        "Dimensions": [["stack", "service"]],
        "Metrics": [{"Name": "CycleTime", "Unit": "Seconds"}, {"Name": "BreaksWorth", "Unit": "None"}],
    }
    assert said == {"stack": "trueup", "service": "compare", "CycleTime": [22], "BreaksWorth": [15_000]}


def test_nothing_to_count_is_no_line(capsys: pytest.CaptureFixture[str]) -> None:
    emit(fetch_figures(0), service="fetch-coinbase", stack="trueup")
    assert capsys.readouterr().out == ""


def test_what_one_run_emits_does_not_stick_to_the_next(capsys: pytest.CaptureFixture[str]) -> None:
    for value in (1, 2):
        emit([Figure(Metric.ACCOUNTS_UNVERIFIED, Unit.COUNT, value)], service="compare", stack="trueup")
    assert [json.loads(line)["AccountsUnverified"] for line in capsys.readouterr().out.splitlines()] == [[1], [2]]


def test_a_run_emits_every_metric_but_that_of_the_fetches() -> None:
    assert figures(account("a", ("BTC", "1", "1"))).keys() == {str(it) for it in Metric} - {"Retries"}
