"""Rows: one suite, held to by the table in memory and by DynamoDB alike."""

from decimal import Decimal
from typing import Any

import pytest

from trueup.aws import client
from trueup.store.dynamodb import DynamoRows
from trueup.store.rows import ABSENT, Condition, Rows


def row(sk: str, pk: str = "P", **fields: Any) -> dict[str, Any]:
    return {"pk": pk, "sk": sk, **fields}


def sort_keys(found: list[dict[str, Any]]) -> list[str]:
    return [item["sk"] for item in found]


def test_a_row_comes_back_as_it_was_written(rows: Rows) -> None:
    written = row(
        "A",
        text="1.10",
        empty="",
        whole=3,
        negative=-1,
        large=10**18,
        yes=True,
        no=False,
        nothing=None,
        some=["a", 1, None, ["b"]],
        inner={"x": {"y": "z"}, "counts": {"MINOR": 0}, "list": []},
    )
    assert rows.put(written)
    read = rows.get("P", "A")
    assert read == written
    assert read is not None
    assert type(read["whole"]) is int
    assert type(read["inner"]["counts"]["MINOR"]) is int
    assert read["yes"] is True


def test_a_row_that_is_not_there_is_none(rows: Rows) -> None:
    assert rows.get("P", "A") is None


def test_what_a_caller_does_to_a_row_does_not_change_the_table(rows: Rows) -> None:
    written = row("A", inner={"x": 1})
    rows.put(written)
    written["inner"]["x"] = 2
    read = rows.get("P", "A")
    assert read is not None
    read["inner"]["x"] = 3
    (queried,) = rows.query("P")
    queried["inner"]["x"] = 4
    assert rows.get("P", "A") == row("A", inner={"x": 1})


def test_a_row_written_again_is_replaced_whole(rows: Rows) -> None:
    rows.put(row("A", old=1))
    rows.put(row("A", new=1))
    assert rows.get("P", "A") == row("A", new=1)


def test_a_row_removed_is_gone_and_removing_it_again_is_fine(rows: Rows) -> None:
    rows.put(row("A"))
    rows.delete("P", "A")
    rows.delete("P", "A")
    assert rows.get("P", "A") is None


def test_absent_means_nobody_wrote_it(rows: Rows) -> None:
    assert rows.put(row("A", by=1), ABSENT)
    assert not rows.put(row("A", by=2), ABSENT)
    assert rows.get("P", "A") == row("A", by=1)
    assert rows.put(row("B"), ABSENT)


@pytest.mark.parametrize(
    ("kind", "there", "value", "written"),
    [
        ("equals", None, "x", False),
        ("equals", {}, "x", False),
        ("equals", {"f": "x"}, "x", True),
        ("equals", {"f": "y"}, "x", False),
        ("equals", {"f": 5}, 5, True),
        ("equals", {"f": "5"}, 5, False),
        ("absent_or_equals", None, "x", True),
        ("absent_or_equals", {}, "x", False),
        ("absent_or_equals", {"f": "x"}, "x", True),
        ("absent_or_equals", {"f": "y"}, "x", False),
        ("absent_or_below", None, "b", True),
        ("absent_or_below", {}, "b", False),
        ("absent_or_below", {"f": "a"}, "b", True),
        ("absent_or_below", {"f": "b"}, "b", False),
        ("absent_or_below", {"f": "c"}, "b", False),
        ("absent_or_at_most", None, "b", True),
        ("absent_or_at_most", {}, "b", False),
        ("absent_or_at_most", {"f": "a"}, "b", True),
        ("absent_or_at_most", {"f": "b"}, "b", True),
        ("absent_or_at_most", {"f": "c"}, "b", False),
    ],
)
def test_a_condition_is_about_the_row_that_is_there_now(
    rows: Rows, kind: Any, there: dict[str, Any] | None, value: Any, written: bool
) -> None:
    if there is not None:
        rows.put(row("A", **there))
    assert rows.put(row("A", mine=True), Condition(kind, "f", value)) is written
    read = rows.get("P", "A")
    assert (read is not None and "mine" in read) is written


