"""Which arguments and operands keep PostgreSQL's work on them bounded, as far as SQL text shows."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from zava_server.data.guard.names import strings
from zava_server.data.guard.policy import Argument

if TYPE_CHECKING:
    from zava_server.data.guard.growth import Growth
    from zava_server.data.guard.policy import SqlPolicy
    from zava_server.data.guard.walk import Visit

    Node = dict[str, Any]

# `%-1000s`, `%3$1000s` and `%*s`, which takes its width from an argument.
_WIDE_PLACEHOLDER = re.compile(r"%(?:\d+\$)?-?(?:\d{4,}[^$\d]|\*)")
_TRUNCATING = {"left": 1, "right": 1, "substr": 2, "substring": 2}
_PADDED = frozenset({"varchar", "bpchar"})
_RANGES = frozenset({"int4range", "int8range", "numrange", "tsrange", "tstzrange", "daterange"})


def require(visit: Visit, what: str, bound: Argument, *nodes: Node) -> None:
    """Refuses `nodes` unless they fit `bound`; of several, one must.

    Whether a value is short only the whole statement shows, so that waits for its end.
    """
    match bound:
        case Argument.LENGTH:
            require_length(visit, what, nodes[0])
        case Argument.TEMPLATE:
            _require_template(visit, what, nodes[0])
        case Argument.SHORT:
            visit.short.append((what, list(nodes), visit.at))


def require_length(visit: Visit, what: str, node: Node) -> None:
    """A small whole number, or LEAST of anything and one."""
    most = visit.policy.limits.length
    if "MinMaxExpr" in node and node["MinMaxExpr"]["op"] == "IS_LEAST":
        lengths = [constant(argument) for argument in node["MinMaxExpr"]["args"]]
    else:
        lengths = [constant(node)]
    if not any(length is not None and length <= most for length in lengths):
        raise visit.refuse(
            f"{what} must be at most {most:,} and written out",
            f"Use least(…, {most}) around a computed length.",
        )


def _require_template(visit: Visit, what: str, node: Node) -> None:
    template = _literal(node)
    if template is None or len(template) > visit.policy.limits.literal:
        raise visit.refuse(f"{what} must be a written-out string, not a long one")
    if _WIDE_PLACEHOLDER.search(template):
        raise visit.refuse(f"{what} has a placeholder with a long or computed width")


def require_series(visit: Visit, given: list[Node]) -> None:
    """No more rows than allowed between constants; the time limit holds for computed bounds."""
    bounds = [constant(node) for node in given[:3]]
    if len(bounds) < 3:
        bounds.append(1.0)
    start, stop, step = bounds
    if start is None or stop is None or not step:
        return
    most = visit.policy.limits.series
    if (stop - start) / step > most:
        raise visit.refuse(
            f"generate_series would make more than {most:,} rows", "Use closer bounds."
        )


def require_short(visit: Visit, growth: Growth) -> None:
    """Refuses the statement when something in it must be short and may not be."""
    for what, nodes, at in visit.short:
        if not any(_is_short(visit, growth, node) for node in nodes):
            visit.at = at
            raise visit.refuse(
                f"{what} must be short, and cannot be shown to be in this statement",
                "Write it out, or shorten it: left(x, 200).",
            )


def _is_short(visit: Visit, growth: Growth, node: Node) -> bool:
    limits = visit.policy.limits
    # Columns are as short as the data, unless the statement itself makes long values.
    columns_are_short = not visit.builders and growth.largest <= limits.short_growth
    parts = length = 0
    pending: list[Any] = [node]
    while pending:
        expression = pending.pop()
        if isinstance(expression, list):
            pending.extend(expression)
        elif isinstance(expression, dict):
            cut = _cut_to(expression)
            if cut is not None:
                length += cut
                continue
            if "A_Const" in expression:
                written = len(_literal(expression) or "")
                if written > limits.literal:
                    return False
                parts += 1
                length += written
            elif ("ColumnRef" in expression or "SelectStmt" in expression) and (
                not columns_are_short
            ):
                return False
            pending.extend(expression.values())
    return columns_are_short or (parts <= limits.short_parts and length <= limits.short_length)


def _cut_to(expression: Node) -> int | None:
    """The length of what is short whatever is in it: left(…, 200), …::varchar(200), a range."""
    if "FuncCall" in expression:
        call = expression["FuncCall"]
        name = strings(call["funcname"])[-1]
        if name in _RANGES:
            return 0
        position = _TRUNCATING.get(name)
        given = call.get("args", [])
        if position is None or position >= len(given):
            return None
        length = given[position]
    elif "TypeCast" in expression:
        cast = expression["TypeCast"]["typeName"]
        modifiers = cast.get("typmods", [])
        if not _is_type(cast, _PADDED) or len(modifiers) != 1:
            return None
        length = modifiers[0]
    else:
        return None
    # A number, not a string: substring(text, pattern, '5') is another function. And not below
    # zero: left(text, -1) leaves out one character.
    written = length.get("A_Const", {}).get("ival")
    count = -1 if written is None else int(written.get("ival", 0))
    return count if count >= 0 else None


def constant(node: Node) -> float | None:
    """The number that a literal, perhaps negated or cast, stands for; else None."""
    sign = 1.0
    while True:
        if "TypeCast" in node:
            node = node["TypeCast"]["arg"]
        elif "A_Expr" in node and "lexpr" not in node["A_Expr"]:
            if strings(node["A_Expr"]["name"])[-1] == "-":
                sign = -sign
            node = node["A_Expr"].get("rexpr", {})
        else:
            break
    value = node.get("A_Const", {})
    if "ival" in value:
        return sign * int(value["ival"].get("ival", 0))
    written = value.get("fval", {}).get("fval") or value.get("sval", {}).get("sval")
    try:
        return sign * float(written) if written else None
    except ValueError:
        return None


def _literal(node: Node) -> str | None:
    value = node.get("A_Const", {}).get("sval")
    return None if value is None else str(value.get("sval", ""))


def is_number(policy: SqlPolicy, node: Node) -> bool:
    """Whether an operand is plainly a number: a numeric literal or a cast to a number type."""
    if "A_Expr" in node and "lexpr" not in node["A_Expr"]:
        return is_number(policy, node["A_Expr"].get("rexpr", {}))
    if "TypeCast" in node:
        return _is_type(node["TypeCast"]["typeName"], policy.number_types)
    return bool(node.get("A_Const", {}).keys() & {"ival", "fval"})


def is_vector(_: SqlPolicy, node: Node) -> bool:
    """Whether an operand is plainly a vector."""
    return "TypeCast" in node and _is_type(node["TypeCast"]["typeName"], frozenset({"vector"}))


def _is_type(type_name: Node, names: frozenset[str]) -> bool:
    return strings(type_name["names"])[-1] in names and "arrayBounds" not in type_name
