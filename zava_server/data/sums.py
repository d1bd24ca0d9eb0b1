"""What sales add up to."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import asyncpg


@dataclass(frozen=True, slots=True)
class Sums:
    """What sales add up to; `lines` is how many order lines it is from."""

    revenue: Decimal = Decimal(0)
    orders: int = 0
    units_sold: int = 0
    units_returned: int = 0
    list_value: Decimal = Decimal(0)
    discount_value: Decimal = Decimal(0)
    lines: int = 0
    covered_revenue: Decimal = Decimal(0)
    cost: Decimal = Decimal(0)

    def __add__(self, other: Sums) -> Sums:
        return Sums(
            self.revenue + other.revenue,
            self.orders + other.orders,
            self.units_sold + other.units_sold,
            self.units_returned + other.units_returned,
            self.list_value + other.list_value,
            self.discount_value + other.discount_value,
            self.lines + other.lines,
            self.covered_revenue + other.covered_revenue,
            self.cost + other.cost,
        )


def sums_of(row: asyncpg.Record) -> Sums:
    """The sums among a row's columns."""
    return Sums(**{name: value for name, value in row.items() if name in Sums.__slots__})