def test_a_condition_may_be_about_a_word_dynamodb_keeps_for_itself(rows: Rows) -> None:
    rows.put(row("A", hash="1", status="x"))
    assert rows.put(row("A", hash="2"), Condition("equals", "hash", "1"))
    assert not rows.put(row("A", hash="3"), Condition("equals", "status", "x"))


def test_all_rows_of_a_transaction_are_written_or_none(rows: Rows) -> None:
    rows.put(row("B", version="1"))
    assert rows.put_all([(row("A"), ABSENT), (row("B", version="2"), Condition("equals", "version", "1"))])
    assert not rows.put_all([(row("C"), ABSENT), (row("B", version="3"), Condition("equals", "version", "1"))])
    assert not rows.put_all([(row("C"), None), (row("A"), ABSENT)])
    assert rows.get("P", "C") is None
    assert rows.get("P", "B") == row("B", version="2")


def test_a_partition_is_read_in_order_of_its_sort_keys(rows: Rows) -> None:
    for sk in ("B", "A", "a", "AB", "A#"):
        rows.put(row(sk))
    rows.put(row("A", pk="Q"))
    assert sort_keys(rows.query("P")) == ["A", "A#", "AB", "B", "a"]
    assert sort_keys(rows.query("P", newest_first=True)) == ["a", "B", "AB", "A#", "A"]
    assert rows.query("nobody") == []


def test_a_prefix_selects(rows: Rows) -> None:
    for sk in ("CHAIN", "REPORT#1", "REPORT#2", "REPORTS"):
        rows.put(row(sk))
    assert sort_keys(rows.query("P", prefix="REPORT#")) == ["REPORT#1", "REPORT#2"]
    assert sort_keys(rows.query("P", prefix="REPORT#", newest_first=True, limit=1)) == ["REPORT#2"]
    assert rows.query("P", prefix="X") == []


def test_a_range_has_both_ends_included(rows: Rows) -> None:
    for sk in "ABCDE":
        rows.put(row(sk))
    assert sort_keys(rows.query("P", between=("B", "D"))) == ["B", "C", "D"]
    assert sort_keys(rows.query("P", between=("BB", "D~"), newest_first=True, limit=1)) == ["D"]


def test_a_limit_is_kept(rows: Rows) -> None:
    for sk in "ABC":
        rows.put(row(sk))
    assert sort_keys(rows.query("P", limit=2)) == ["A", "B"]
    assert sort_keys(rows.query("P", limit=9)) == ["A", "B", "C"]


def test_more_than_one_megabyte_of_rows_is_read_page_by_page(rows: Rows) -> None:
    expected = [f"{number:03}" for number in range(8)]
    for sk in expected:
        rows.put(row(sk, filler="x" * 300_000))
    assert sort_keys(rows.query("P")) == expected
    assert sort_keys(rows.query("P", newest_first=True)) == expected[::-1]
    assert sort_keys(rows.query("P", limit=6)) == expected[:6]


def test_letters_of_every_kind_survive(rows: Rows) -> None:
    rows.put(row("ü→😀", text="ü→😀"))
    assert rows.get("P", "ü→😀") == row("ü→😀", text="ü→😀")


def test_the_tables_key_is_the_one_rows_are_written_with(table_properties: dict[str, Any]) -> None:
    assert {key["KeyType"]: key["AttributeName"] for key in table_properties["KeySchema"]} == {
        "HASH": "pk",
        "RANGE": "sk",
    }
    assert table_properties["TimeToLiveSpecification"] == {"AttributeName": "expires_at", "Enabled": True}


def test_a_number_somebody_changed_to_a_fraction_is_not_read_as_whole(dynamo_rows: DynamoRows) -> None:
    client("dynamodb").put_item(
        TableName=dynamo_rows._table, Item={"pk": {"S": "P"}, "sk": {"S": "A"}, "seq": {"N": "1.5"}, "n": {"N": "2.0"}}
    )
    assert dynamo_rows.get("P", "A") == row("A", seq=Decimal("1.5"), n=2)
