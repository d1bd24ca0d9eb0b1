"""The structured content of the server's answers, turned into the app's values."""

from __future__ import annotations

from typing import Any

from zava_tui.answers import (
    BrowsedColumn,
    Column,
    HealthCheck,
    Hit,
    Identity,
    Page,
    Plan,
    PlanStep,
    PoolHealth,
    ReplicasHealth,
    ResultTable,
    RowLink,
    SearchHits,
    ServerHealth,
    SlowQueries,
    SlowQuery,
)

Content = dict[str, Any]


def identity(answer: Content) -> Identity:
    """From `whoami`."""
    return Identity(
        user=answer["user"],
        display_name=answer["display_name"],
        role=answer["role"],
        stores=tuple(store["name"] for store in answer["stores"]),
    )


def result_table(answer: Content, behind_seconds: float | None) -> ResultTable:
    """From `execute_sales_query`."""
    return ResultTable(
        columns=tuple(Column(c["name"], c["type"]) for c in answer["columns"]),
        rows=answer["rows"],
        truncated=answer["truncated"],
        elapsed_ms=answer["elapsed_ms"],
        behind_seconds=behind_seconds,
    )


def search_hits(answer: Content) -> SearchHits:
    """From `semantic_search_products` and `similar_products`."""
    hits = tuple(
        Hit(
            sku=hit["sku"],
            name=hit["name"],
            category=hit["category"],
            price=float(hit["price"]),
            similarity=hit["similarity"],
            stock=hit["stock"],
            weak=bool(hit["weak"]),
        )
        for hit in answer["hits"]
    )
    return SearchHits(hits, answer["notice"], answer["elapsed_ms"])


def page(answer: Content) -> Page:
    """From `browse_table`."""
    return Page(
        table=answer["table"],
        columns=tuple(
            BrowsedColumn(c["name"], c["type"], c["label"], c["sortable"], tuple(c["filters"]))
            for c in answer["columns"]
        ),
        rows=answer["rows"],
        sort=answer["sort"],
        cursor=answer["next_cursor"],
        total=answer["total"],
        total_is_exact=answer["total_is_exact"],
        links=tuple(
            RowLink(
                link["label"],
                link["table"],
                tuple((pair["column"], pair["from"]) for pair in link["filters"]),
            )
            for link in answer["links"]
        ),
        elapsed_ms=answer["elapsed_ms"],
    )


def slow_queries(answer: Content) -> SlowQueries:
    """From `get_slow_queries`."""
    queries = tuple(
        SlowQuery(
            fingerprint=query["fingerprint"],
            query=query["query"],
            operation=query["operation"],
            calls=query["calls"],
            errors=query["errors"],
            slow_calls=query["slow_calls"],
            mean_ms=query["mean_ms"],
            p50_ms=query["p50_ms"],
            p95_ms=query["p95_ms"],
            p99_ms=query["p99_ms"],
            max_ms=query["max_ms"],
            total_ms=query["total_ms"],
            pool_ms=query["pool_ms"],
            database_ms=query["database_ms"],
            rows=query["rows"],
            last_seen=query["last_seen"],
        )
        for query in answer["queries"]
    )
    return SlowQueries(queries, answer["slow_threshold_ms"], answer.get("notice"))


def plan(answer: Content) -> Plan:
    """From `explain_query`."""
    return Plan(
        root=_step(answer["plan"]),
        findings=tuple(finding["sentence"] for finding in answer["findings"]),
        execution_ms=answer["execution_ms"],
    )


def _step(node: Content) -> PlanStep:
    return PlanStep(
        node=node["node"],
        on=node["on"],
        rows=node["rows"],
        time_ms=node["time_ms"],
        share=node["share"],
        details=node["details"],
        children=tuple(_step(child) for child in node["children"]),
    )


def pool_health(answer: Content) -> PoolHealth:
    """From `get_pool_health`."""
    embedder, waits, history = answer["embedder"], answer["acquire_wait_ms"], answer["history"]
    return PoolHealth(
        status=answer["status"],
        reason=answer["reason"],
        size=answer["size"],
        idle=answer["idle"],
        in_use=answer["in_use"],
        waiting=answer["waiting"],
        max_size=answer["max_size"],
        wait_p50_ms=waits["p50"] or 0.0,
        wait_p95_ms=waits["p95"] or 0.0,
        opened=answer["opened"],
        closed=answer["closed"],
        closed_because=answer["closed_because"],
        server_version=answer["server_version"] or "",
        database=answer["database"],
        in_use_history=tuple(sample["in_use"] for sample in history),
        waiting_history=tuple(sample["waiting"] for sample in history),
        embedder=embedder["name"],
        dimensions=embedder["dimensions"],
        embedded=embedder["embedded"],
        products=embedder["products"],
        replicas=_replicas(answer["replicas"]) if answer.get("replicas") else None,
    )


def _replicas(answer: Content) -> ReplicasHealth:
    return ReplicasHealth(
        status=answer["status"],
        reason=answer["reason"],
        behind_seconds=answer["behind_seconds"],
        in_use=answer["in_use"],
        max_size=answer["max_size"],
    )


def server_health(answer: Content) -> ServerHealth:
    """From `get_server_health`."""
    return ServerHealth(
        status=answer["status"],
        reason=answer["reason"],
        uptime_seconds=answer["uptime_seconds"],
        checks=tuple(
            HealthCheck(
                part["name"],
                part["status"],
                part["reason"],
                part["since"],
                part.get("details", {}),
            )
            for part in answer["parts"]
        ),
        versions=answer.get("versions", {}),
    )
