"""Where everything is: the one place that spells partition keys, sort keys and object keys."""

from datetime import datetime

from trueup.domain.reading import format_time
from trueup.domain.run_ids import day_of

ACCOUNTS = "ACCOUNTS"
ACCOUNT = "ACCOUNT#"
POLICIES = "POLICIES"
PUT = "PUT#"
PRICES = "PRICES"
LAST_GOOD = "LAST_GOOD"
HEAD = "HEAD"
CHAIN = "CHAIN"
CHECKPOINT = "CHECKPOINT#"
REPORT = "REPORT#"
FAILURE = "FAILURE#"
RECHECK = "RECHECK#"
TRACK = "TRACK#"
LAST_LOOK = f"{TRACK}LAST_LOOK"
BLINDNESS = f"{TRACK}BLINDNESS"
BREAK = "BREAK#"
EVENT = "EVENT#"
ADOPTED = "ADOPTED#"
OPEN = "OPEN"
RUN = "RUN#"
SENT = "SENT#"
INCIDENT = "INCIDENT#"


def account(account_id: str) -> tuple[str, str]:
    """Return the row of an account."""
    return ACCOUNTS, f"{ACCOUNT}{account_id}"


def book_head(account_id: str) -> tuple[str, str]:
    """Return the row that points at an account's current book."""
    return f"BOOK#{account_id}", HEAD


def book_object(account_id: str, sha256: str) -> str:
    """Return the object of one version of a book, named by its content."""
    return f"books/{account_id}/{sha256}.json.gz"


def policy_put(number: int) -> tuple[str, str]:
    """Return the row of one putting of a policy: in order of their numbers, the last one counts."""
    return POLICIES, f"{PUT}{number:08}"


def policy_object(version: str) -> str:
    """Return the object of a policy that was put, named by its content."""
    return f"policies/{version}.json.gz"


def runs_of(of_day: str) -> str:
    """Return the partition of a UTC day's runs, so that they are one query."""
    return f"RUNS#{of_day}"


def run(run_id: str) -> tuple[str, str]:
    """Return the row of a run."""
    return runs_of(day_of(run_id)), f"{RUN}{run_id}"


def failures(run_id: str) -> str:
    """Return the partition in which the state machine writes down what failed in a run, at either look."""
    return f"{RUN}{run_id}"


def audit(account_id: str) -> str:
    """Return the partition of an account's reports, its chain head and its checkpoints."""
    return f"ACCOUNT#{account_id}"


def report(at: datetime, run_id: str) -> str:
    """Return the sort key of an account's report: in order of time."""
    return f"{REPORT}{format_time(at)}#{run_id}"


def day(moment: datetime) -> str:
    """Return the UTC day of a moment, 2026-11-22."""
    return format_time(moment)[:10]


def checkpoint(of_day: str) -> str:
    """Return the sort key of what is kept for ever of an account's entries of a day."""
    return f"{CHECKPOINT}{of_day}"


def last_look(account_id: str) -> tuple[str, str]:
    """Return the row that says when an account was last looked at; no break's id is like its sort key."""
    return audit(account_id), LAST_LOOK


def blindness(account_id: str) -> tuple[str, str]:
    """Return the row that says for how many runs an account could not be verified."""
    return audit(account_id), BLINDNESS


def track(account_id: str, break_id: str) -> tuple[str, str]:
    """Return the row of what is known of one line of an account from all looks so far."""
    return audit(account_id), f"{TRACK}{break_id}"


def current_break(account_id: str, break_id: str) -> tuple[str, str]:
    """Return the row of a break as it is now."""
    return audit(account_id), f"{BREAK}{break_id}"


def story(break_id: str) -> str:
    """Return the partition of everything that happened to a break."""
    return f"{BREAK}{break_id}"


def event(break_id: str, number: int) -> tuple[str, str]:
    """Return the row of one thing that happened to a break: in order of their numbers, from 1."""
    return story(break_id), f"{EVENT}{number:08}"


def adoption(account_id: str, at: datetime) -> tuple[str, str]:
    """Return the row that says who adopted what the venue holds as the book, and when."""
    return audit(account_id), f"{ADOPTED}{format_time(at)}"


def manifest_object(run_id: str) -> str:
    """Return the object that lists what a run has to look at."""
    return f"runs/{run_id}/manifest.json.gz"


def observation_object(run_id: str, account_id: str) -> str:
    """Return the evidence of one account in one run."""
    return f"runs/{run_id}/observations/{account_id}.json.gz"


def second_observation_object(run_id: str, account_id: str) -> str:
    """Return the evidence of the second look at an account in one run."""
    return f"runs/{run_id}/observations/second/{account_id}.json.gz"


def recheck_object(run_id: str) -> str:
    """Return the object that lists which accounts a run looks at twice."""
    return f"runs/{run_id}/recheck.json.gz"


def prices_object(run_id: str) -> str:
    """Return the price set of a run."""
    return f"runs/{run_id}/prices.json.gz"


def report_object(run_id: str) -> str:
    """Return the whole report of a run."""
    return f"runs/{run_id}/report.json.gz"


def observations_prefix(run_id: str) -> str:
    """Return what the keys of all of a run's observations begin with."""
    return f"runs/{run_id}/observations/"


def sent(endpoint: str, parcel_id: str) -> tuple[str, str]:
    """Return the row that says that an endpoint was told something."""
    return f"NOTIFY#{endpoint}", f"{SENT}{parcel_id}"


def incident(endpoint: str, key: str) -> tuple[str, str]:
    """Return the row of the last thing an endpoint was told of an incident."""
    return f"NOTIFY#{endpoint}", f"{INCIDENT}{key}"
