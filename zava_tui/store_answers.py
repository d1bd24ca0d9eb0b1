"""What the server says of stores' sales and stock, as plain frozen values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Share:
    """A category's revenue in dollars, and what part of all that is, 0 to 1."""

    name: str
    revenue: float
    share: float


@dataclass(frozen=True, slots=True)
class Insight:
    """A sentence about what changed or wants doing; `kind` says which."""

    kind: str
    sentence: str
    value: float
    baseline: float


@dataclass(frozen=True, slots=True)
class Performance:
    """A period's revenue against another one, what it is made of, and what is worth saying.

    `previous` and `last_year` are the periods that figures are compared with, as the server reads
    them: `2025-01-01..2026-01-01`.
    """

    store: str
    revenue: float | None
    revenue_before: float | None
    revenue_last_year: float | None
    previous: str
    last_year: str
    categories: tuple[Share, ...]
    insights: tuple[Insight, ...]

    @classmethod
    def of(cls, answer: Mapping[str, Any]) -> Performance:
        """From the answer of `get_store_performance`."""
        metrics, period = answer["metrics"], answer["period"]
        return cls(
            store=answer["store"],
            revenue=metrics["current"]["revenue"],
            revenue_before=metrics["previous"]["revenue"],
            revenue_last_year=metrics["last_year"]["revenue"],
            previous=_span(period["previous"]),
            last_year=_span(period["last_year"]),
            categories=tuple(
                Share(part["category"], part["revenue"], part["share"] or 0.0)
                for part in answer["by_category"]
            ),
            insights=tuple(
                Insight(i["kind"], i["sentence"], i["value"], i["baseline"])
                for i in answer["insights"]
            ),
        )


@dataclass(frozen=True, slots=True)
class TrendPoint:
    """Revenue of a day, week or month that begins on `start`; `partial` where it is not over."""

    start: str
    revenue: float
    partial: bool


@dataclass(frozen=True, slots=True)
class Trend:
    """The course of revenue, oldest first; `step` is day, week or month."""

    step: str
    points: tuple[TrendPoint, ...]

    @classmethod
    def of(cls, answer: Mapping[str, Any]) -> Trend:
        """From the answer of `get_sales_trend`."""
        return cls(
            answer["step"],
            tuple(
                TrendPoint(p["start"], p["revenue"] or 0.0, p["partial"]) for p in answer["points"]
            ),
        )


@dataclass(frozen=True, slots=True)
class Seller:
    """A product's sales in a period and its revenue in the one before."""

    sku: str
    name: str
    category: str
    units: int
    revenue: float
    revenue_before: float


def sellers_of(answer: Mapping[str, Any]) -> tuple[Seller, ...]:
    """From the answer of `get_top_products`, best first."""
    return tuple(
        Seller(p["sku"], p["name"], p["category"], p["units"], p["revenue"], p["previous_revenue"])
        for p in answer["products"]
    )


@dataclass(frozen=True, slots=True)
class StockAlert:
    """A product that is out, runs out or lies: `kind` says which.

    `days_of_cover` and `suggested_order` are None where they say nothing.
    """

    kind: str
    store: str
    sku: str
    name: str
    stock: int
    days_of_cover: float | None
    suggested_order: int | None


def stock_alerts_of(answer: Mapping[str, Any]) -> tuple[StockAlert, ...]:
    """From the answer of `get_stock_alerts`, most urgent first within each kind."""
    return tuple(
        StockAlert(
            a["kind"],
            a["store"],
            a["sku"],
            a["name"],
            a["stock_level"],
            a["days_of_cover"],
            a["suggested_order"],
        )
        for a in answer["alerts"]
    )


def _span(span: Mapping[str, Any]) -> str:
    """Up to but without the day on which it ends; whole days, whatever its time of day."""
    return f"{span['start'][:10]}..{span['end'][:10]}"
