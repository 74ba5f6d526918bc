"""`trueup policy`: the numbers behind every judgement. Checked whole before anything is put, and never rewritten."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from cli.cloud import Cloud, connect
from cli.errors import BadInput
from cli.files import read_document
from cli.options import DEFAULT_STACK, Json, Local, Region, StackName, account_id, check_run_id
from cli.output import note, print_document, print_line, print_table
from cli.policy_words import (
    Subject,
    applies_document,
    applies_table,
    exceptions_table,
    leans_on_the_threshold,
    states_document,
    states_table,
)
from cli.tables import plain_table
from trueup.clock import utc_now
from trueup.config import check_recheck_wait
from trueup.domain.policy import Policy, default_policy, policy_document, read_policy
from trueup.domain.policy_explained import named, stated
from trueup.domain.reading import SLUG, format_time, read_text
from trueup.errors import PolicyConflict
from trueup.store.policies import Put
from trueup.venues.registry import VENUES

app = typer.Typer(help="Tolerances, severities, timing: check a file, put it, show what applies and who put it.")
_VERSION = re.compile(r"[0-9a-f]{12}", re.ASCII)

File = Annotated[Path, typer.Argument(metavar="FILE", help="A policy: YAML, or JSON by another name.")]
AccountOption = Annotated[
    str | None, typer.Option("--account", metavar="ACCOUNT", help="Explain every field for this account.")
]
VenueOption = Annotated[
    str | None, typer.Option("--venue", metavar="VENUE", help="Explain every field for this venue.")
]
AssetOption = Annotated[
    str | None, typer.Option("--asset", metavar="ASSET", help="Explain every field for this asset.")
]


@app.command("check")
def check(
    file: File,
    account: AccountOption = None,
    venue: VenueOption = None,
    asset: AssetOption = None,
    as_json: Json = False,
) -> None:
    """Check a file, no cloud: what it changes, or what applies to an account, venue or asset, and by whose word."""
    policy = _read(file, default_policy())
    subject = _subject(policy, account, venue, asset)
    unknown = _unknown(policy)
    if as_json:
        print_document(
            {
                "version": policy.version,
                "states": states_document(policy),
                "applies": applies_document(policy, subject),
                "unknown": unknown,
            }
        )
    elif subject is not None:
        print_table(
            Text(f"{file} is a policy, version {policy.version}; for {subject}:"), applies_table(policy, subject)
        )
        if leans_on_the_threshold(policy, subject):
            note("note: threshold is a deployment's ReconciliationThresholdPercentage; here, the template's own 0.1")
    else:
        print_table(Text(f"{file} is a policy, version {policy.version}; it states:"), states_table(policy))
    _tell_unknown(unknown)


@app.command("put")
def put(
    file: File,
    expect: Annotated[
        str | None,
        typer.Option("--expect", metavar="VERSION", help="Put only over this version ('none': nobody put one yet)."),
    ] = None,
    stack_name: StackName = DEFAULT_STACK,
    region: Region = None,
    local: Local = False,
    as_json: Json = False,
) -> None:
    """Put a policy into force from the next run on. Who did it, and when, is kept; past reports stay as they are."""
    if expect is not None and expect != "none" and not _VERSION.fullmatch(expect):
        raise BadInput(f"--expect: must be a policy's version or none, not {expect[:40]!r}")
    _read(file, default_policy())  # a fault of the file is said before anything else is asked for
    cloud = connect(stack_name, region=region, local=local)
    policy = _read(file, cloud.built_in)
    check_recheck_wait(policy, cloud.interval_seconds)
    last = cloud.policies.last()
    before = None if last is None else last.version
    if expect is not None and before != (None if expect == "none" else expect):
        raise PolicyConflict(
            f"the policy is not at {expect}: {before or 'nobody has put one'}; look with `trueup policy show`"
        )
    stands = last is not None and before == policy.version and cloud.policies.version(policy.version) is not None
    if last is None or not stands:
        last = cloud.policies.put(policy, utc_now(), cloud.caller, last)
    unknown = _unknown(policy, cloud)
    if as_json:
        replaced = before if not stands else None
        print_document({"put": last.document(), "replaced_version": replaced, "unchanged": stands, "unknown": unknown})
    elif stands:
        print_line(f"policy {last.version} is in force already: {_who(last)}")
    else:
        print_line(f"policy {last.version}: in force from the next run on, in place of {before or 'the built-in one'}")
    _tell_unknown(unknown)


@app.command("show")
def show(
    version: Annotated[
        str | None, typer.Argument(metavar="[VERSION]", help="As a report or `policy list` names it; else the current.")
    ] = None,
    run_id: Annotated[
        str | None, typer.Option("--run", metavar="RUN_ID", help="The policy a run was, or will be, judged by.")
    ] = None,
    account: AccountOption = None,
    venue: VenueOption = None,
    asset: AssetOption = None,
    stack_name: StackName = DEFAULT_STACK,
    region: Region = None,
    local: Local = False,
    as_json: Json = False,
) -> None:
    """Show the policy in force, one that was put, or the one of a run: what applies to everybody, then exceptions."""
    if version is not None and run_id is not None:
        raise BadInput("--run: names a policy by itself; leave VERSION out")
    if version is not None and not _VERSION.fullmatch(version):
        raise BadInput(f"VERSION: must be a policy's version, such as 0a1b2c3d4e5f, not {version[:40]!r}")
    if run_id is not None:
        check_run_id(run_id, "--run")
    cloud = connect(stack_name, region=region, local=local)
    policy, venues = _find(cloud, version, run_id)
    if account is not None:
        venue = _venue_of(account_id(account, "--account"), venue, venues)
    subject = _subject(policy, account, venue, asset)
    made = _put_of(cloud, policy, current=version is None and run_id is None)
    if as_json:
        print_document(
            {
                "policy": policy_document(policy),
                "put": None if made is None else made.document(),
                "applies": applies_document(policy, subject),
            }
        )
        return
    print_table(Text(_headline(policy, made, run_id)))
    if subject is not None:
        print_table(Text(f"for {subject}:"), applies_table(policy, subject))
        return
    everybody = Subject(None, None, None)
    print_table(applies_table(policy, everybody), *exceptions_table(policy))


@app.command("list")
def list_policies(
    stack_name: StackName = DEFAULT_STACK, region: Region = None, local: Local = False, as_json: Json = False
) -> None:
    """List every policy that was put: which, when, by whom. The last one is in force."""
    found = connect(stack_name, region=region, local=local).policies.history()
    if as_json:
        print_document({"puts": [each.document() for each in found]})
    elif found:
        rows = [(str(each.number), each.version, format_time(each.put_at), each.by) for each in found]
        print_table(plain_table((">", "!version", "!put", "by"), rows))
    else:
        print_line("nobody has put a policy: the built-in values apply; put one with `trueup policy put FILE`")


def _read(file: Path, base: Policy) -> Policy:
    return read_policy(read_document(file), base, str(file))


def _find(cloud: Cloud, version: str | None, run_id: str | None) -> tuple[Policy, Mapping[str, str]]:
    """Find a policy, and the venues of the accounts it is, or was, for."""
    if run_id is not None:
        manifest = cloud.runs.manifest(run_id)
        return manifest.policy, manifest.accounts
    venues = {account_id: account.venue for account_id, account in cloud.accounts.each() if account is not None}
    if version is None:
        return cloud.policies.current(cloud.built_in), venues
    found = cloud.policies.version(version)
    if found is None:
        # Reports also name what nobody put as such: the built-in values, or a policy over a threshold changed since.
        others = (cloud.built_in, cloud.policies.current(cloud.built_in))
        found = next((policy for policy in others if policy.version == version), None)
    if found is None:
        raise BadInput(
            f"VERSION: nobody has put a policy {version} here; `trueup policy list` names those that were put, and "
            "--run RUN_ID finds the one of a run"
        )
    return found, venues


def _put_of(cloud: Cloud, policy: Policy, *, current: bool) -> Put | None:
    """Return the putting that is in force, or the last one of a policy, if there was any."""
    if current:
        return cloud.policies.last()
    return next((made for made in reversed(cloud.policies.history()) if made.version == policy.version), None)


def _headline(policy: Policy, made: Put | None, run_id: str | None) -> str:
    which = f"policy {policy.version}" if run_id is None else f"policy {policy.version}, of run {run_id}"
    if not stated(policy) and made is None:
        return f"{which}: all of it built in"
    if made is None:
        return f"{which}: over another threshold, or another Trueup, than it was put with"
    if made.version != policy.version:
        return f"{which}: what {made.version} states ({_who(made)}), over what is built in now"
    return f"{which}: {_who(made)}"


def _who(made: Put) -> str:
    return f"put {format_time(made.put_at)} by {made.by}"


def _venue_of(name: str, venue: str | None, venues: Mapping[str, str]) -> str:
    found = venues.get(name)
    if found is None:
        raise BadInput(f"--account: there is no account {name}; there are: {', '.join(sorted(venues)) or 'none yet'}")
    if venue not in {None, found}:
        raise BadInput(f"--venue: {name} is at {found}, not at {venue}; leave --venue out")
    return found


def _subject(policy: Policy, account: str | None, venue: str | None, asset: str | None) -> Subject | None:
    """Check what was asked about. Raises BadInput or Malformed naming the option."""
    if account is None and venue is None and asset is None:
        return None
    venues = {*VENUES, *named(policy)[1]}
    if account is not None:
        account_id(account, "--account")
        if venue is None and named(policy)[1]:
            raise BadInput(
                f"--venue: is missing; what applies to {account} depends on its venue, for the policy has values for "
                f"{', '.join(named(policy)[1])}"
            )
    if venue is not None and venue not in venues:
        raise BadInput(f"--venue: must be one of {', '.join(sorted(venues))}; not {venue[:40]!r}")
    return Subject(account, venue, None if asset is None else read_text(asset, "--asset"))


def _unknown(policy: Policy, cloud: Cloud | None = None) -> dict[str, list[str]]:
    """Return the accounts and venues a policy names that there are not: what it says of them applies to nothing."""
    accounts, venues = named(policy)
    if cloud is None:
        strange = [name for name in accounts if not SLUG.fullmatch(name)]
    else:
        there = {name for name, _ in cloud.accounts.each()}
        strange = [name for name in accounts if name not in there]
    return {"accounts": strange, "venues": [name for name in venues if name not in VENUES]}


def _tell_unknown(unknown: dict[str, list[str]]) -> None:
    for name in unknown["accounts"]:
        note(f"note: there is no account {name}: what is stated for it applies to nothing")
    for name in unknown["venues"]:
        known = ", ".join(sorted(VENUES))
        note(f"note: there is no venue {name} (there are {known}): what is stated for it applies to nothing")
