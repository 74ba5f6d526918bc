"""The verifier's note that goes into a pack: how to recompute every hash with a SHA-256 tool and a JSON library."""

NOTE = """\
The record of Trueup, to take away
==================================

Accounts: {accounts}
Runs compared from {start} to {end}, both included.

This folder explains itself: every hash in it can be recomputed from what is in it, with nothing but
SHA-256 and a JSON library. The same period exported again gives the same bytes, as long as nothing
of it has expired.

What is here
------------

README.txt                          this note
SHA256SUMS                          of every other file: sha256sum -c SHA256SUMS
accounts/ACCOUNT/entries.jsonl      the account's entries, one a line, in the order of their times
accounts/ACCOUNT/checkpoints.jsonl  its checkpoints up to the newest of these, one a line
accounts/ACCOUNT/reports.jsonl      its own report of each run, one a line
accounts/ACCOUNT/events.jsonl       what happened to its breaks, one event a line, break by break
objects/runs/RUN/observations/...   what was seen: the book read twice, the venue's answers, and
                                    what was made of them
lines.csv                           every line of these reports, to read or to count; nothing
                                    vouches for this file
missing.jsonl                       what an entry or a report names, and was not there
{whole}
Every .json file and every line of a .jsonl file is canonical JSON: UTF-8, no blanks, the keys of
each object sorted by code point. In strings only the quotation mark, the backslash and what is
below U+0020 are escaped (\\b \\t \\n \\f \\r, the others \\u00xx in lower case). There are no numbers
with a point. A .json file has no line end after it, so that the file's SHA-256 is that of the
document. The SHA-256 of a line is taken without its line end.

How to recompute every hash
---------------------------

1.  An entry. Take its line, remove "pk", "sk" and "hash", write the rest as canonical JSON: the
    SHA-256 is its "hash". "pk" is ACCOUNT# and "account_id"; "sk" is REPORT#, "at", # and "run_id".

2.  A chain. Sort the entries of an account by "seq". An entry's "prev" is the "hash" of the one
    whose "seq" is one less; of entry 1 it is 64 zeros. Where a number is missing between two
    others, its entry is not of this period by its "at": a slow run is chained after faster ones.

3.  A checkpoint. As an entry: without "pk", "sk" and "hash", the SHA-256 is its "hash". Its "sk" is
    CHECKPOINT# and "day"; its "entry_hash" is the "hash" of the entry with the same "seq"; its
    "prev" is the "hash" of the checkpoint before it, of the first one 64 zeros. There is one for
    each UTC day on which something was chained, made with the first entry of that day.

4.  An entry's "checkpoint" is the "hash" of the last checkpoint with a smaller "seq", or 64 zeros.
    So each entry vouches for all days before it.

5.  An entry's "expires_at" (seconds since 1970). Take the last checkpoint whose "seq" is not larger
    than the entry's: it is the midnight (UTC) after its "day", and its "retention_days" later.

6.  A report of an account. The SHA-256 of its line in reports.jsonl is "report_sha256" of the entry
    with the same "run_id". "status", "verified", "reasons" and "evidence_sha256" are the same in
    both.

7.  What the venue and the book said. "evidence_sha256" is the SHA-256 of
    objects/runs/RUN/observations/ACCOUNT.json, or where "recheck" of the report is "read", of
    objects/runs/RUN/observations/second/ACCOUNT.json. It is null where nobody could look.

8.  An event of a break. As an entry: without "pk", "sk" and "hash", the SHA-256 is its "hash". "pk"
    is BREAK# and "break_id"; "sk" is EVENT# and "number" in eight digits. Its "prev" is the "hash"
    of the event of that break whose "number" is one less, of event 1 it is 64 zeros. Where a number
    is missing, its event is not of this period by its "at".
{runs}
An entry vouches for everything before it. Compare the newest one of each account with something
kept elsewhere: every alert ends with a line "Audit ACCOUNT:NUMBER:HASH", which is "seq" and "hash"
of the newest entry before its run.
"""

WHOLE = """\
runs.jsonl                          the row of each run, one a line, in the order of their times
objects/runs/RUN/report.json        the whole report of a run
objects/runs/RUN/manifest.json      what it had to look at
objects/runs/RUN/recheck.json       which accounts it looked at twice, if it did
objects/runs/RUN/prices.json        what it was valued with; may be an earlier run's
"""
OF_ONE = """
Whole reports, the rows of runs, manifests and price sets are left out: they hold other accounts,
too. So "run_report_sha256" of an entry, which is of the whole report, cannot be recomputed here.
"""
RUNS = """
9.  A whole report. The SHA-256 of objects/runs/RUN/report.json is "run_report_sha256" of each entry
    of the run, and "report_sha256" of the run's row. The elements of its "accounts" are the reports
    of accounts.

10. A seal. Of the entries of a run make one object, from "account_id" to "hash": the SHA-256 of its
    canonical JSON is "seal" of the run's row.

11. What a whole report names. "manifest_sha256" is the SHA-256 of objects/runs/RUN/manifest.json.
    "sha256" in its "prices" is that of the file which "object" names there (put objects/ in front,
    leave out .gz). For each account looked at twice, "looks" has the SHA-256 of the evidence of
    both looks. Where "looks" is not empty, objects/runs/RUN/recheck.json is
    {"accounts":[...],"schema":1} with the accounts of "looks", sorted.

12. What a whole report says of breaks. For each account, "breaks" has by "break_id" the event that its
    look wrote, without "pk", "sk", "account_id", "break_id", "number", "prev", "prev_expires_at",
    "expires_at" and "hash": the event of that break with the same "run_id" is the same. A look that
    came after a newer one left no event. "breaks" of the account in "judged_with" are these breaks as
    they were before: "hash" of "story" is that of the event whose number is "events".
"""


def note(account_id: str | None, start: str, end: str) -> str:
    """Write the note of a pack."""
    return NOTE.format(
        accounts="all" if account_id is None else account_id,
        start=start,
        end=end,
        whole=WHOLE if account_id is None else OF_ONE,
        runs=RUNS if account_id is None else "",
    )
