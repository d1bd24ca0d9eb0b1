"""Which arguments and operands keep PostgreSQL's work on them bounded, as far as SQL text shows."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from zava_server.data.guard.names import strings
from zava_server.data.guard.policy import Argument

if TYPE_CHECKING:
    from zava_server.data.guard.policy import SqlPolicy
    from zava_server.data.guard.walk import Visit

    Node = dict[str, Any]

# `%-1000s`, `%3$1000s` and `%*s`, which takes its width from an argument.
_SHORT_LITERAL = 100
_WIDE_PLACEHOLDER = re.compile(r"%(?:\d+\$)?-?(?:\d{4,}[^$\d]|\*)")

# `$.items[*] ? (@.price > 10).sku`, which looks at each part of a document once.
_STEP = r"""\.[A-Za-z_]\w*|\."[^"\\]*"|\[\*\]|\[(?:\d+|last)(?: to (?:\d+|last))?\]"""
_TEST = rf"""@(?:{_STEP})*\s*(?:==|!=|<>|<=?|>=?)\s*(?:-?\d+(?:\.\d+)?|"[^"\\]*"|true|false|null)"""
_FILTER = rf"\s*\?\s*\(\s*{_TEST}(?:\s*(?:&&|\|\|)\s*{_TEST})*\s*\)"
_PLAIN_PATH = re.compile(rf"\s*(?:(?:lax|strict)\s+)?\$(?:{_STEP}|{_FILTER})*\s*", re.ASCII)


def require(visit: Visit, what: str, bound: Argument, node: Node) -> None:
    """Refuses an argument that does not fit `bound`."""
    match bound:
        case Argument.LENGTH:
            require_length(visit, what, node)
        case Argument.TEMPLATE:
            _require_template(visit, what, node)


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


def is_short_literal(node: Node) -> bool:
    """A value so short that searching any value of the statement for it is no work."""
    written = node.get("A_Const", {})
    return bool(written) and len(written.get("sval", {}).get("sval", "")) <= _SHORT_LITERAL


def is_plain_path(policy: SqlPolicy, node: Node) -> bool:
    """A written-out JSON path that compares parts of a document with nothing but constants."""
    if "TypeCast" in node:
        node = node["TypeCast"]["arg"]
    path = _literal(node)
    if path is None or len(path) > policy.limits.literal:
        return False
    return _PLAIN_PATH.fullmatch(path) is not None


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
