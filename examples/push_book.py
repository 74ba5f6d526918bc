"""Push an account's book to Trueup: `python push_book.py FUNCTION`. Needs boto3 and lambda:InvokeFunction."""

import json
import sys
import time
from datetime import UTC, datetime

import boto3
from botocore.config import Config

ATTEMPTS = 5
PASSING = {"StoreUnavailable", "Sandbox.Timedout", "Runtime.ExitError"}
# Throttling, 5xx and lost connections are retried here: the same version twice is stored once.
functions = boto3.client("lambda", config=Config(retries={"mode": "standard", "max_attempts": ATTEMPTS}))


def my_book():
    """Write down what is held now. Milliseconds are a version that grows, also over restarts."""
    withdrawal = {"wallet": "spot", "asset": "USDC", "quantity": "-500", "applied": True}
    return {
        "account_id": "cb-main",
        "as_of": datetime.now(UTC).isoformat(),
        "version": str(time.time_ns() // 1_000_000),
        "wallets": ["spot"],
        "holdings": [
            {"wallet": "spot", "asset": "BTC", "total": "1.25", "held": "0.02"},
            {"wallet": "spot", "asset": "USDC", "total": "24500"},
        ],
        "pending": [withdrawal | {"reference": "w-17", "since": datetime.now(UTC).isoformat()}],
    }


def push(function, book_of=my_book, wait=time.sleep):
    """Push until a book is stored. Returns {account_id, version, stored, sha256}."""
    book = book_of()
    for attempt in range(ATTEMPTS):
        answer = functions.invoke(FunctionName=function, Payload=json.dumps(book))
        said = json.load(answer["Payload"])
        if "FunctionError" not in answer:
            return said  # stored is false when an earlier attempt had arrived after all
        if said["errorType"] == "BookConflict":
            book = book_of()  # somebody else wrote a newer book: what is held now, under a newer version
        elif said["errorType"] not in PASSING:
            break  # the book or the account is wrong, and would be again
        wait(0.2 * 2**attempt)
    raise RuntimeError(f"the book was not stored: {said['errorType']}: {said['errorMessage']}")


if __name__ == "__main__":
    print(push(sys.argv[1]))
