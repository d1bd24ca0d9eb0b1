"""Tools about how stores do: figures, course, products, stock."""

from __future__ import annotations

import time
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

from fastmcp.tools.base import ToolResult
from pydantic import Field

from zava_server.business.periods import FORMS
from zava_server.protocol.rendering import as_csv

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fastmcp import FastMCP

    from zava_server.business.periods import Span
    from zava_server.business.stock import StockAdvice
    from zava_server.business.store_performance import Slice, StorePerformance
    from zava_server.data.top_products import ProductSales
    from zava_server.protocol.session import Session

_READ_ONLY = {"readOnlyHint": True, "idempotentHint": True, "openWorldHint": False}

Store = Annotated[
    str | None,
    Field(description="Name or id of one of your stores; leave out for all of yours together."),
]
Period = Annotated[str, Field(description=f"In the store's own days: {FORMS}.")]


def _object(**properties: str) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": {name: {"type": kind} for name, kind in properties.items()},
    }


_PERFORMANCE_SCHEMA = _object(
    store="string",
    period="object",
    metrics="object",
    by_category="array",
    by_weekday="array",
    by_hour="array",
    insights="array",
    elapsed_ms="number",
)


def add_performance_tools(server: FastMCP, session: Session) -> None:
    """Adds `get_store_performance`, `get_sales_trend`, `get_top_products`, `get_stock_alerts`."""

    @server.tool(
        title="Store performance", output_schema=_PERFORMANCE_SCHEMA, annotations=_READ_ONLY
    )
    async def get_store_performance(store: Store = None, time_period: Period = "7d") -> ToolResult:
        """Give a store's figures of a period: start here for any question on how sales go.

        Revenue, orders, units sold, average order value, discount share, gross margin, returns
        rate, new and returning customers; each also for the period before and the same dates last
        year, cut at the same time of day where the period is under way. Then revenue by category,
        weekday and hour, and insights: sentences that hold beyond chance, with their numbers. Null
        means no data. Only completed orders count; returns lower revenue.
        """
        answer = await session.services.store_performance.performance(
            session.identity, store, time_period
        )
        return _performance_result(answer)

    @server.tool(
        title="Sales trend",
        output_schema=_object(
            period="object", step="string", points="array", row_count="integer", elapsed_ms="number"
        ),
        annotations=_READ_ONLY,
    )
    async def get_sales_trend(
        store: Store = None,
        time_period: Period = "90d",
        step: Annotated[
            str | None,
            Field(description="day, week or month; leave out to choose by length."),
        ] = None,
    ) -> ToolResult:
        """Give the course of revenue, orders, units and average order value over a period.

        A partial point covers only a part of its week or month, or is under way: do not compare it.
        """
        started = time.perf_counter()
        trend = await session.services.sales_trend.trend(session.identity, store, time_period, step)
        points = [{**asdict(point), "start": point.start.isoformat()} for point in trend.points]
        return _table_result(
            {"period": _span(trend.name, trend.span), "step": trend.step}, "points", points, started
        )

    @server.tool(
        title="Top products",
        output_schema=_object(
            period="object", products="array", row_count="integer", elapsed_ms="number"
        ),
        annotations=_READ_ONLY,
    )
    async def get_top_products(
        store: Store = None,
        time_period: Period = "30d",
        by: Annotated[
            str,
            Field(
                description="revenue, units, growth or decline (of revenue, in dollars, against "
                "the period before)."
            ),
        ] = "revenue",
        category: Annotated[
            str | None, Field(description="Name of a category; leave out for all.")
        ] = None,
        limit: Annotated[int, Field(description="Products at most, 1 to 200.")] = 10,
    ) -> ToolResult:
        """List the products that sold best in a period, or whose revenue rose or fell most.

        `share` is that of the revenue of all products asked about. For a drop use by="decline".
        """
        started = time.perf_counter()
        top = await session.services.top_products.top(
            session.identity, store, time_period, ranking=by, category=category, limit=limit
        )
        products = [_product(number, p) for number, p in enumerate(top.products, start=1)]
        return _table_result({"period": _span(top.name, top.span)}, "products", products, started)

    @server.tool(
        title="Stock alerts",
        output_schema=_object(alerts="array", row_count="integer", elapsed_ms="number"),
        annotations=_READ_ONLY,
    )
    async def get_stock_alerts(
        store: Store = None,
        kind: Annotated[
            str | None,
            Field(description="out_of_stock, reorder or slow_mover; leave out for all."),
        ] = None,
        limit: Annotated[int, Field(description="Alerts of each kind at most, 1 to 500.")] = 20,
    ) -> ToolResult:
        """List what is out of stock, what to order again and what lies, most urgent first.

        Averages a day are of sales since the first day of last month. Days of cover say how long
        the stock lasts at that; a suggested order brings it to the reorder point and 30 days more.
        Slow movers have stock for over 180 days; stock value is at cost where it is known.
        """
        started = time.perf_counter()
        found = await session.services.stock_alerts.alerts(session.identity, store, kind, limit)
        return _table_result({}, "alerts", [_alert(advice) for advice in found], started)


