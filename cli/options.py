"""Options that several verbs share, so that they are spelt and explained once."""

from datetime import UTC, datetime
from typing import Annotated

import typer

from trueup.domain.amounts import shorten
from trueup.domain.reading import SLUG, Malformed, read_time
from trueup.domain.run_ids import day_of

Json = Annotated[bool, typer.Option("--json", help="Print a JSON document instead of a table.")]
StackName = Annotated[
    str, typer.Option("--stack-name", envvar="TRUEUP_STACK", show_default=True, help="The deployed stack.")
]
Region = Annotated[
    str | None,
    # boto3 itself knows only the second name, the other tools of AWS both.
    typer.Option("--region", envvar=["AWS_REGION", "AWS_DEFAULT_REGION"], help="The AWS region."),
]
Local = Annotated[
    bool, typer.Option("--local", help="Use the local cloud of this folder (`trueup up`) instead of AWS.")
]
AsOf = Annotated[
    str | None,
    typer.Option("--as-of", metavar="TIME", help="When a CSV book was true, such as 2026-11-22T12:00:00Z."),
]
AccountId = Annotated[str, typer.Argument(metavar="ACCOUNT", help="The account's id.")]
DEFAULT_STACK = "trueup"


def account_id(text: str, field: str = "ACCOUNT") -> str:
    """Check an account id that was typed."""
    if not SLUG.fullmatch(text):
        raise Malformed(field, "must be an account id: lower-case letters, digits and hyphens (1 to 63)")
    return text


def moment(text: str, field: str) -> datetime:
    """Read a time that was typed: RFC 3339, or a day, which begins at midnight UTC."""
    try:
        return read_time(text, field)
    except Malformed:
        return day(text, field)


def day(text: str, field: str) -> datetime:
    """Read a day that was typed, 2026-11-22."""
    try:
        return datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError:
        raise Malformed(field, "must be a day such as 2026-11-22 or a time such as 2026-11-22T12:00:00Z") from None


def check_run_id(text: str, field: str) -> None:
    """Check a run's id that was typed."""
    try:
        day_of(text)
    except ValueError:
        raise Malformed(field, f"must be like 20261122T120000Z or manual-<ULID>, not {shorten(text)}") from None
