"""How each statement of each role is proven to be needed. The tests do what this says, and docs/iam.md repeats it.

A statement that is not here has no proof, and fails a test.
"""

from enum import StrEnum


class Proof(StrEnum):
    """What is done to show that a statement is needed. docs/iam.md explains the words."""

    RUN = "run"
    """Deployed without it, a run on the local cloud fails with AWS's own refusal (tests/e2e/test_iam_proof.py)."""
    SIMULATION = "simulation"
    """IAM's own simulation allows it to the deployed role, and not without the statement (tests/e2e/test_iam_proof.py).
    """
    EVALUATION = "evaluation"
    """The requests of recorded runs, judged with and without it, conditions included (tests/workflow/test_iam_use.py).
    """


_USED = (Proof.RUN, Proof.EVALUATION)
_EVERY_FUNCTION = {"WriteOwnLogs": (Proof.SIMULATION,), "SendTraces": (Proof.SIMULATION,)}

PROOFS: dict[str, dict[str, tuple[Proof, ...]]] = {
    "PlanRole": {
        **_EVERY_FUNCTION,
        "ClaimRun": _USED,
        "ListAccountsAndPolicies": _USED,
        "ReadPolicy": _USED,
        "WriteManifest": _USED,
        "OpenTable": (Proof.EVALUATION,),
        "OpenPolicyAndSealEvidence": (Proof.EVALUATION,),
    },
    "FetchCoinbaseRole": {
        **_EVERY_FUNCTION,
        "ReadAccountAndBookHead": _USED,
        "ReadBook": _USED,
        "WriteObservation": _USED,
        "ReadOwnSecrets": _USED,
        "OpenTable": (Proof.EVALUATION,),
        "OpenBooksAndSealEvidence": (Proof.EVALUATION,),
        "OpenOwnSecrets": (Proof.EVALUATION,),
    },
    "FetchDydxRole": {
        **_EVERY_FUNCTION,
        "ReadAccountAndBookHead": _USED,
        "ReadBook": _USED,
        "WriteObservation": _USED,
        "ReadOwnSecrets": _USED,
        "OpenTable": (Proof.EVALUATION,),
        "OpenBooksAndSealEvidence": (Proof.EVALUATION,),
        "OpenOwnSecrets": (Proof.EVALUATION,),
    },
    "FetchSubnetPolicy": {
        "LiveInSubnets": (Proof.SIMULATION,),
    },
    "FetchBookPolicy": {
        "ReadBooksInBucket": _USED,
        # The local cloud tells anybody that an object is not there.
        "TellMissingBooks": (Proof.EVALUATION,),
    },
    "BookRole": {
        **_EVERY_FUNCTION,
        "ReadAccountAndBookHead": _USED,
        "WriteBookHead": _USED,
        "WriteBook": _USED,
        "OpenTable": (Proof.EVALUATION,),
        "SealBooks": (Proof.EVALUATION,),
    },
    "FetchPricesRole": {
        **_EVERY_FUNCTION,
        "KeepLastGoodPrices": _USED,
        "WritePrices": _USED,
        "OpenTable": (Proof.EVALUATION,),
        "SealEvidence": (Proof.EVALUATION,),
    },
    "CompareRole": {
        **_EVERY_FUNCTION,
        "KeepTheAudit": _USED,
        "ListRuns": _USED,
        "ReadRun": _USED,
        "AskForSecondLooks": _USED,
        "WriteReport": _USED,
        "Alert": _USED,
        "OpenTable": (Proof.EVALUATION,),
        "OpenAndSealEvidence": (Proof.EVALUATION,),
        "SealAlerts": (Proof.EVALUATION,),
    },
    "HeartbeatPolicy": {
        # No run fails for want of it.
        "ReadHeartbeat": (Proof.EVALUATION,),
        "OpenHeartbeat": (Proof.EVALUATION,),
    },
    "NotifyRole": {
        **_EVERY_FUNCTION,
        # Lambda takes from the queues with the function's role; the local cloud does it without.
        "TakeFromQueues": (Proof.SIMULATION,),
        "HandOutAndGiveUp": _USED,
        "PutOff": _USED,
        "ReadEndpoints": _USED,
        "RememberWhatWasTold": _USED,
        "OpenTable": (Proof.EVALUATION,),
        "OpenAndSealMessages": (Proof.EVALUATION,),
        "OpenEndpoints": (Proof.EVALUATION,),
    },
    "ReconcileRole": {
        "InvokeFunctions": (Proof.SIMULATION, Proof.EVALUATION),
        "RecordFetchFailure": (Proof.EVALUATION,),
        "OpenTable": (Proof.EVALUATION,),
        "DeliverLogs": (Proof.SIMULATION,),
        "SendTraces": (Proof.SIMULATION,),
    },
    "ScheduleRole": {
        "StartRun": (Proof.SIMULATION,),
        "KeepWhatCouldNotStart": (Proof.SIMULATION,),
    },
}


def proven_by(proof: Proof) -> list[tuple[str, str]]:
    """Return (role or policy, Sid) of every statement that is proven this way."""
    return [(role, sid) for role, sids in PROOFS.items() for sid, proofs in sids.items() if proof in proofs]