def _table_result(
    head: dict[str, Any], name: str, rows: Sequence[dict[str, Any]], started: float
) -> ToolResult:
    """Rows under `name`, and as a table in the text."""
    table = as_csv(list(rows[0]), [list(row.values()) for row in rows]) if rows else "None.\n"
    period = head.get("period")
    title = f"{period['start']} to {period['end']}, exclusive\n" if period else ""
    return ToolResult(
        content=title + table,
        structured_content={
            **head,
            name: list(rows),
            "row_count": len(rows),
            "elapsed_ms": round((time.perf_counter() - started) * 1000, 2),
        },
    )


def _performance_result(answer: StorePerformance) -> ToolResult:
    periods = answer.periods
    metrics = {
        "current": asdict(answer.current),
        "previous": asdict(answer.previous),
        "last_year": asdict(answer.last_year),
    }
    return ToolResult(
        content=_performance_text(answer, metrics),
        structured_content={
            "store_id": str(answer.store_id) if answer.store_id else None,
            "store": answer.store,
            "period": {
                **_span(periods.name, periods.current),
                "time_zone": answer.time_zone,
                "partial": periods.current.cut is not None,
                "previous": _span(None, periods.previous),
                "last_year": _span(None, periods.last_year),
            },
            "metrics": metrics,
            "by_category": [_slice("category", s, "units") for s in answer.by_category],
            "by_weekday": [_slice("weekday", s, "orders", "units") for s in answer.by_weekday],
            "by_hour": [_slice("hour", s, "orders") for s in answer.by_hour],
            "insights": [asdict(insight) for insight in answer.insights],
            "elapsed_ms": round(answer.elapsed_ms, 2),
        },
    )


def _performance_text(answer: StorePerformance, metrics: dict[str, dict[str, Any]]) -> str:
    span = answer.periods.current
    zone = f" ({answer.time_zone})" if answer.time_zone else ""
    lines = [
        f"{answer.store}, {span.start:%Y-%m-%d} to {span.end:%Y-%m-%d %H:%M}, exclusive{zone}",
        as_csv(
            ["metric", *metrics],
            [[name, *(of[name] for of in metrics.values())] for name in metrics["current"]],
        ),
    ]
    if answer.by_category:
        listed = ", ".join(f"{s.name} {s.revenue:,.0f}" for s in answer.by_category[:5])
        lines.append(f"By category: {listed}")
    lines += [f"- {insight.sentence}" for insight in answer.insights]
    return "\n".join(lines)


def _span(name: str | None, span: Span) -> dict[str, Any]:
    ends = {
        "start": f"{span.start.isoformat()}T00:00:00",
        "end": span.end.isoformat("T", "seconds"),
    }
    return {"name": name, **ends} if name else ends


def _slice(dimension: str, of: Slice, *counts: str) -> dict[str, Any]:
    named = {dimension: of.name, "revenue": of.revenue, "share": of.share}
    return named | {count: getattr(of, count) for count in counts}


def _product(rank: int, sales: ProductSales) -> dict[str, Any]:
    return {
        "rank": rank,
        "sku": sales.sku,
        "name": sales.name,
        "category": sales.category,
        "revenue": float(sales.revenue),
        "units": sales.units,
        "share": round(float(sales.revenue / sales.all_revenue), 6) if sales.all_revenue else None,
        "previous_revenue": float(sales.previous_revenue),
    }


def _alert(advice: StockAdvice) -> dict[str, Any]:
    alert = advice.alert
    return {
        "kind": alert.kind,
        "store": alert.store,
        "sku": alert.sku,
        "name": alert.name,
        "category": alert.category,
        "stock_level": alert.stock_level,
        "reorder_point": alert.reorder_point,
        "units_per_day": round(alert.units_per_day, 3),
        "days_of_cover": advice.days_of_cover,
        "suggested_order": advice.suggested_order,
        "revenue_per_day": round(alert.revenue_per_day, 2),
        "stock_value": round(float(alert.stock_value), 2),
    }
