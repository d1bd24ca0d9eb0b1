"""How far a statement outgrows its text: copies of its expressions, and the length of its values.

PostgreSQL copies expressions. Its parser does for `x BETWEEN a AND b` or `x IN (…)`, its planner
puts the expressions of a sub-query in place of its columns: `SELECT v + v AS v FROM (SELECT v + v
AS v FROM …)` doubles at each step, and so does BETWEEN inside BETWEEN. Some twenty steps keep it
busy for minutes, in which no timeout, cancellation or termination reaches it (measured on
PostgreSQL 18). Nor does one reach a function that is at work on a long value, such as LIKE with
a pattern of 400 characters on a text of 100 MB.

Both are estimated here from above, by name and without scopes, so never too low.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from zava_server.data.guard.arguments import constant, is_plain_path
from zava_server.data.guard.explanations import SHOWN_OPERATORS
from zava_server.data.guard.names import strings
from zava_server.data.guard.rejection import quoted
from zava_server.data.guard.sizes import (
    ENOUGH,
    NOTHING,
    Output,
    Size,
    columnwise,
    definitions,
    everything,
    figured,
)
from zava_server.data.guard.walk import only

if TYPE_CHECKING:
    from collections.abc import Callable

    from zava_server.data.guard.walk import Visit

    Node = dict[str, Any]

_WIDEST_ROW = 1_664
_TABLE_COLUMNS = 16
# A text column of the schema, from above: they are names and descriptions.
_COLUMN_CHARACTERS = 1_000
# `1e131071`, as a number of any type.
_MOST_DIGITS = 150_000
_EXPONENT = re.compile(r"\d[eE]\+?\d{3}")
# What aggregates and recursion make is bounded by the database's memory alone.
_UNBOUNDED = 300_000_000
_SHORT_VALUE = 64
# A JSON path may compare every part of a document with every other.
_WITH_ITSELF = (0, 0)
_SLOW = 8
# Beside its own characters; escaping doubles each quote, at each step again.
_QUOTED = 2
_COLUMN = Size(1, 1, _COLUMN_CHARACTERS, 0)
_BESIDE_ARGUMENTS = ("agg_order", "agg_filter", "over")


def worst_case(columns: int, selects: int) -> int:
    """An upper bound of copies that costs nothing: references spread evenly over the queries."""
    if selects < 2:
        return 1
    each = columns / selects + 1
    return ENOUGH if selects > 40 else min(int(each**selects), ENOUGH)


class Growth:
    """Measures one statement; inner queries before the outer ones that use them."""

    def __init__(self, visit: Visit) -> None:
        self._visit = visit
        self._policy = visit.policy
        self._names: dict[str, Size] = {}
        self._rows: dict[str, Size] = {}
        """Whole rows, by the alias of their source."""
        self._read: dict[str, int | None] = {}
        """Relations of the query in hand, with their byte position."""
        self._unnamed = _COLUMN
        """The largest of expressions whose name PostgreSQL makes up."""
        self.hardest: tuple[str, int | None] = ("", None)
        """The function or operator that has most to do, and its byte position."""
        self.copied_at: int | None = None
        """The byte position of what is copied too often, if it is an operator's or function's."""
        self._hardest = 0
        self._spent = 0
        """Work that is not repeated where its result is."""
        self._aggregates = 0
        """How many aggregates stand around the expression in hand."""
        self._handlers: dict[str, Callable[[Node], Size]] = {
            "A_Const": self._constant,
            "A_Expr": self._operation,
            "A_Indirection": self._indirection,
            "ColumnRef": self._reference,
            "FuncCall": self._call,
            "JsonArrayQueryConstructor": self._twice,
            "JsonArrayAgg": self._json_aggregate,
            "JsonFuncExpr": self._json_path,
            "JsonObjectAgg": self._json_aggregate,
            "JsonIsPredicate": self._twice,
            "JsonParseExpr": self._twice,
            "RowExpr": self._quoted,
            "SelectStmt": lambda select: self._select(select)[0],
            "SubLink": self._sub_link,
            "TypeCast": self._cast,
        }

    def measure(self, tree: Node) -> Size:
        """The whole statement's size. Raises QueryRejected for work on two long values."""
        return self._size(tree).working(self._spent)

    def _size(self, value: Any) -> Size:
        nodes = inside = characters = work = 0
        pending = [value]
        while pending:
            part = pending.pop()
            if type(part) is list:
                pending.extend(part)
            elif type(part) is dict:
                if "raw_expr" in part:
                    sizes = [self._json_value(part)]
                else:
                    sizes = []
                    for key, inner in part.items():
                        handler = self._handlers.get(key)
                        if handler is not None:
                            sizes.append(handler(inner))
                        elif type(inner) is dict:
                            pending.append(inner)
                            nodes += 1
                            inside += 1
                        elif type(inner) is list:
                            pending.extend(inner)
                for size in sizes:
                    nodes += size[0]
                    inside += size[1]
                    characters += size[2]
                    work += size[3]
        return Size(nodes, inside, characters, work).limited()

    # Queries -------------------------------------------------------------------------------------

    def _select(self, select: Node) -> tuple[Size, list[Output]]:
        total = self._with(select.get("withClause", {}))
        sources = [self._source(source) for source in select.get("fromClause", [])]
        row = NOTHING
        for size, columns in sources:
            total += size
            row += columns
        halves = [self._select(select[side]) for side in ("larg", "rarg") if side in select]
        for size, _ in halves:
            total += size
        outputs = columnwise([columns for _, columns in halves])
        rows = [
            [self._output(item, None) for item in values["List"]["items"]]
            for values in select.get("valuesLists", [])
        ]
        if rows:
            outputs = columnwise(rows)
        for target in select.get("targetList", []):
            outputs.append(self._output(target["ResTarget"]["val"], target["ResTarget"], row))
        done = ("withClause", "fromClause", "larg", "rarg", "valuesLists", "targetList")
        for output in outputs if not rows else [output for values in rows for output in values]:
            total += output.size
        total += self._size([part for key, part in select.items() if key not in done])
        return total, outputs

    def _output(self, value: Node, target: Node | None, row: Size = NOTHING) -> Output:
        if "ColumnRef" in value and "A_Star" in value["ColumnRef"]["fields"][-1]:
            star = row.either(self._rows.get((strings(value["ColumnRef"]["fields"]))[0], row))
            # Its columns keep their names, and what those stand for.
            return Output(frozenset(), star, named=True, star=True)
        size = self._size(value)
        if target is not None and "name" in target:
            return Output(frozenset({target["name"]}), size, named=True)
        return Output(figured(value), size, named=False)

    def _with(self, clause: Node) -> Size:
        total = NOTHING
        recursive = clause.get("recursive", False)
        ctes = [only(wrapped)[1] for wrapped in clause.get("ctes", [])]
        later = {cte["ctename"] for cte in ctes}
        for cte in ctes:
            name = cte["ctename"]
            later.discard(name)
            around, self._read = self._read, {}
            size, outputs = self._select(only(cte["ctequery"])[1])
            if recursive:
                self._require_none_read(later)
            if cte.get("ctematerialized") == "CTEMaterializeAlways":
                once = {"nodes": 1, "inside": 1, "work": 0}
                outputs = [o._replace(size=o.size._replace(**once)) for o in outputs]
            if recursive and name in self._read:
                outputs = [o._replace(size=o.size.valued(_UNBOUNDED)) for o in outputs]
            self._read = {**around, **self._read}
            if cte.keys() & {"search_clause", "cycle_clause"}:
                # The query is written once more around itself, with rows of its columns.
                size = size.times(4)
                outputs = [o._replace(size=o.size.times(4)) for o in outputs]
            total += size
            alias = {"aliasname": name, "colnames": cte.get("aliascolnames", [])}
            self._name(alias, outputs)
        return total

    def _require_none_read(self, later: set[str]) -> None:
        """A CTE reads itself and those before it, so that each is measured before its readers."""
        for name in self._read.keys() & later:
            self._visit.at = self._read[name]
            raise self._visit.refuse(
                f"{quoted(name)} is a CTE that comes later", "Move it before this one."
            )

    def _source(self, source: Node) -> tuple[Size, Size]:
        """The size of a part of FROM, and of a row of it."""
        kind, fields = only(source)
        alias = fields.get("alias", {})
        if kind == "JoinExpr":
            left, right = self._source(fields["larg"]), self._source(fields["rarg"])
            rest = self._size([fields.get("quals", {})])
            row = left[1] + right[1]
            if alias:
                self._name(alias, [everything(row)])
            return left[0] + right[0] + rest, row
        if kind == "RangeSubselect":
            size, outputs = self._select(only(fields["subquery"])[1])
            return size, self._name(alias, outputs)
        if kind == "RangeVar":
            self._read[fields["relname"]] = fields.get("location", self._visit.at)
            row = self._rows.get(fields["relname"], _COLUMN.times(_TABLE_COLUMNS))
            if alias:
                row = self._name(alias, [everything(row)])
            return Size(1, 1, 0, 0), row
        size = self._size(fields.get("functions", []))
        # What a function in FROM gives is computed once.
        result = Size(1, 1, max(size.characters, _SHORT_VALUE), 0)
        columns = Output(frozenset(strings(alias.get("colnames", []))), result, named=True)
        for definition in [*fields.get("coldeflist", []), *definitions(fields["functions"])]:
            self._raise(only(definition)[1].get("colname", ""), result)
        self._unnamed = self._unnamed.either(result)
        return size, self._name(alias, [columns])

    def _name(self, alias: Node, outputs: list[Output]) -> Size:
        """Lets a source's columns go by their names; gives the size of its row."""
        # A star hides how many columns there are, so a new name may stand for any of them.
        renamed = strings(alias.get("colnames", []))
        exact = len(renamed) == len(outputs) and not any(output.star for output in outputs)
        largest = row = NOTHING
        for output in outputs:
            for name in output.names:
                self._raise(name, output.size)
            if not output.named:
                self._unnamed = self._unnamed.either(output.size)
            largest = largest.either(output.size)
            row += output.size
        for position, name in enumerate(renamed):
            self._raise(name, outputs[position].size if exact else largest)
        if "aliasname" in alias:
            name = alias["aliasname"]
            self._rows[name] = row.either(self._rows.get(name, NOTHING))
            # A function's alias is also its column.
            self._raise(name, row)
        return row

    def _raise(self, name: str, size: Size) -> None:
        known = self._names.get(name)
        self._names[name] = size if known is None else known.either(size)

    # Expressions ---------------------------------------------------------------------------------

    def _reference(self, fields: Node) -> Size:
        parts = strings(fields["fields"])
        name = parts[-1]
        if name:
            plain = _COLUMN if name in self._policy.attributes else self._unnamed
            size = self._names.get(name, plain)
        else:
            alias = self._rows.get(parts[-2]) if len(parts) > 1 else None
            rows = self._rows.values() if alias is None else [alias]
            size = _COLUMN.times(_TABLE_COLUMNS)
            for row in rows:
                size = size.either(row)
        if self._aggregates:
            return size._replace(nodes=size.inside)
        return size

    @staticmethod
    def _constant(fields: Node) -> Size:
        if "sval" in fields:
            written = fields["sval"].get("sval", "")
            characters = len(written)
        else:
            written = fields.get("fval", {}).get("fval", "")
            characters = max(len(written), _SHORT_VALUE)
        if _EXPONENT.search(written):
            characters = max(characters, _MOST_DIGITS)
        return Size(1, 1, characters, 0)

    def _operation(self, fields: Node) -> Size:
        left, right = self._size(fields.get("lexpr", {})), self._size(fields.get("rexpr", {}))
        match fields["kind"]:
            case "AEXPR_BETWEEN" | "AEXPR_NOT_BETWEEN":
                left = left.times(2)
            case "AEXPR_BETWEEN_SYM" | "AEXPR_NOT_BETWEEN_SYM":
                left, right = left.times(4), right.times(2)
            case "AEXPR_IN":
                left = left.times(len(fields["rexpr"]["List"]["items"]))
        name = strings(fields["name"])[-1]
        return self._applied(name, [left, right], fields)

    def _sub_link(self, fields: Node) -> Size:
        # Planned once for each way to run the sub-query.
        tested = self._size(fields.get("testexpr", {})).times(2)
        total, outputs = self._select(only(fields["subselect"])[1])
        match fields["subLinkType"]:
            case "ARRAY_SUBLINK":
                total = total.valued(_UNBOUNDED)
            case "EXPR_SUBLINK":
                total = total.valued(sum(output.size.characters for output in outputs))
        if "operName" in fields:
            return self._applied(strings(fields["operName"])[-1], [tested, total], fields)
        return tested + total

    def _call(self, fields: Node) -> Size:
        name = strings(fields["funcname"])[-1]
        computed = "over" in fields or name in self._policy.aggregates
        self._aggregates += computed
        given = [self._size(argument) for argument in fields.get("args", [])]
        beside = [fields[key] for key in _BESIDE_ARGUMENTS if key in fields]
        rest = self._size(beside).valued(0) if beside else NOTHING
        self._aggregates -= computed
        result = self._applied(name, given, fields)
        if beside:
            result += rest
        if not computed:
            return result
        # Done once, whoever refers to it.
        self._spent += result.work
        return result._replace(inside=1, work=0)

    def _applied(self, name: str, given: list[Size], fields: Node) -> Size:
        """A function or an operator with its operands."""
        policy = self._policy
        nodes = inside = 1
        characters = work = 0
        for size in given:
            nodes += size[0]
            inside += size[1]
            characters += size[2]
            work += size[3]
        length = self._length(name, given, fields, characters)
        slow = _SLOW if name in policy.slow else 1
        # An aggregate takes its values one by one.
        steps = slow * characters + (0 if name in policy.unbounded else length)
        factors = policy.multiplied.get(name)
        if factors == _WITH_ITSELF and self._is_plain_path(fields):
            factors = None
        if factors is not None and max(factors) < len(given):
            first, second = factors
            product = given[first].characters * given[second].characters
            if name in policy.of_elements:
                product = self._elements(fields, "lexpr", given[first]) * self._elements(
                    fields, "rexpr", given[second]
                )
            if product > policy.limits.work:
                self._visit.at = fields.get("location", self._visit.at)
                raise self._visit.refuse(
                    f"{SHOWN_OPERATORS.get(name, name)} works on two values here that may be long",
                    "Shorten one of them, as in left(x, 30), or write a shorter one out.",
                )
            steps += product
        if steps > _COLUMN_CHARACTERS:
            work += steps
        if steps > self._hardest:
            self._hardest, self.hardest = steps, (name, fields.get("location"))
        if nodes > policy.limits.growth and self.copied_at is None:
            self.copied_at = fields.get("location")
        return Size(nodes, inside, length, work).limited()

    def _is_plain_path(self, fields: Node) -> bool:
        operands = fields.get("args", [fields.get("lexpr", {}), fields.get("rexpr", {})])
        return len(operands) > 1 and is_plain_path(self._policy, operands[1])

    @staticmethod
    def _elements(fields: Node, side: str, operand: Size) -> int:
        """How many things an operand has to compare: a written-out array its elements."""
        node = fields.get(side, {})
        while "TypeCast" in node:
            node = node["TypeCast"]["arg"]
        elements = node.get("A_ArrayExpr", {}).get("elements", [])
        plain = elements and all("A_Const" in element for element in elements)
        return len(elements) if plain else operand.characters

    def _length(self, name: str, given: list[Size], fields: Node, characters: int) -> int:
        """Of the result."""
        policy = self._policy
        if name in policy.unbounded:
            return _UNBOUNDED
        if name in policy.short_results:
            return _SHORT_VALUE
        position = policy.cut_at.get(name)
        arguments = fields.get("args", [])
        if position is not None and position < len(arguments):
            count = _cut(arguments[position])
            if name == "repeat":
                most = policy.limits.length if count is None else count
                return given[0].characters * most
            if count is not None:
                return count
            if name in ("lpad", "rpad"):
                return policy.limits.length
        if name in policy.replacing:
            return given[0].characters * max([1, *(size.characters for size in given[2:])])
        if name in policy.numeric:
            return max([_MOST_DIGITS, *(size.characters for size in given)])
        return characters * policy.stretching.get(name, 1)

    def _cast(self, fields: Node) -> Size:
        value = self._size(fields["arg"])
        written = "A_Const" in fields["arg"]
        kind = fields["typeName"]
        name = strings(kind["names"])[-1]
        modifiers = kind.get("typmods", [])
        characters = value.characters * (1 if written else _QUOTED)
        if "arrayBounds" not in kind:
            if name in self._policy.short_types:
                characters = _SHORT_VALUE
            elif modifiers and name != "interval":
                characters = int(constant(modifiers[0]) or 0) + 2
            elif name in ("numeric", "json", "jsonb") and not written:
                characters = max(characters, _MOST_DIGITS)
        return value.valued(characters).working(characters if characters > _MOST_DIGITS else 0)

    def _quoted(self, fields: Node) -> Size:
        value = self._size(list(fields.values()))
        return value.valued(value.characters * _QUOTED) + Size(1, 1, 2, 0)

    def _indirection(self, fields: Node) -> Size:
        value = self._size(fields["arg"])
        total = value + self._size(fields["indirection"]).valued(0)
        if "A_Star" in fields["indirection"][-1]:
            # Each column of it is taken from a copy of the whole.
            parts = fields["arg"].get("RowExpr", {}).get("args", [])
            simple = parts and not any("ColumnRef" not in p and "A_Const" not in p for p in parts)
            starred = simple and any("A_Star" in str(part) for part in parts)
            return total.times(len(parts) if simple and not starred else _WIDEST_ROW)
        return total

    def _json_path(self, fields: Node) -> Size:
        """A path may compare every part of the value with every other."""
        searched = [self._size(fields["context_item"])]
        searched += [self._size(item) for item in fields.get("passing", [])]
        done = ("context_item", "passing")
        value = self._size({key: part for key, part in fields.items() if key not in done})
        for size in searched:
            value += size
        plain = is_plain_path(self._policy, fields["pathspec"])
        if not plain and any(size.characters**2 > self._policy.limits.work for size in searched):
            self._visit.at = fields.get("location", self._visit.at)
            raise self._visit.refuse(
                "A JSON path searches a value here that may be long",
                "Use ->, ->> or jsonb_to_recordset.",
            )
        return value.times(2)

    def _json_value(self, fields: Node) -> Size:
        """FORMAT JSON copies what it is said of."""
        written = fields.get("format", {}).get("format_type", "JS_FORMAT_DEFAULT")
        return self._size(fields["raw_expr"]).times(1 if written == "JS_FORMAT_DEFAULT" else 2)

    def _json_aggregate(self, fields: Node) -> Size:
        return self._size(fields).times(2).valued(_UNBOUNDED)

    def _twice(self, fields: Node) -> Size:
        return self._size(fields).times(2)


def _cut(node: Node) -> int | None:
    """The length that `left(…, 200)` cuts to; None when that is not a plain number."""
    # A number, not a string: substring(text, pattern, '5') is another function. And not below
    # zero: left(text, -1) leaves out one character.
    if "MinMaxExpr" in node and node["MinMaxExpr"]["op"] == "IS_LEAST":
        found = [_cut(argument) for argument in node["MinMaxExpr"]["args"]]
        return min((count for count in found if count is not None), default=None)
    written = node.get("A_Const", {}).get("ival")
    count = -1 if written is None else int(written.get("ival", 0))
    return count if count >= 0 else None
