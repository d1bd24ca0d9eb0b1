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
    SHORT = "a short value"
    """Text, array or JSON that cannot have grown long."""


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
    growth: int
    """Copies of one column that nested sub-queries may make of each other's expressions."""
    short_growth: int
    """The same where a value must be short."""
    literal: int
    """Characters of a template, and of one literal in a short value."""
    short_length: int
    """Characters in all of a short value in a statement that makes long ones."""
    short_parts: int
    """Literals in such a value."""
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
    aggregates: frozenset[str]
    """Functions whose result a sub-query computes once, whoever refers to it."""
    builders: frozenset[str]
    """Functions whose result may be much longer than their arguments."""
    operators: Mapping[str, frozenset[str]]
    """Schema to operator names. Unqualified operators may be any of them."""
    left_operand: Mapping[str, Argument]
    """Operator to what its left operand must be."""
    right_operand: Mapping[str, Argument]
    either_operand: Mapping[str, Argument]
    """Operator to what at least one operand must be."""
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
    limits: Limits
