"""What stands out in a plan, in plain words."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from zava_server.business.plan_tree import actual_rows

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

# These grow with every sale. How large they are now is not everybody's to know.
_GROWING = frozenset({"orders", "order_items", "customers"})
_MANY_ROWS = 10_000
_FAR_OFF = 10
_WORTH_ESTIMATING = 1_000
_COMPARED = re.compile(r"\(?\b([a-z_]+)\)?(?:::[a-z ]+)? (?:=|<|>|<=|>=|~~|~~\*|IS) ")


@dataclass(frozen=True, slots=True)
class Finding:
    """`kind` is `sequential_scan`, `missing_index`, `misestimate` or `spill`."""

    kind: str
    sentence: str


def findings(
    plan: Mapping[str, Any], indexes: Mapping[str, Sequence[str]], *, whole: bool
) -> list[Finding]:
    """What stands out, without repeating itself; numbers of other stores only where `whole`."""
    found = (finding for node in _walk(plan) for finding in _of(node, indexes, whole=whole))
    return list(dict.fromkeys(found))


def _walk(plan: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    yield plan
    for child in plan.get("Plans", ()):
        yield from _walk(child)


def _of(
    node: Mapping[str, Any], indexes: Mapping[str, Sequence[str]], *, whole: bool
) -> Iterator[Finding]:
    if node["Node Type"] == "Seq Scan":
        yield from _sequential_scan(node, indexes.get(node["Relation Name"], ()), whole=whole)
    if whole:
        yield from _misestimate(node)
    yield from _spill(node)


def _sequential_scan(
    node: Mapping[str, Any], indexes: Sequence[str], *, whole: bool
) -> Iterator[Finding]:
    relation = node["Relation Name"]
    read = _rows_read(node) if whole else None
    is_large = relation in _GROWING if read is None else read >= _MANY_ROWS
    if not is_large:
        return
    count = f", {read:,} rows" if read is not None else ""
    served = f" Its indexes serve conditions on: {'; '.join(indexes)}." if indexes else ""
    yield Finding("sequential_scan", f"All of {relation} is read{count}.{served}")
    condition = node.get("Filter", "") if whole else ""
    columns = [name for name in _COMPARED.findall(condition) if name != "store_id"]
    wanted = list(dict.fromkeys(columns))
    led = {name for index in indexes for name in index.split(", ")[:2]}
    missing = [name for name in wanted if name not in led]
    if wanted and len(missing) == len(wanted):
        given = actual_rows(node)
        kept = "" if given is None else f" to find {given:,} rows"
        yield Finding(
            "missing_index",
            f"No index of {relation} leads to {', '.join(missing)}, so all of it is read{kept}: "
            f"an index on ({', '.join(['store_id', *missing])}) may help.",
        )


def _rows_read(node: Mapping[str, Any]) -> int | None:
    given = actual_rows(node)
    if given is None:
        return None
    removed: float = node.get("Rows Removed by Filter", 0) * node["Actual Loops"]
    return given + round(removed)


def _misestimate(node: Mapping[str, Any]) -> Iterator[Finding]:
    given, loops = actual_rows(node), node.get("Actual Loops", 0)
    if given is None or not loops:
        return
    expected = round(node["Plan Rows"] * loops)
    most, least = max(given, expected), max(min(given, expected), 1)
    if most < _WORTH_ESTIMATING or most / least < _FAR_OFF:
        return
    what = node.get("Relation Name") or node["Node Type"].lower()
    advice = (
        f" Run ANALYZE retail.{what}, or state the condition more simply."
        if "Relation Name" in node
        else " The steps below it tell where the estimate went wrong."
    )
    yield Finding(
        "misestimate", f"PostgreSQL expected {expected:,} rows of {what} and got {given:,}.{advice}"
    )


def _spill(node: Mapping[str, Any]) -> Iterator[Finding]:
    advice = "Sort or group fewer rows or columns, or aggregate before."
    if node.get("Sort Space Type") == "Disk":
        size = f" ({node['Sort Space Used']:,} kB)" if "Sort Space Used" in node else ""
        yield Finding("spill", f"A sort does not fit into memory and goes to disk{size}. {advice}")
    elif node.get("Disk Usage"):
        yield Finding("spill", f"Groups do not fit into memory and go to disk. {advice}")
    elif node["Node Type"] == "Hash" and node.get("Temp Written Blocks"):
        yield Finding(
            "spill",
            "A join's table does not fit into memory and goes to disk. Narrow the joined rows or "
            "columns before the join.",
        )
