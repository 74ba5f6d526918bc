"""One account's chain: checkpoints, entries as they come, and at the end whether any is missing, and the head.

Entries come in the order of their times, which is nearly but not quite that of their numbers: a slow run is chained
after faster ones. What is remembered of them are stretches without a gap, so that a long history takes little room.
"""

from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Any

from cli.auditing.differences import What, differs, short
from cli.auditing.rows import CHECKPOINT, ENTRY, HEAD, as_last_verified, check_shape, check_told, hash_of, place_of
from trueup.store import keys
from trueup.store.audit import GENESIS, expires_at
from trueup.store.rows import Row

LastVerified = Mapping[str, Any] | None


@dataclass(slots=True)
class Stretch:
    """Entries that follow each other: the first names `prev` before it, the last has `hash`."""

    first: int
    last: int
    prev: str
    hash: str


@dataclass(slots=True)
class Segment:
    """A checkpoint, and the entries from its own up to the next one's: they expire together."""

    checkpoint: Row
    first: int
    last: int
    expires_at: int
    there: int = 0
    """How many of its entries were seen."""
    opened: LastVerified = None
    """Its first entry, if that was seen and verified."""
    opener_seen: bool = False
    newest: tuple[tuple[str, int], LastVerified] = ("", 0), None
    """The newest verified of the others, after its time and number."""

    @property
    def is_whole(self) -> bool:
        """Tell whether all of its entries were seen."""
        return self.there == self.last - self.first + 1


@dataclass(frozen=True, slots=True)
class Gap:
    """Numbers of entries that were not seen."""

    first: int
    last: int
    segment: Segment


