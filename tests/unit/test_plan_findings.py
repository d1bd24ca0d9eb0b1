"""Findings say in words what stands out in a plan, to a tenant without others' numbers."""

from __future__ import annotations

from typing import Any

import pytest

from zava_server.business.plan_findings import findings
from zava_server.business.plan_tree import tree_of

INDEXES = {"orders": ["store_id, order_date", "store_id, order_id"]}


def scan(**more: Any) -> dict[str, Any]:
    """A scan of all orders that was run."""
    return {
        "Node Type": "Seq Scan",
        "Relation Name": "orders",
        "Filter": "((InitPlan 1).col1 AND (status = 'pending'::text))",
        "Plan Rows": 700,
        "Total Cost": 100.0,
        "Actual Rows": 500.0,
        "Actual Loops": 1,
        "Actual Total Time": 80.0,
        "Rows Removed by Filter": 199_500,
        **more,
    }


def kinds(plan: dict[str, Any], *, whole: bool) -> dict[str, str]:
    return {finding.kind: finding.sentence for finding in findings(plan, INDEXES, whole=whole)}


def test_a_scan_of_a_large_table_names_what_its_indexes_serve() -> None:
    sentence = kinds(scan(), whole=True)["sequential_scan"]
    assert sentence.startswith("All of orders is read, 200,000 rows.")
    assert "store_id, order_date; store_id, order_id" in sentence


def test_a_condition_without_an_index_is_named_with_the_index_that_may_help() -> None:
    sentence = kinds(scan(), whole=True)["missing_index"]
    assert "No index of orders leads to status" in sentence
    assert "(store_id, status)" in sentence


def test_a_condition_with_an_index_misses_none() -> None:
    plan = scan(Filter="((order_date > now()) AND (status = 'pending'::text))")
    assert "missing_index" not in kinds(plan, whole=True)


def test_a_small_table_may_be_read_as_it_likes() -> None:
    assert kinds(scan(**{"Rows Removed by Filter": 0}), whole=True) == {}


@pytest.mark.parametrize(("given", "expected"), [(50_000, 10), (2, 90_000)])
def test_a_wrong_estimate_is_told_with_both_numbers(given: int, expected: int) -> None:
    plan = scan(**{"Actual Rows": given, "Plan Rows": expected})
    sentence = kinds(plan, whole=True)["misestimate"]
    assert f"{expected:,}" in sentence
    assert f"{given:,}" in sentence


@pytest.mark.parametrize(
    "node",
    [
        {"Node Type": "Sort", "Sort Space Type": "Disk", "Sort Space Used": 5000},
        {"Node Type": "Aggregate", "Disk Usage": 800},
        {"Node Type": "Hash", "Temp Written Blocks": 12},
    ],
)
def test_what_goes_to_disk_is_told_to_everybody(node: dict[str, Any]) -> None:
    assert set(kinds(node, whole=False)) == {"spill"}


def test_a_tenant_reads_no_numbers_of_a_scan_and_nothing_of_estimates() -> None:
    found = kinds(scan(**{"Plan Rows": 90_000}), whole=False)
    assert set(found) == {"sequential_scan"}
    assert not any(character.isdigit() for character in found["sequential_scan"])


def test_times_of_steps_are_their_own_and_add_up_to_the_whole() -> None:
    workers = {"Node Type": "Gather", "Workers Launched": 1, "Actual Total Time": 100.0}
    plan = {
        "Node Type": "Sort",
        "Actual Total Time": 130.0,
        "Actual Rows": 5,
        "Actual Loops": 1,
        "Plans": [
            {**workers, "Actual Rows": 5, "Actual Loops": 1, "Plans": [scan(**{"Actual Loops": 2})]}
        ],
    }
    tree = tree_of(plan, whole=False)
    assert [node.time_ms for node in tree.walk()] == [30.0, 20.0, 80.0]
    assert sum(node.share or 0 for node in tree.walk()) == pytest.approx(1, abs=0.01)
    assert [node.rows for node in tree.walk()] == [5, 5, 1000]


def test_a_tenant_is_not_told_how_many_entries_of_an_index_were_read() -> None:
    plan = {
        "Node Type": "Bitmap Heap Scan",
        "Actual Total Time": 9.0,
        "Actual Rows": 5,
        "Actual Loops": 1,
        "Plans": [
            {
                "Node Type": "Bitmap Index Scan",
                "Actual Total Time": 2.0,
                "Actual Rows": 8000,
                "Actual Loops": 1,
            }
        ],
    }
    assert [node.rows for node in tree_of(plan, whole=False).walk()] == [5, None]
    assert [node.rows for node in tree_of(plan, whole=True).walk()] == [5, 8000]
