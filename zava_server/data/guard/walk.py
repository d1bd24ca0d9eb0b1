"""Visits every node of a parse tree and refuses whatever the policy does not list."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from postgast import pg_query_pb2

from zava_server.data.guard.rejection import construct, rejected
from zava_server.data.guard.tree import too_deep

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from zava_server.data.guard.policy import SqlPolicy
    from zava_server.infrastructure.errors import QueryRejected

    Fields = dict[str, Any]
    Check = Callable[["Visit", Fields], None]
    Level = list[tuple[str, Fields, frozenset[str], int | None]]
    """Nodes to visit: kind, fields, CTE names in scope, position of the nearest node around."""

_NODE = "Node"
_LOCKING = re.compile(rb"\bfor\s+(no\s+key\s+update|key\s+share|update|share)\b", re.IGNORECASE)


@dataclass(slots=True)
class Visit:
    """One walk over one statement: where it stands, and what it found."""

    policy: SqlPolicy
    text: bytes
    at: int | None = None
    """Byte position of the node in hand, or of the nearest one around it."""
    ctes: frozenset[str] = frozenset()
    """CTE names that an unqualified relation may mean here."""
    relations: set[str] = field(default_factory=set)
    table_functions: dict[str, frozenset[str]] = field(default_factory=dict)
    """Alias of a function in FROM to the names of its columns."""
    tables: dict[str, frozenset[str] | None] = field(default_factory=dict)
    """Alias of a table to the columns that it may have; None where it may be a CTE as well."""
    named: set[str] = field(default_factory=set)
    """Names that the statement gives to columns."""
    qualified: list[tuple[str, str, int | None]] = field(default_factory=list)
    """Columns written `alias.column`, with their position."""
    selects: int = 0
    columns: int = 0
    windows: int = 0
    grows: bool = False
    """Whether something in it builds long values, works on them, or is copied by PostgreSQL."""

    def refuse(self, sentence: str, hint: str | None = None) -> QueryRejected:
        """The error for the node in hand."""
        return rejected(self.text, self.at, sentence, hint)

    def refuse_construct(self, key: str, fields: Fields) -> QueryRejected:
        """The error for a node, field or word that the policy does not list."""
        name, hint = construct(key)
        if self.at is None:
            self.at = first_position(fields)
        if self.at is None and key.endswith("lockingClause"):
            # The grammar does not say where.
            found = list(_LOCKING.finditer(self.text))
            self.at = found[-1].start() if found else None
        return self.refuse(f"{name} is not allowed", hint)


@dataclass(frozen=True, slots=True)
class _Plan:
    """What to do with one kind of node."""

    fields: frozenset[str]
    children: Mapping[str, str | None]
    """Field to the kind of node in it; None where the node itself says its kind."""
    choices: tuple[tuple[str, frozenset[str]], ...]
    check: Check | None
    leaf: bool
    """Nothing below it but plain values, and nothing to ask."""


class Walker:
    """Walks parse trees under one policy.

    `checks` names what to ask of a kind of node beyond its shape.
    """

    def __init__(self, policy: SqlPolicy, checks: Mapping[str, Check]) -> None:
        self._depth = policy.limits.depth
        self._selects = policy.limits.selects
        self._plans = {name: _plan(name, policy, checks.get(name)) for name in policy.nodes}
        # Most nodes are such; they are looked at where they stand.
        self._leaves = {name: plan.fields for name, plan in self._plans.items() if plan.leaf}

    def walk(self, tree: Fields, visit: Visit) -> None:
        """Visits everything in `tree`, the outermost first; raises QueryRejected."""
        plans, leaves = self._plans, self._leaves
        level: Level = [(*only(tree), frozenset(), None)]
        for _ in range(self._depth):
            below: Level = []
            for name, fields, ctes, outer in level:
                at = fields.get("location", outer)
                if at == -1:
                    at = outer
                visit.at = at
                plan = plans.get(name)
                if plan is None:
                    raise visit.refuse_construct(name, fields)
                if plan.choices or not fields.keys() <= plan.fields:
                    _require_listed(plan, name, fields, visit)
                if name == "SelectStmt":
                    ctes_here = len(fields.get("withClause", {}).get("ctes", ()))
                    visit.selects += 1
                    if visit.selects + ctes_here > self._selects:
                        raise visit.refuse(
                            f"There are more than {self._selects} sub-queries",
                            "Join or group instead.",
                        )
                    ctes = self._open_scope(fields, ctes, at, below)
                visit.ctes = ctes
                if plan.check is not None:
                    plan.check(visit, fields)
                children = plan.children
                for key, value in fields.items():
                    if key not in children:
                        continue
                    kind = children[key]
                    for child in value if type(value) is list else (value,):
                        # An empty object is PostgreSQL's NULL, as in `a[:2]` or DISTINCT.
                        for inner, parts in child.items() if kind is None else ((kind, child),):
                            allowed = leaves.get(inner)
                            if allowed is None:
                                below.append((inner, parts, ctes, at))
                            elif not parts.keys() <= allowed:
                                _require_listed(plans[inner], inner, parts, visit)
            if not below:
                return
            level = below
        raise too_deep()

    def _open_scope(
        self,
        fields: Fields,
        ctes: frozenset[str],
        at: int | None,
        below: Level,
    ) -> frozenset[str]:
        """The CTE names that a SELECT's own parts may use; queues its WITH clause.

        As PostgreSQL has it: a CTE sees those before it, under RECURSIVE all of its clause.
        """
        clause = fields.get("withClause")
        if clause is None:
            return ctes
        below.append(("WithClause", clause, ctes, at))
        named = [(wrapped, name) for wrapped in clause["ctes"] for name in _cte_names(wrapped)]
        everything = ctes.union(name for _, name in named)
        seen = ctes
        for wrapped, name in named:
            scope = everything if clause.get("recursive") else seen
            below.append((*only(wrapped), scope, at))
            seen |= {name}
        return everything


def only(wrapped: Fields) -> tuple[str, Fields]:
    """A `{node: fields}` object as a pair."""
    ((name, fields),) = wrapped.items()
    return name, fields


def first_position(fields: Fields) -> int | None:
    """The smallest byte position that anything in a node gives."""
    positions = []
    pending: list[Any] = [fields]
    while pending:
        value = pending.pop()
        if isinstance(value, list):
            pending.extend(value)
        elif isinstance(value, dict):
            if value.get("location", -1) >= 0:
                positions.append(value["location"])
            pending.extend(value.values())
    return min(positions, default=None)


def _cte_names(wrapped: Fields) -> Iterator[str]:
    yield only(wrapped)[1].get("ctename", "")


def _require_listed(plan: _Plan, name: str, fields: Fields, visit: Visit) -> None:
    if not fields.keys() <= plan.fields:
        unlisted = min(fields.keys() - plan.fields)
        raise visit.refuse_construct(f"{name}.{unlisted}", {unlisted: fields[unlisted]})
    for choice, allowed in plan.choices:
        if fields.get(choice) not in allowed:
            raise visit.refuse_construct(f"{name}.{choice}={fields.get(choice)}", fields)


def _plan(name: str, policy: SqlPolicy, check: Check | None) -> _Plan:
    messages = pg_query_pb2.DESCRIPTOR.message_types_by_name
    allowed = policy.nodes[name]
    described = {f.json_name: f for f in messages[name].fields}
    if unknown := allowed - described.keys():
        raise ValueError(f"{name} has no field {', '.join(sorted(unknown))}")
    children = {
        key: f.message_type.name
        for key, f in described.items()
        if key in allowed and f.message_type is not None
    }
    choices = tuple((key, words) for (node, key), words in policy.choices.items() if node == name)
    # A_Const holds an Integer, a String and the like, which hold one plain value each.
    plain = all(
        part in policy.nodes
        and policy.nodes[part].issuperset(f.json_name for f in messages[part].fields)
        and not any(f.message_type for f in messages[part].fields)
        for part in children.values()
    )
    return _Plan(
        fields=allowed,
        # _open_scope sees to the WITH clause and its CTEs.
        children={
            key: None if part == _NODE else part
            for key, part in children.items()
            if part != "WithClause" and name != "WithClause"
        },
        choices=choices,
        check=check,
        leaf=plain and not choices and check is None,
    )