@dataclass(slots=True)
class Chain:
    """What was seen of a chain. `head` and `checkpoints` are those of the moment when looking began."""

    account_id: str
    head: Row | None
    checkpoints: Sequence[Row]
    segments: list[Segment] = field(default_factory=list)
    stretches: list[Stretch] = field(default_factory=list)
    beyond: int = 0
    """The highest number after the head's: written while we look, or the head was set back."""
    wanted: Mapping[int, str] = field(default_factory=dict)
    """Hashes that anchors state, by number; see `check_anchors`."""
    seen_wanted: dict[int, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._check_checkpoints()
        if self.head is not None:
            self._check_head_row(self.head)

    @property
    def tip(self) -> int:
        """The number of the newest entry when looking began; 0 without any."""
        return 0 if self.head is None else int(self.head["seq"])

    def segment_at(self, seq: int) -> int | None:
        """Return the place of the segment an entry belongs to; None before the first."""
        place = bisect_right(self.segments, seq, key=lambda segment: segment.first) - 1
        return place if place >= 0 else None

    def retention_of(self, seq: int) -> int:
        """Return for how many days an entry is kept; 0 for one that is too new to tell."""
        place = self.segment_at(seq)
        return 0 if place is None else int(self.segments[place].checkpoint["retention_days"])

    def segment_of_day(self, day: str) -> int:
        """Return the place of the segment that the entries of a day are in, or of the one before; else the first."""
        place = bisect_right(self.segments, day, key=lambda segment: segment.checkpoint["day"]) - 1
        return max(place, 0)

    # -- entries as they come --------------------------------------------------------------------------------------

    def add(self, row: Row) -> bool:
        """Look at one entry; False for one that is newer than the head was. Raises Differs."""
        where, about = place_of(row), self._about(row)
        check_shape(row, ENTRY, What.ENTRY_CHANGED, **about)
        counted = hash_of(row)
        if counted != row["hash"]:
            said = f"entry {row['seq']} says its hash is {short(row['hash'])}, but it hashes to {short(counted)}"
            differs(What.ENTRY_CHANGED, where, said, **about)
        if (row["account_id"], row["pk"]) != (self.account_id, keys.audit(self.account_id)):
            differs(What.ENTRY_ADDED, where, f"it is an entry of {row['account_id']}", **about)
        if row["sk"] != f"{keys.REPORT}{row['at']}#{row['run_id']}":
            differs(What.ENTRY_ADDED, where, f"it is the entry of run {row['run_id']} at {row['at']}", **about)
        if row["seq"] > self.tip:
            self.beyond = max(self.beyond, row["seq"])
            return False
        self._place(row, where, about)
        self._join(row, where, about)
        if row["seq"] in self.wanted:
            self.seen_wanted[row["seq"]] = row["hash"]
        return True

    def _place(self, row: Row, where: str, about: dict[str, Any]) -> None:
        """Check an entry against the checkpoint of its day."""
        place = self.segment_at(row["seq"])
        if place is None:
            differs(What.ENTRY_ADDED, where, f"it says it is entry {row['seq']}", **about)
        segment = self.segments[place]
        opens = row["seq"] == segment.first
        before = self.segments[place - 1].checkpoint["hash"] if place > 0 else GENESIS
        named = before if opens else segment.checkpoint["hash"]
        if row["checkpoint"] != named:
            said = f"entry {row['seq']} vouches for checkpoint {short(row['checkpoint'])}, but there is {short(named)}"
            differs(What.CHECKPOINT_DIFFERS, where, said, **about)
        if row["expires_at"] != segment.expires_at:
            differs(What.ENTRY_CHANGED, where, f"it expires at {row['expires_at']}, not with its day", **about)
        if opens and segment.checkpoint["entry_hash"] != row["hash"]:
            said = f"it stands for entry {short(segment.checkpoint['entry_hash'])}, but entry {row['seq']} is "
            said += short(row["hash"])
            differs(What.CHECKPOINT_DIFFERS, place_of(segment.checkpoint), said, **about)
        day = row["at"][:10]
        if day > segment.checkpoint["day"] or (opens and day != segment.checkpoint["day"]):
            said = f"entry {row['seq']} of {day} has no checkpoint of its day before it"
            differs(What.CHECKPOINT_DIFFERS, where, said, **about)
        self._remember(segment, row, opens=opens)

    @staticmethod
    def _remember(segment: Segment, row: Row, *, opens: bool) -> None:
        segment.there += 1
        verified = as_last_verified(row) if row["verified"] else None
        if opens:
            segment.opener_seen, segment.opened = True, verified
        elif verified is not None:
            segment.newest = max(segment.newest, ((row["at"], row["seq"]), verified), key=itemgetter(0))

    def _join(self, row: Row, where: str, about: dict[str, Any]) -> None:
        """Put an entry between those that were seen, and check what it says of its neighbours."""
        seq = row["seq"]
        at = bisect_right(self.stretches, seq, key=lambda stretch: stretch.first)
        left = self.stretches[at - 1] if at > 0 else None
        right = self.stretches[at] if at < len(self.stretches) else None
        if left is not None and left.last >= seq:
            differs(What.ENTRY_ADDED, where, f"another row says that it is entry {seq}, too", **about)
        if seq == 1 and row["prev"] != GENESIS:
            differs(What.LINK_BROKEN, where, f"entry 1 names {short(row['prev'])} before it", **about)
        if left is not None and left.last == seq - 1 and left.hash != row["prev"]:
            said = f"entry {seq} names {short(row['prev'])} before it, but entry {seq - 1} is {short(left.hash)}"
            differs(What.LINK_BROKEN, where, said, **about)
        if right is not None and right.first == seq + 1 and right.prev != row["hash"]:
            said = f"entry {seq} is {short(row['hash'])}, but entry {seq + 1} names {short(right.prev)} before it"
            differs(What.LINK_BROKEN, where, said, **about)
        first, last, prev, end = seq, seq, row["prev"], row["hash"]
        begin, stop = at, at
        if left is not None and left.last == seq - 1:
            first, prev, begin = left.first, left.prev, at - 1
        if right is not None and right.first == seq + 1:
            last, end, stop = right.last, right.hash, at + 1
        self.stretches[begin:stop] = [Stretch(first, last, prev, end)]

    # -- when all have come ----------------------------------------------------------------------------------------

    def gaps(self, begin: int, end: int) -> Iterator[Gap]:
        """Yield which numbers of the segments from `begin` to `end` were not seen, one gap for each segment at least.

        The first entry of the segment after `end` is asked for, too: only it vouches for the last one before.
        """
        for place in range(begin, min(end + 2, len(self.segments))):
            segment = self.segments[place]
            last = segment.last if place <= end else segment.first
            position = segment.first
            for stretch in self.stretches:
                if stretch.last < position:
                    continue
                if stretch.first > last:
                    break
                if stretch.first > position:
                    yield Gap(position, stretch.first - 1, segment)
                position = stretch.last + 1
            if position <= last:
                yield Gap(position, last, segment)

    def check_missing(self, gap: Gap, now: int) -> int:
        """Return how many entries of a gap have expired: all of them. Raises Differs when it was not time yet."""
        many = gap.last - gap.first + 1
        if now < gap.segment.expires_at:
            checkpoint = gap.segment.checkpoint
            said = f"entry {gap.first} is" if many == 1 else f"entries {gap.first} to {gap.last} are"
            said += " gone" if gap.last < self.tip else f" gone, though the head counts {self.tip}"
            said += f" and what is chained since {checkpoint['day']} is kept for {checkpoint['retention_days']} days"
            where = f"rows {keys.audit(self.account_id)} {keys.REPORT}…"
            differs(What.ENTRY_MISSING, where, said, account_id=self.account_id, seq=gap.first)
        return many

    def check_last_verified(self) -> None:
        """Recompute what every checkpoint and the head say of the last verified report, where all entries were seen."""
        for before, after in zip(self.segments, self.segments[1:], strict=False):
            if before.is_whole and after.opener_seen:
                told = _newer(before.checkpoint["last_verified"], before.newest[1])
                told = _newer(told, after.opened)
                self._check_told(after.checkpoint, told, What.CHECKPOINT_DIFFERS)
        if self.segments and self.segments[0].opener_seen:
            self._check_told(self.segments[0].checkpoint, self.segments[0].opened, What.CHECKPOINT_DIFFERS)
        if self.head is not None and self.segments and self.segments[-1].is_whole:
            newest = self.segments[-1]
            told = _newer(newest.checkpoint["last_verified"], newest.newest[1])
            self._check_told(self.head, told, What.HEAD_DIFFERS)

    def check_head(self, now: Row | None) -> None:
        """Check the head against the newest entry. `now` is the head read again, after the last entry was."""
        where = f"row {keys.audit(self.account_id)} {keys.CHAIN}"
        reached = 0 if now is None or not isinstance(now.get("seq"), int) else now["seq"]
        furthest = max(self.beyond, self.tip)
        if reached < furthest:
            said = "there is none" if now is None else f"it says that entry {now.get('seq')} is the newest"
            said += f", but there is an entry {furthest}" if self.beyond else ""
            differs(What.HEAD_DIFFERS, where, said, account_id=self.account_id, seq=furthest)
        if self.head is None:
            return
        newest = self.stretches[-1] if self.stretches else None
        known = newest.hash if newest is not None and newest.last == self.tip else None
        if known is None and self.segments[-1].first == self.tip:
            known = self.segments[-1].checkpoint["entry_hash"]
        if known is not None and known != self.head["hash"]:
            said = f"it says that entry {self.tip} is {short(self.head['hash'])}, but that is {short(known)}"
            differs(What.HEAD_DIFFERS, where, said, account_id=self.account_id, seq=self.tip)

    def check_anchors(self) -> Iterator[str]:
        """Compare anchors with entries; yield why one could not be. Raises Differs."""
        for seq, stated in sorted(self.wanted.items()):
            where = f"anchor {self.account_id}:{seq}"
            about = {"account_id": self.account_id, "seq": seq}
            if seq > self.tip:
                said = f"the chain ends with entry {self.tip}" if self.tip else "there is no chain at all"
                differs(What.ANCHOR_CUT_OFF, where, said, **about)
            found = self.seen_wanted.get(seq)
            place = self.segment_at(seq)
            if found is None and place is not None and self.segments[place].first == seq:
                found = self.segments[place].checkpoint["entry_hash"]
            if found is None:
                yield f"entry {seq} of {self.account_id} has expired, and is no checkpoint"
            elif found != stated:
                differs(What.ANCHOR_REWRITTEN, where, f"entry {seq} is {short(found)}, not {short(stated)}", **about)

    # -- rows that stay --------------------------------------------------------------------------------------------

    def _check_checkpoints(self) -> None:
        before: Row | None = None
        for row in self.checkpoints:
            where, about = place_of(row), self._about(row)
            check_shape(row, CHECKPOINT, What.CHECKPOINT_DIFFERS, **about)
            check_told(row, What.CHECKPOINT_DIFFERS, **about)
            counted = hash_of(row)
            if counted != row["hash"]:
                said = f"it says its hash is {short(row['hash'])}, but it hashes to {short(counted)}"
                differs(What.CHECKPOINT_DIFFERS, where, said, **about)
            place = keys.audit(self.account_id), keys.checkpoint(row["day"])
            if row["account_id"] != self.account_id or (row["pk"], row["sk"]) != place:
                said = f"it is the checkpoint of {row['account_id']} of {row['day']}"
                differs(What.CHECKPOINT_DIFFERS, where, said, **about)
            named = GENESIS if before is None else before["hash"]
            if row["prev"] != named:
                said = f"it names {short(row['prev'])} before it, but that is {short(named)}"
                differs(What.CHECKPOINT_DIFFERS, where, said, **about)
            if row["seq"] <= (0 if before is None else before["seq"]) or (before is None and row["seq"] != 1):
                said = f"it begins with entry {row['seq']}"
                said += ", and none with entry 1" if before is None else f", after entry {before['seq']}"
                differs(What.CHECKPOINT_DIFFERS, where, said, **about)
            before = row
        known = [row for row in self.checkpoints if row["seq"] <= self._stated_tip()]
        self.segments = [
            Segment(
                checkpoint=row,
                first=row["seq"],
                last=known[place + 1]["seq"] - 1 if place + 1 < len(known) else self._stated_tip(),
                expires_at=self._expires_at(row),
            )
            for place, row in enumerate(known)
        ]
        newer = [row["seq"] for row in self.checkpoints if row["seq"] > self._stated_tip()]
        self.beyond = max([self.beyond, *newer])

    def _expires_at(self, checkpoint: Row) -> int:
        try:
            return expires_at(checkpoint["day"], checkpoint["retention_days"])
        except (ValueError, OverflowError):
            said = f"its day is {short(checkpoint['day'])}, kept for {checkpoint['retention_days']} days"
            differs(What.CHECKPOINT_DIFFERS, place_of(checkpoint), said, **self._about(checkpoint))

    def _stated_tip(self) -> int:
        seq = 0 if self.head is None else self.head.get("seq")
        return seq if isinstance(seq, int) else 0

    def _check_head_row(self, head: Row) -> None:
        where, about = place_of(head), {"account_id": self.account_id}
        check_shape(head, HEAD, What.HEAD_DIFFERS, **about)
        check_told(head, What.HEAD_DIFFERS, **about)
        newest = self.segments[-1].checkpoint if self.segments else None
        named = None if newest is None else {name: newest[name] for name in ("day", "retention_days", "hash")}
        if (head["pk"], head["sk"]) != (keys.audit(self.account_id), keys.CHAIN):
            differs(What.HEAD_DIFFERS, where, "it is another account's", **about)
        if head["checkpoint"] != named:
            said = f"it names checkpoint {short(head['checkpoint'].get('hash'))}, but the newest is "
            said += "none" if newest is None else short(newest["hash"])
            differs(What.HEAD_DIFFERS, where, said, **about)

    def _check_told(self, row: Row, told: LastVerified, what: What) -> None:
        if row["last_verified"] != told:
            said = "the last verified report is " + ("none" if told is None else f"that of run {told['run_id']}")
            stated = row["last_verified"]
            said += ", but it says " + ("none" if stated is None else f"that of run {short(stated.get('run_id'))}")
            differs(what, place_of(row), said, account_id=self.account_id)

    def _about(self, row: Row) -> dict[str, Any]:
        seq, run_id = row.get("seq"), row.get("run_id")
        return {
            "account_id": self.account_id,
            "seq": seq if isinstance(seq, int) else None,
            **({"run_id": run_id} if isinstance(run_id, str) else {}),
        }


def _newer(told: LastVerified, verified: LastVerified) -> LastVerified:
    """Return what is remembered after an entry: the newest verified report by time, of equals the later entry's."""
    if verified is None:
        return told
    return verified if told is None or verified["at"] >= told["at"] else told
