"""Whatever is changed, removed, moved or added anywhere in an audit is found, by two verifiers that share nothing."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cli.auditing.verify import Outcome, Verifier, Wanted
from tests.unit.auditing.history import ACCOUNTS, NOW, Desk, history
from tests.unit.auditing.second_verifier import canonical, faults
from trueup.store import keys

NOT_VOUCHED_FOR = ("execution", "expires_at")
"""Of a run's row: docs/audit.md says so."""

Item = tuple[str, str] | str
"""The keys of a row, or of an object."""


def verify(desk: Desk, **wanted: Any) -> Outcome:
    return Verifier(desk.rows, desk.objects, ACCOUNTS, Wanted(**wanted), NOW).verify()


def second_opinion(desk: Desk) -> list[str]:
    contents = {key: text.encode() for key, text in desk.bucket.items()}
    return faults(desk.table, contents, NOW.timestamp())


def is_vouched_for(item: Item) -> bool:
    """Everything but what docs/audit.md leaves out."""
    if isinstance(item, str):
        return "20261123T001500Z" not in item  # of a run that died before it could judge
    pk, sk = item
    return pk.startswith(("RUNS#", "BREAK#")) or (pk.startswith("ACCOUNT#") and not sk.startswith(keys.TRACK))


ITEMS: list[Item] = [item for item in (*sorted(history().table), *sorted(history().bucket)) if is_vouched_for(item)]
ENDED = [item for item in ITEMS if item[0] != "RUNS#2026-11-23" or item[1][-7:-3] not in ("0010", "0015")]
"""Without the rows of two runs that never began to judge: whether those are there, nothing tells."""
OF_NOBODY = ("RUNS#2026-11-24", "RUN#20261124T000500Z")
"""A run over no account: only its own row vouches for it."""


def found(desk: Desk) -> tuple[bool, bool]:
    """Whether the verifier finds something, and whether the other one does."""
    return verify(desk).difference is not None, bool(second_opinion(desk))


def test_an_audit_nobody_touched_is_intact() -> None:
    outcome = verify(history())
    assert outcome.difference is None
    assert (outcome.accounts, outcome.entries, outcome.checkpoints, outcome.seen.runs) == (3, 22, 10, 10)
    assert (outcome.seen.evidence, outcome.seen.prices, outcome.seen.manifests) == (20, 10, 10)
    assert (outcome.not_looked_at, outcome.expired_entries) == ([], 0)
    assert second_opinion(history()) == []


@pytest.mark.parametrize("item", [item for item in ENDED if item != OF_NOBODY], ids=str)
def test_whatever_is_removed_is_missed(item: Item) -> None:
    desk = history()
    remove(desk, item)
    assert found(desk) == (True, True)


@pytest.mark.parametrize("item", ITEMS, ids=str)
def test_a_field_that_nobody_writes_is_noticed(item: Item) -> None:
    desk = history()
    change(desk, item, lambda document: document.update(unheard_of=1))
    assert found(desk) == (True, True)


def remove(desk: Desk, item: Item) -> None:
    if isinstance(item, str):
        del desk.bucket[item]
    else:
        del desk.table[item]


def change(desk: Desk, item: Item, how: Callable[[Any], object]) -> None:
    """Change a row, or an object's document. A row whose keys change is another row."""
    if isinstance(item, str):
        document = json.loads(desk.bucket[item])
        how(document)
        desk.bucket[item] = canonical(document)
    else:
        row = desk.table.pop(item)
        how(row)
        desk.table[row["pk"], row["sk"]] = row


def leaves(document: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The paths of everything that could be changed in a document: values, and empty lists and objects."""
    if isinstance(document, dict) and document:
        return [leaf for name in document for leaf in leaves(document[name], (*path, name))]
    if isinstance(document, list) and document:
        return [leaf for place in range(len(document)) for leaf in leaves(document[place], (*path, place))]
    return [path]


def another(value: Any) -> Any:
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value + 1
    if isinstance(value, str):
        return value[:-1] + ("0" if value[-1:] != "0" else "1")
    return ["x"] if isinstance(value, list) else "x"


def spoil(document: Any, path: tuple[Any, ...], *, drop: bool) -> None:
    *way, last = path
    for step in way:
        document = document[step]
    if drop:
        del document[last]
    else:
        document[last] = another(document[last])


@settings(max_examples=150, deadline=None, derandomize=True)
@given(data=st.data())
def test_one_value_changed_or_dropped_anywhere_is_found(data: st.DataObject) -> None:
    desk = history()
    item = data.draw(st.sampled_from(ITEMS))
    document = json.loads(desk.bucket[item]) if isinstance(item, str) else desk.table[item]
    paths = leaves(document)
    if item[0].startswith("RUNS#"):
        paths = [path for path in paths if path[0] not in NOT_VOUCHED_FOR]
    if item not in ENDED:
        paths = [path for path in paths if path[0] in ("run_id", "state")]
    if item == OF_NOBODY:
        paths.remove(("pk",))
    path = data.draw(st.sampled_from(paths))
    drop = path[0] not in ("pk", "sk") and data.draw(st.booleans())
    change(desk, item, lambda whole: spoil(whole, path, drop=drop))
    assert found(desk) == (True, True), (item, path, drop)


def sort_of(item: Item) -> str:
    """What sort of thing an item is: others of its sort could stand in its place."""
    if isinstance(item, str):
        return item.split("/")[-1] if "observations" not in item else "observation"
    return "run" if item[0].startswith("RUNS#") else item[1].partition("#")[0]


@pytest.mark.slow
@settings(max_examples=150, deadline=None, derandomize=True)
@given(data=st.data())
def test_two_things_of_a_sort_that_changed_places_are_found(data: st.DataObject) -> None:
    desk = history()
    first = data.draw(st.sampled_from(ENDED))
    alike = [item for item in ENDED if sort_of(item) == sort_of(first) and item != first]
    second = data.draw(st.sampled_from(alike))
    stores: Any = desk.bucket if isinstance(first, str) else desk.table
    stores[first], stores[second] = stores[second], stores[data.draw(st.sampled_from((first, second)))]
    if not isinstance(first, str):  # a row's keys are its place
        for place in (first, second):
            stores[place] = stores[place] | {"pk": place[0], "sk": place[1]}
    assert found(desk) == (True, True), (first, second)
