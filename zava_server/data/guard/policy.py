"""What a guard allows, as plain data. Whatever is not listed is refused."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


class Argument(Enum):
    """What an argument or operand must be so that PostgreSQL's work on it stays bounded."""

    LENGTH = "a length"
    """A whole number written out and small, or LEAST(anything, such a number)."""
    TEMPLATE = "a format template"
    """A written-out string, not long, whose placeholders carry no long or computed width."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Sizes above which a statement is refused."""

    text_bytes: int
    operator_run: int
    """Operator and comment characters in a row: PostgreSQL's lexer is quadratic in them."""
    operator_characters: int
    """In all; with the text's length this bounds how deep the parser's own tree can be."""
    tree_bytes: int
    """The parsed tree as JSON."""
    depth: int
    """Constructs inside each other."""
    selects: int
    windows: int
    """Window definitions: the planner's time grows with their third power."""
    growth: int
    """Parts of the statement after PostgreSQL has copied its expressions into each other."""
    work: int
    """Steps on long values that nothing interrupts, as `growth` counts them."""
    literal: int
    """Characters of a template."""
    length: int
    """Characters that `repeat`, `lpad` and `rpad` may make, and that `char(n)` may pad to."""
    series: int
    """Rows of a `generate_series` between constants."""


@dataclass(frozen=True, slots=True)
class SqlPolicy:
    """The allowlists of a guard.

    Names are PostgreSQL's own after parsing: lower case unless quoted.
    """

    nodes: Mapping[str, frozenset[str]]
    """Kinds of syntax node and, for each, the fields it may have."""
    choices: Mapping[tuple[str, str], frozenset[str]]
    """For a node's field that is one of several words, the words allowed."""
    relations: frozenset[str]
    """Tables and views of `schema`."""
    schema: str
    functions: Mapping[str, frozenset[str]]
    """Schema to function names. Unqualified calls may name any of them."""
    arity: Mapping[str, tuple[int, int]]
    """Fewest and most arguments, where another overload is not meant."""
    arguments: Mapping[str, Mapping[int, Argument]]
    """Function to position (from 0) to what the argument there must be."""
    column_naming: frozenset[str]
    """Functions that name their columns in FROM themselves, whatever the alias is."""
    aggregates: frozenset[str]
    """Functions whose result a sub-query computes once, whoever refers to it."""
    operators: Mapping[str, frozenset[str]]
    """Schema to operator names. Unqualified operators may be any of them."""
    numeric_operand: frozenset[str]
    """Operators of which one side must plainly be a number."""
    vector_operand: frozenset[str]
    """Operators of which one side must plainly be a vector."""
    types: Mapping[str, frozenset[str]]
    """Schema to type names. Unqualified names may be any of them."""
    number_types: frozenset[str]
    collations: frozenset[str]
    system_columns: frozenset[str]
    """Columns that every table has and that show other tenants' activity."""
    attributes: frozenset[str]
    """Names that `(value).name` may select: `(value).f` would call a function f otherwise."""
    multiplied: Mapping[str, tuple[int, int]]
    """Functions and operators to the two arguments whose lengths multiply to the work to do."""
    of_elements: frozenset[str]
    """Those of them that compare elements and not characters."""
    slow: frozenset[str]
    """Functions that take several steps a character."""
    unbounded: frozenset[str]
    """Functions whose result is as long as there are rows."""
    numeric: frozenset[str]
    """Functions and operators whose result may have all the digits that a number can."""
    replacing: frozenset[str]
    """Functions that put a later argument in place of any character of the first."""
    stretching: Mapping[str, int]
    """Functions whose result is so many times as long as their arguments."""
    cut_at: Mapping[str, int]
    """Functions to the argument that says how long their result is."""
    short_results: frozenset[str]
    """Functions and operators whose result is short whatever they are given."""
    short_types: frozenset[str]
    """Types whose values are short as text."""
    limits: Limits
