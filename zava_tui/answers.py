"""What the server's tools answer, as plain frozen values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


class ToolError(Exception):
    """A call that the server refused or could not serve.

    `code` is one of the server's stable codes, or `DISCONNECTED` when there was no server to ask;
    `message` is one sentence for people, `hint` the next step, if there is one.
    """

    def __init__(self, code: str, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.hint = hint


DISCONNECTED = "DISCONNECTED"
DATABASE_UNAVAILABLE = "DATABASE_UNAVAILABLE"
UNAUTHORISED = "AUTHORIZATION_ERROR"


@dataclass(frozen=True, slots=True)
class Column:
    """A result's column; `type` is PostgreSQL's short name for it, such as `numeric`."""

    name: str
    type: str


@dataclass(frozen=True, slots=True)
class ResultTable:
    """The answer to a statement; `truncated` when there were more rows than were sent.

    `behind_seconds` is how old the answer may be; None where the primary gave it.
    """

    columns: tuple[Column, ...]
    rows: list[list[Any]]
    truncated: bool
    elapsed_ms: float
    behind_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Hit:
    """A product found by its description; `stock` is None for a caller without a store."""

    sku: str
    name: str
    category: str
    price: float
    similarity: float | None
    stock: int | None
    weak: bool


@dataclass(frozen=True, slots=True)
class SearchHits:
    """Products, best first, and what the server wants said about them."""

    hits: tuple[Hit, ...]
    notice: str | None
    elapsed_ms: float


@dataclass(frozen=True, slots=True)
class SearchFilters:
    """What a search is narrowed to; None and False narrow nothing. Prices are in dollars."""

    category: str | None = None
    min_price: float | None = None
    max_price: float | None = None
    in_stock: bool = False


@dataclass(frozen=True, slots=True)
class SlowQuery:
    """One normalised statement and what it cost; times in milliseconds.

    `operation` is `query` for a caller's SQL, else what the server did; `last_seen` is ISO 8601.
    """

    fingerprint: str
    query: str
    operation: str
    calls: int
    errors: int
    slow_calls: int
    mean_ms: float
    p50_ms: float
    p95_ms: float
    p99_ms: float
    max_ms: float
    total_ms: float
    pool_ms: float
    database_ms: float
    rows: int
    last_seen: str


@dataclass(frozen=True, slots=True)
class SlowQueries:
    """Statements, costliest first, and from when on a call counts as slow."""

    queries: tuple[SlowQuery, ...]
    threshold_ms: float
    notice: str | None = None


@dataclass(frozen=True, slots=True)
class PlanStep:
    """One step of a plan; None where the statement did not run or we may not know.

    `time_ms` is without the steps below it, `share` that part of the whole from 0 to 1.
    """

    node: str
    on: str | None
    rows: int | None
    time_ms: float | None
    share: float | None
    details: dict[str, Any]
    children: tuple[PlanStep, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """How a statement runs, and in sentences what stands out; `execution_ms` where it ran."""

    root: PlanStep
    findings: tuple[str, ...]
    execution_ms: float | None


@dataclass(frozen=True, slots=True)
class ReplicasHealth:
    """How the replicas do that answer reads, and how far the one asked last was behind."""

    status: str
    reason: str | None
    behind_seconds: float | None
    in_use: int
    max_size: int


@dataclass(frozen=True, slots=True)
class PoolHealth:
    """The server's database connections now and over the last minute, one sample a second.

    `closed_because` counts the ends of connections by reason; `embedded` of the catalogue's
    `products` can be found by meaning yet.
    """

    status: str
    reason: str | None
    size: int
    idle: int
    in_use: int
    waiting: int
    max_size: int
    wait_p50_ms: float
    wait_p95_ms: float
    opened: int
    closed: int
    closed_because: dict[str, int]
    server_version: str
    database: str
    in_use_history: tuple[int, ...]
    waiting_history: tuple[int, ...]
    embedder: str
    dimensions: int
    embedded: int
    products: int
    replicas: ReplicasHealth | None = None


@dataclass(frozen=True, slots=True)
class HealthCheck:
    """A part of the server: `ok`, `degraded` or `down`, since when (ISO 8601), and why.

    `details` are for operators; others get none.
    """

    name: str
    status: str
    reason: str | None
    since: str
    details: dict[str, Any]


@dataclass(frozen=True, slots=True)
class ServerHealth:
    """How the server does as a whole, and its parts. `versions` are for operators."""

    status: str
    reason: str | None
    uptime_seconds: float
    checks: tuple[HealthCheck, ...]
    versions: dict[str, str]


@dataclass(frozen=True, slots=True)
class Identity:
    """Who the server takes us for; `stores` are names."""

    user: str
    display_name: str
    role: str
    stores: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SetupProgress:
    """How far the making of the database has come; `overall` runs from 0 to 1.

    `place` is its directory, empty where it has none or that was not said.
    """

    step: str
    overall: float
    detail: str
    place: str = ""


@dataclass(frozen=True, slots=True)
class BrowsedColumn:
    """A column of a table that is browsed: its label for people and what may be done with it."""

    name: str
    type: str
    label: str
    sortable: bool
    filters: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RowLink:
    """Where one can go on from a row: another table, its columns filtered by this row's."""

    label: str
    table: str
    filters: tuple[tuple[str, str], ...]
    """Pairs of the other table's column and this table's."""


@dataclass(frozen=True, slots=True)
class Filter:
    """A condition on a column, such as `total_amount >= 500`."""

    column: str
    operator: str
    value: Any


@dataclass(frozen=True, slots=True)
class Page:
    """Some rows of a table; `cursor` leads to those that follow, None at the end.

    `total` counts all rows that pass the filters where that is cheap, on a first page only.
    """

    table: str
    columns: tuple[BrowsedColumn, ...]
    rows: list[list[Any]]
    sort: str
    cursor: str | None
    total: int | None
    total_is_exact: bool
    links: tuple[RowLink, ...]
    elapsed_ms: float
