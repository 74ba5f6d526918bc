"""The soak: rounds of random faults on the whole path, each judged against the truth as soon as it is over."""

import dataclasses
import json
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from tests.soak.auditor import Auditor
from tests.soak.aws_faults import action_name
from tests.soak.conductor import Conductor
from tests.soak.plan import plan_round
from tests.soak.rounds import Round
from tests.soak.verdict import Violation
from tests.soak.world import World, world

_FULL_CHECK_EVERY = 20
_TELL_EVERY_SECONDS = 20.0
Say = Callable[[str], None]


@dataclasses.dataclass
class Outcome:
    """What a soak found, and its figures."""

    violations: list[Violation]
    figures: Counter[str]
    venue_faults: Counter[str]
    aws_faults: Counter[str]
    errors: Counter[str]
    seconds: float


def soak(seed: int, runs: int, folder: Path, say: Say, *, give_up_after: int = 5) -> Outcome:
    """Play rounds until so many runs are done, or so many violations found. Evidence of those stays in `folder`."""
    begun = time.monotonic()
    outcome = Outcome([], Counter(), Counter(), Counter(), Counter(), 0.0)
    with world(folder, say) as running:
        conductor = Conductor(running)
        auditor = Auditor(running, conductor)
        number, told = 0, begun
        while auditor.figures["runs"] < runs and len(outcome.violations) < give_up_after:
            happened = conductor.play(plan_round(seed, number))
            found = auditor.check(happened)
            if number % _FULL_CHECK_EVERY == _FULL_CHECK_EVERY - 1:
                found += auditor.check_everything()
            _count(outcome, happened)
            _write_down(folder, happened)
            for execution in happened.executions:
                if execution.status != "SUCCEEDED":
                    say(f"round {number}: {execution.run_id} ended {execution.status} ({execution.error})")
            _tell(outcome, found, seed, happened, running, folder, say)
            number += 1
            if number % 10 == 0 or time.monotonic() - told > _TELL_EVERY_SECONDS:
                told = time.monotonic()
                seconds = time.monotonic() - begun
                say(f"round {number}: {auditor.figures['runs']} of {runs} runs, {seconds:.0f} s, "
                    f"{len(outcome.violations)} violations")  # fmt: skip
        _tell(outcome, auditor.check_everything(), seed, happened, running, folder, say)
    outcome.figures.update(auditor.figures)
    outcome.figures["rounds"] = number
    outcome.seconds = time.monotonic() - begun
    return outcome


def _count(outcome: Outcome, happened: Round) -> None:
    for (_, kind), times in happened.faulted.items():
        outcome.venue_faults[kind] += times
    for event in happened.fired:
        outcome.aws_faults[f"{event['service']} {action_name(event['action'])}"] += 1
    for execution in happened.executions:
        outcome.errors.update(execution.failed_attempts)
    outcome.figures["trades while a run was on"] += happened.trades
    outcome.figures["processes killed"] += happened.kills


def _write_down(folder: Path, happened: Round) -> None:
    """One line for each round in `rounds.jsonl`: what was planned, what failed, how long it took."""
    told = {
        "round": happened.plan.number,
        "seconds": round(happened.end - happened.begin, 2),
        "runs": [[execution.run_id, execution.status, execution.error] for execution in happened.executions],
        "failed_attempts": Counter(error for execution in happened.executions for error in execution.failed_attempts),
        "venue_faults": [f"{fault.who}: {fault.kind} x {fault.times}" for fault in happened.plan.venue_faults],
        "aws_faults": [f"{fault.name} {fault.operation} x {fault.times}" for fault in happened.plan.aws_faults],
        "kill": None if happened.plan.kill is None else happened.plan.kill.moment,
    }
    with (folder / "rounds.jsonl").open("a") as file:
        file.write(json.dumps(told) + "\n")


def _tell(
    outcome: Outcome, found: list[Violation], seed: int, happened: Round, running: World, folder: Path, say: Say
) -> None:
    """Say each violation, and keep what explains it."""
    for violation in found:
        place = folder / f"violation-{len(outcome.violations) + 1}"
        outcome.violations.append(violation)
        say(
            f"VIOLATION seed {seed}, round {happened.plan.number}, run {violation.run_id}, "
            f"account {violation.account_id}: {violation.what}\n"
            f"  expected {violation.expected}\n  found    {violation.found}\n  evidence {place}"
        )
        _keep(place, violation, happened, running)


def _keep(place: Path, violation: Violation, happened: Round, running: World) -> None:
    place.mkdir(parents=True)
    truth = running.truths.get(violation.account_id or "")
    documents: dict[str, object] = {
        "violation": dataclasses.asdict(violation),
        "plan": dataclasses.asdict(happened.plan),
        "executions": [dataclasses.asdict(execution) for execution in happened.executions],
        "aws-faults": happened.fired,
        "venue-faults": [[*who, times] for who, times in happened.faulted.items()],
        "truth": None
        if truth is None
        else {
            "window": [happened.begin, happened.end],
            "venue": [[state.at, _readable(state.holdings)] for state in truth.venue[-20:]],
            "book": [[state.version, state.begun, state.done, _readable(state.holdings)] for state in truth.book[-20:]],
            "served": [dataclasses.asdict(serve) for serve in truth.serves[-40:]],
        },
    }
    for name, document in documents.items():
        (place / f"{name}.json").write_text(json.dumps(document, indent=1, default=str))
    (place / "ministack.log").write_bytes(running.cloud.log.read_bytes()[-200_000:])
    outputs = running.deployment.outputs
    s3 = running.cloud.session().client("s3")
    for key in s3.list_objects_v2(Bucket=outputs["BucketName"], Prefix=f"runs/{violation.run_id}/").get("Contents", []):
        body = s3.get_object(Bucket=outputs["BucketName"], Key=key["Key"])["Body"].read()
        (place / key["Key"].replace("/", "_")).write_bytes(body)


def _readable(holdings: object) -> dict[str, str]:
    assert isinstance(holdings, dict)
    return {" ".join(key): f"{amount:f}" for key, amount in holdings.items()}
