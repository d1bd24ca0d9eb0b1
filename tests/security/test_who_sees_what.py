"""What viewers, store and regional managers and head office see: relations, plans, figures."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import asyncpg
import pytest

from tests.conftest import Staff
from zava_server.business.query_plans import QueryPlanService
from zava_server.business.slow_queries import SlowQueries
from zava_server.data.guard import RETAIL_POLICY, SqlGuard
from zava_server.data.plans import Plans
from zava_server.data.statement_statistics import DatabaseStatistics
from zava_server.data.transactions import ReadTransactions
from zava_server.infrastructure.errors import AuthorizationError, DatabaseError, QueryRejected
from zava_server.infrastructure.query_monitor import Execution, QueryMonitor

CATALOGUE = ["stores", "categories", "product_types", "products", "product_description_embeddings"]
TENANT = [
    "customers", "orders", "order_items", "inventory", "store_managers", "daily_sales",
    "daily_totals", "daily_margins", "hourly_sales", "monthly_sales", "monthly_products",
    "hourly_margins", "visits", "daily_visits", "repeat_visits", "monthly_rhythm",
    "monthly_margins",
]  # fmt: skip
COSTS = ["product_costs"]
EVERYBODY = ["catalogue-agent", "tacoma", "puget-sound", "head-office"]


async def rows_seen(
    transactions: ReadTransactions, staff: Staff, handle: str, table: str
) -> int | str:
    """How many rows, or the word "refused"."""
    try:
        async with transactions.read_as(staff[handle]) as transaction:
            count = await transaction.connection.fetchval(f"SELECT count(*) FROM retail.{table}")
            return int(count)
    except (AuthorizationError, asyncpg.InsufficientPrivilegeError):
        return "refused"


async def rows_there(owner: asyncpg.Connection, table: str, staff: Staff, handle: str) -> int:
    """How many rows the user should see."""
    where = "" if table in CATALOGUE + COSTS else " WHERE store_id = ANY ($1)"
    arguments = [staff[handle].store_ids] if where else []
    return int(await owner.fetchval(f"SELECT count(*) FROM retail.{table}{where}", *arguments))


@pytest.mark.parametrize("table", CATALOGUE)
@pytest.mark.parametrize("handle", EVERYBODY)
async def test_everybody_sees_the_whole_catalogue(
    handle: str, table: str, transactions: ReadTransactions, staff: Staff, owner: asyncpg.Connection
) -> None:
    there = await rows_there(owner, table, staff, handle)
    assert await rows_seen(transactions, staff, handle, table) == there > 0


@pytest.mark.parametrize("table", TENANT + COSTS)
@pytest.mark.parametrize("handle", ["tacoma", "puget-sound", "head-office"])
async def test_a_manager_sees_all_rows_of_their_stores_and_only_those(
    handle: str, table: str, transactions: ReadTransactions, staff: Staff, owner: asyncpg.Connection
) -> None:
    there = await rows_there(owner, table, staff, handle)
    assert await rows_seen(transactions, staff, handle, table) == there > 0


@pytest.mark.parametrize("table", TENANT + COSTS)
async def test_a_viewer_is_refused_the_rest(
    table: str, transactions: ReadTransactions, staff: Staff
) -> None:
    assert await rows_seen(transactions, staff, "catalogue-agent", table) == "refused"


@pytest.mark.parametrize("table", ["users", "user_stores", "signing_keys"])
@pytest.mark.parametrize("handle", EVERYBODY)
async def test_nobody_reads_the_users_or_the_keys(
    handle: str, table: str, transactions: ReadTransactions, staff: Staff
) -> None:
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        async with transactions.read_as(staff[handle]) as transaction:
            await transaction.connection.fetch(f"SELECT * FROM identity.{table}")


@pytest.fixture
def plans(transactions: ReadTransactions) -> QueryPlanService:
    return QueryPlanService(SqlGuard(RETAIL_POLICY), Plans(transactions), QueryMonitor(1.0))


JOIN = """
    SELECT s.name, sum(i.total_amount) FROM retail.order_items i JOIN retail.orders o
    USING (store_id, order_id) JOIN retail.stores s USING (store_id)
    WHERE o.order_date > now() - interval '30 days' GROUP BY ROLLUP (s.name) ORDER BY 2 DESC LIMIT 5
