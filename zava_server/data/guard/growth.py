"""How far nested sub-queries multiply each other's expressions.

PostgreSQL's planner replaces a sub-query's columns by their expressions. `SELECT v + v AS v FROM
(SELECT v + v AS v FROM …)` doubles at each step, and 24 steps keep it busy for minutes, in which no
timeout, cancellation or termination reaches it (measured on PostgreSQL 18). Values made with `||`
grow the same way. Counted here is how many column references the largest expression would
have after all replacements: generously, by name and without scopes, so never too few.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from zava_server.data.guard.names import strings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from zava_server.data.guard.policy import SqlPolicy

    Node = dict[str, Any]

# Beyond this nobody needs the number; it keeps the integers small.
_ENOUGH = 1 << 40
_STAR = 10


def worst_case(columns: int, selects: int) -> int:
    """An upper bound that costs nothing: the references spread evenly over the queries."""
    if selects < 2:
        return 1
    each = columns / selects + 1
    return _ENOUGH if selects > 40 else min(int(each**selects), _ENOUGH)


@dataclass(slots=True)
class Growth:
    """References to columns of tables behind each name of the statement."""

    policy: SqlPolicy
    largest: int = 1
    _weights: dict[str, int] = field(default_factory=dict)
    _unnamed: int = 1
    """The largest of expressions whose name PostgreSQL makes up."""
    _totals: dict[int, int] = field(default_factory=dict)
    """SELECT (by identity) to all references in it."""
    _outputs: dict[int, list[int]] = field(default_factory=dict)
    """SELECT (by identity) to the weights of its columns."""

    def measure(self, tree: Node) -> None:
        """Takes in a whole statement, inner queries before the outer ones that use them."""
        pending: list[tuple[Node, Node | None, bool]] = [(tree["SelectStmt"], None, False)]
        while pending:
            select, alias, ready = pending.pop()
            if not ready:
                pending.append((select, alias, True))
                pending.extend(reversed([(s, a, False) for s, a in _inner_selects(select)]))
                continue
            self._measure_select(select)
            if alias is not None:
                self._name_outputs(alias, self._outputs[id(select)])

    def _measure_select(self, select: Node) -> None:
        self._name_sources(select.get("fromClause", []))
        halves = [select[side] for side in ("larg", "rarg") if side in select]
        rows = [row["List"]["items"] for row in select.get("valuesLists", [])]
        if halves:
            outputs = _columnwise([self._outputs[id(half)] for half in halves])
        elif rows:
            outputs = _columnwise([[self._weigh(item) for item in row] for row in rows])
        else:
            outputs = [self._name_target(t["ResTarget"]) for t in select.get("targetList", [])]
        total = sum(self._totals[id(half)] for half in halves)
        total += sum(self._weigh(v) for k, v in select.items() if k not in ("larg", "rarg"))
        self._outputs[id(select)] = outputs
        self._totals[id(select)] = min(total, _ENOUGH)
        self.largest = max(self.largest, *outputs, 1)

    def _name_target(self, target: Node) -> int:
        value = target["val"]
        weight = self._weigh(value)
        name = target.get("name")
        if name is None and "ColumnRef" in value:
            name = strings(value["ColumnRef"]["fields"])[-1]
        if name is None:
            self._unnamed = max(self._unnamed, weight)
        else:
            self._raise(name, weight)
        return weight

    def _name_sources(self, sources: list[Node]) -> None:
        pending = list(sources)
        while pending:
            source = pending.pop()
            if "JoinExpr" in source:
                join = source["JoinExpr"]
                pending += [join["larg"], join["rarg"]]
                if "alias" in join:
                    self._name_outputs(join["alias"], [self.largest])
            elif "RangeVar" in source:
                table = source["RangeVar"]
                if "alias" in table:
                    weight = self._weights.get(table["relname"], 1)
                    self._name_outputs(table["alias"], [weight])
            elif "RangeFunction" in source:
                self._name_outputs(source["RangeFunction"].get("alias", {}), [1])

    def _name_outputs(self, alias: Node, outputs: list[int]) -> None:
        # A star hides how many columns there are, so a new name may stand for any of them.
        exact = len(outputs) == len(alias.get("colnames", []))
        for position, name in enumerate(strings(alias.get("colnames", []))):
            self._raise(name, outputs[position] if exact else max(outputs, default=1))
        # The whole row.
        self._raise(alias.get("aliasname", ""), sum(outputs))

    def _raise(self, name: str, weight: int) -> None:
        self._weights[name] = max(self._weights.get(name, 1), weight)

    def _weigh(self, expression: Any) -> int:
        """References in an expression, each counted with what stands behind it."""
        weight = 0
        pending = [expression]
        while pending:
            node = pending.pop()
            if isinstance(node, list):
                pending.extend(node)
            elif isinstance(node, dict):
                for key, value in node.items():
                    if key == "ColumnRef":
                        weight += self._behind(strings(value["fields"]))
                    elif key == "SelectStmt":
                        weight += self._totals.get(id(value), 0)
                    elif key == "FuncCall" and self._is_computed_once(value):
                        weight += 1
                    else:
                        pending.append(value)
        return min(weight, _ENOUGH)

    def _behind(self, parts: list[str]) -> int:
        name = parts[-1]
        if name:
            known = 1 if name in self.policy.attributes else self._unnamed
            return self._weights.get(name, known)
        if len(parts) > 1:
            return max(self._weights.get(parts[-2], 1), _STAR)
        return max(self.largest, _STAR)

    def _is_computed_once(self, call: Node) -> bool:
        return "over" in call or strings(call["funcname"])[-1] in self.policy.aggregates


def _columnwise(rows: list[list[int]]) -> list[int]:
    return [max(column) for column in zip(*rows, strict=False)]


def _inner_selects(select: Node) -> Iterator[tuple[Node, Node | None]]:
    """The queries right inside `select` in the order of the text, with the alias of each."""
    for side in ("larg", "rarg"):
        if side in select:
            yield select[side], None
    first = ("withClause", "fromClause")
    rest = [key for key in select if key not in (*first, "larg", "rarg")]
    pending: list[tuple[Any, Node | None]] = []
    pending += [(select[key], None) for key in reversed((*first, *rest)) if key in select]
    while pending:
        node, alias = pending.pop()
        if isinstance(node, list):
            pending.extend((item, alias) for item in reversed(node))
        elif isinstance(node, dict):
            for key, value in reversed(node.items()):
                if key == "RangeSubselect":
                    pending.append((value["subquery"], value.get("alias")))
                elif key == "CommonTableExpr":
                    named = {
                        "aliasname": value["ctename"],
                        "colnames": value.get("aliascolnames", []),
                    }
                    pending.append((value["ctequery"], named))
                elif key != "SelectStmt":
                    pending.append((value, None))
            if "SelectStmt" in node:
                yield node["SelectStmt"], alias
