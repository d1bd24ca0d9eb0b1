"""How large expressions and the columns of sub-queries are, as the guard estimates them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from zava_server.data.guard.names import strings
from zava_server.data.guard.walk import only

if TYPE_CHECKING:
    Node = dict[str, Any]

# Beyond this nobody needs the number; it keeps the integers small.
ENOUGH = 1 << 50


class Size(NamedTuple):
    """How large an expression may become."""

    nodes: int
    """Parts of the expression after all copying."""
    inside: int
    """The same inside an aggregate, where what is itself an aggregate stays one column."""
    characters: int
    """Of the value, as text."""
    work: int
    """Steps of a few nanoseconds in which nothing interrupts the database."""

    def __add__(self, other: Size) -> Size:  # type: ignore[override]
        """Both side by side."""
        return Size(
            self[0] + other[0], self[1] + other[1], self[2] + other[2], self[3] + other[3]
        ).limited()

    def limited(self) -> Size:
        """The same, with numbers that stay small."""
        if self[0] < ENOUGH > self[1] and self[2] < ENOUGH > self[3]:
            return self
        return Size(*(min(part, ENOUGH) for part in self))

    def times(self, copies: int) -> Size:
        """The expression so many times over."""
        return Size(*(min(part * copies, ENOUGH) for part in self))

    def valued(self, characters: int) -> Size:
        """The same expression with a value of another length."""
        return self._replace(characters=min(characters, ENOUGH))

    def working(self, steps: int) -> Size:
        """The same expression with more to do."""
        return self._replace(work=min(self.work + steps, ENOUGH))

    def either(self, other: Size) -> Size:
        """As large as the larger one."""
        return Size(*map(max, self, other))


NOTHING = Size(0, 0, 0, 0)


class Output(NamedTuple):
    """A column of a sub-query, or all that a star stands for."""

    names: frozenset[str]
    size: Size
    named: bool
    """Whether it has a name of its own, and not one that PostgreSQL makes up."""
    star: bool = False


def everything(row: Size) -> Output:
    """All columns of a source, which keep their names unless the alias renames them."""
    return Output(frozenset(), row, named=True, star=True)


def definitions(functions: list[Node]) -> list[Node]:
    """The columns that `ROWS FROM (f() AS (a int, …))` names."""
    parts = [part for wrapped in functions for part in wrapped["List"]["items"][1:] if part]
    return [definition for part in parts for definition in part["List"]["items"]]


def columnwise(rows: list[list[Output]]) -> list[Output]:
    """The columns of a UNION or VALUES, each as large as in the largest row."""
    found: list[Output] = []
    if any(output.star for row in rows for output in row):
        # Nobody knows which columns meet.
        largest = NOTHING
        for output in (output for row in rows for output in row):
            largest = largest.either(output.size)
        rows = [[output._replace(size=largest) for output in row] for row in rows]
    for row in rows:
        for position, output in enumerate(row):
            if position == len(found):
                found.append(output)
            else:
                larger = found[position].size.either(output.size)
                names = found[position].names | output.names
                named = found[position].named and output.named
                found[position] = Output(names, larger, named, found[position].star)
    return found


def figured(value: Node) -> frozenset[str]:
    """The name that PostgreSQL gives a column without one, where it takes it from within."""
    while True:
        kind, fields = only(value)
        match kind:
            case "ColumnRef":
                return frozenset({strings(fields["fields"])[-1]})
            case "A_Indirection":
                names = [name for name in strings(fields["indirection"]) if name]
                if names:
                    return frozenset(names[-1:])
                value = fields["arg"]
            case "TypeCast" | "CollateClause":
                value = fields["arg"]
            case "CaseExpr" if fields.get("defresult"):
                value = fields["defresult"]
            case "SubLink" if fields["subLinkType"] == "EXPR_SUBLINK":
                select = only(fields["subselect"])[1]
                while "larg" in select:
                    select = select["larg"]
                if not select.get("targetList"):
                    return frozenset()
                target = select["targetList"][0]["ResTarget"]
                if "name" in target:
                    return frozenset({target["name"]})
                value = target["val"]
            case _:
                return frozenset()