"""
EXPLAINED = [
    JOIN,
    "SELECT * FROM retail.customers ORDER BY last_name",
    "SELECT status, count(*) FROM retail.orders GROUP BY CUBE (status)",
    "WITH x AS MATERIALIZED (SELECT * FROM retail.orders) SELECT * FROM x a, x b LIMIT 3",
    "SELECT DISTINCT ON (order_id) * FROM retail.order_items ORDER BY order_id, line_no -- all",
    "SELECT * FROM generate_series(1, 3) AS g WHERE g IN (SELECT line_no FROM retail.order_items)",
    "VALUES (1), (2)",
]
MAY_TRAVEL = {
    "Alias", "Command", "CTE Name", "Function Name", "Group Key", "Grouping Sets", "Group Keys",
    "Hash Key", "Hash Keys", "Index Name", "Inner Unique", "Join Type", "Node Type",
    "Parent Relationship", "Plans", "Presorted Key", "Relation Name", "Scan Direction", "Sort Key",
    "Strategy", "Subplan Name",
}  # fmt: skip


def nodes(plan: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    yield plan
    for child in [*plan.get("Plans", []), *plan.get("Grouping Sets", [])]:
        yield from nodes(child)


@pytest.mark.parametrize("sql", EXPLAINED)
@pytest.mark.parametrize("handle", ["tacoma", "puget-sound"])
async def test_a_tenants_plan_has_no_number_in_it(
    handle: str, sql: str, plans: QueryPlanService, staff: Staff
) -> None:
    plan = (await plans.explain(staff[handle], sql)).plan
    for node in nodes(plan):
        assert set(node) <= MAY_TRAVEL
        for value in node.values():
            assert not isinstance(value, int | float) or isinstance(value, bool)


@pytest.mark.parametrize("sql", EXPLAINED)
@pytest.mark.parametrize("handle", ["tacoma", "puget-sound"])
async def test_a_run_tells_a_tenant_the_rows_of_their_own_stores_only(
    handle: str, sql: str, plans: QueryPlanService, owner: asyncpg.Connection, staff: Staff
) -> None:
    """Of each table, never more than the policies let through, however it is read."""
    own = await owner.fetchrow(
        """
        SELECT (SELECT count(*) FROM retail.orders WHERE store_id = ANY ($1)) AS orders,
            (SELECT count(*) FROM retail.order_items WHERE store_id = ANY ($1)) AS order_items,
            (SELECT count(*) FROM retail.customers WHERE store_id = ANY ($1)) AS customers
        """,
        list(staff[handle].store_ids),
    )
    assert own is not None
    explanation = await plans.explain(staff[handle], sql, analyze=True)
    assert explanation.execution_ms is not None
    for step in explanation.tree.walk():
        assert set(step.details) <= MAY_TRAVEL
        if step.node.startswith("Bitmap") and step.node != "Bitmap Heap Scan":
            assert step.rows is None
        if step.on is not None and step.on in own:
            assert step.rows is not None
            assert step.rows <= own[step.on]
    assert {finding.kind for finding in explanation.findings} <= {"sequential_scan", "spill"}


async def test_a_plan_names_tables_joins_and_sorts(plans: QueryPlanService, staff: Staff) -> None:
    plan = (await plans.explain(staff["tacoma"], JOIN)).plan
    found = list(nodes(plan))
    assert {n["Relation Name"] for n in found if "Relation Name" in n} == {
        *("order_items", "orders", "stores")
    }
    assert any("Join Type" in node for node in found)
    assert any("Sort Key" in node for node in found)


async def test_ops_sees_estimates(plans: QueryPlanService, staff: Staff) -> None:
    plan = (await plans.explain(staff["head-office"], JOIN)).plan
    assert plan["Total Cost"] > 0
    assert plan["Plan Rows"] > 0


@pytest.mark.parametrize(
    ("sql", "error"),
    [
        ("EXPLAIN ANALYZE SELECT 1", QueryRejected),
        ("DELETE FROM retail.orders", QueryRejected),
        ("SELECT 1; SELECT 2", QueryRejected),
        ("SELECT pg_read_file('/etc/passwd')", QueryRejected),
        ("SELECT nme FROM retail.stores", (DatabaseError, QueryRejected)),
    ],
)
async def test_only_what_could_be_run_is_explained(
    sql: str, error: type[Exception], plans: QueryPlanService, staff: Staff
) -> None:
    with pytest.raises(error):
        await plans.explain(staff["head-office"], sql)


async def test_explaining_does_not_run_the_statement(plans: QueryPlanService, staff: Staff) -> None:
    # It would fail if it ran.
    explanation = await plans.explain(
        staff["tacoma"], "SELECT 1 / (quantity - quantity) FROM retail.order_items"
    )
    assert explanation.plan["Node Type"]
    assert explanation.execution_ms is None


@pytest.mark.parametrize(
    ("handle", "sees"),
    [
        ("tacoma", {"SELECT tacoma"}),
        ("catalogue-agent", set()),
        ("puget-sound", {"SELECT region"}),
        ("head-office", {"SELECT tacoma", "SELECT region"}),
    ],
)
async def test_others_statements_are_for_ops(
    handle: str,
    sees: set[str],
    transactions: ReadTransactions,
    staff: Staff,
) -> None:
    monitor = QueryMonitor(1.0)
    for user, query in (("tacoma", "SELECT tacoma"), ("puget-sound", "SELECT region")):
        monitor.record(
            Execution(
                user=user,
                fingerprint=query,
                query=query,
                operation="SELECT",
                pool_ms=1,
                database_ms=1,
                encode_ms=1,
                rows=1,
            )
        )
    slow_queries = SlowQueries(monitor, DatabaseStatistics(transactions))
    answer = await slow_queries.costliest(staff[handle], 200)
    assert {cost.query for cost in answer.statements} == sees
    assert bool(answer.operations) == (handle == "head-office")
