"""Rows as columns of numbers, and PostgreSQL's binary COPY format made of them.

Each kind of value is encoded for a whole column at once, about ten times as fast as value by value.
The format: https://www.postgresql.org/docs/current/sql-copy.html#id-1.9.3.55.9.4
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Bytes = NDArray[np.uint8]

COPY_HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)
COPY_TRAILER = b"\xff\xff"

_UNIX_TO_POSTGRES_EPOCH = 946_684_800
_NUMERIC_NEGATIVE = 0x4000


class Kind(Enum):
    """What a column holds, and as which array it is kept."""

    UUID = "uuid"
    """(n, 16) bytes."""
    TEXT = "text"
    """(n,) UTF-8 bytes."""
    INTEGER = "int4"
    """(n,) whole numbers."""
    BOOLEAN = "bool"
    """(n,) truth values."""
    HUNDREDTHS = "numeric"
    """(n,) whole hundredths: cents, or percent times 100."""
    SECONDS = "timestamptz"
    """(n,) whole seconds since 1970."""


TABLES: dict[str, dict[str, Kind]] = {
    "stores": {
        "store_id": Kind.UUID,
        "name": Kind.TEXT,
        "location": Kind.TEXT,
        "is_online": Kind.BOOLEAN,
        "time_zone": Kind.TEXT,
        "created_at": Kind.SECONDS,
    },
    "categories": {"category_id": Kind.UUID, "name": Kind.TEXT, "created_at": Kind.SECONDS},
    "product_types": {
        "type_id": Kind.UUID,
        "category_id": Kind.UUID,
        "name": Kind.TEXT,
        "created_at": Kind.SECONDS,
    },
    "products": {
        "product_id": Kind.UUID,
        "sku": Kind.TEXT,
        "name": Kind.TEXT,
        "description": Kind.TEXT,
        "category_id": Kind.UUID,
        "type_id": Kind.UUID,
        "base_price": Kind.HUNDREDTHS,
        "created_at": Kind.SECONDS,
    },
    "product_costs": {
        "product_id": Kind.UUID,
        "cost": Kind.HUNDREDTHS,
        "created_at": Kind.SECONDS,
    },
    "customers": {
        "store_id": Kind.UUID,
        "customer_id": Kind.UUID,
        "first_name": Kind.TEXT,
        "last_name": Kind.TEXT,
        "email": Kind.TEXT,
        "created_at": Kind.SECONDS,
    },
    "orders": {
        "store_id": Kind.UUID,
        "order_id": Kind.UUID,
        "customer_id": Kind.UUID,
        "order_date": Kind.SECONDS,
        "status": Kind.TEXT,
        "total_amount": Kind.HUNDREDTHS,
        "created_at": Kind.SECONDS,
    },
    "order_items": {
        "store_id": Kind.UUID,
        "order_id": Kind.UUID,
        "line_no": Kind.INTEGER,
        "product_id": Kind.UUID,
        "quantity": Kind.INTEGER,
        "unit_price": Kind.HUNDREDTHS,
        "discount_percent": Kind.HUNDREDTHS,
        "total_amount": Kind.HUNDREDTHS,
        "created_at": Kind.SECONDS,
    },
    "inventory": {
        "store_id": Kind.UUID,
        "product_id": Kind.UUID,
        "stock_level": Kind.INTEGER,
        "reorder_point": Kind.INTEGER,
        "created_at": Kind.SECONDS,
    },
}
"""The columns of each table of schema `retail` that the generator fills."""


@dataclass(frozen=True)
class Rows:
    """Some rows of a table: for each of its columns in `TABLES` an array as its kind says."""

    table: str
    columns: dict[str, NDArray[Any]]

    def __len__(self) -> int:
        return len(next(iter(self.columns.values())))

    def encode(self) -> bytes:
        """The rows in binary COPY format, without its header and trailer."""
        kinds = TABLES[self.table]
        count = np.full((len(self), 1), len(kinds))
        fields = [_big_endian(count, ">i2")]
        present = [np.ones_like(fields[0], bool)]
        for name, kind in kinds.items():
            values = self.columns[name]
            payload = _payload(kind, values)
            lengths = (
                np.char.str_len(values)
                if kind is Kind.TEXT
                else np.full(len(values), payload.shape[1])
            )
            fields += [_big_endian(lengths[:, None], ">i4"), payload]
            present += [
                np.ones((len(values), 4), bool),
                np.arange(payload.shape[1]) < lengths[:, None],
            ]
        row_bytes = np.hstack(fields)
        if Kind.TEXT in kinds.values():
            row_bytes = row_bytes[np.hstack(present)]
        return bytes(row_bytes.data)


def _payload(kind: Kind, values: NDArray[Any]) -> Bytes:
    """The values without their lengths, (n, bytes); texts are padded to the longest."""
    match kind:
        case Kind.UUID:
            return values
        case Kind.TEXT:
            return np.ascontiguousarray(values).view(np.uint8).reshape(len(values), -1)
        case Kind.INTEGER:
            return _big_endian(values[:, None], ">i4")
        case Kind.BOOLEAN:
            return _big_endian(values[:, None], ">u1")
        case Kind.HUNDREDTHS:
            return _numeric(values)
        case Kind.SECONDS:
            since_2000 = values[:, None].astype(np.int64) - _UNIX_TO_POSTGRES_EPOCH
            return _big_endian(since_2000 * 1_000_000, ">i8")


def _big_endian(values: NDArray[Any], dtype: str) -> Bytes:
    """(n, k) numbers as (n, k × size) bytes."""
    return np.ascontiguousarray(values, dtype).view(np.uint8).reshape(len(values), -1)


def _numeric(values: NDArray[np.int64]) -> Bytes:
    """PostgreSQL's numeric: digits to the base 10,000, here two before the point and one after.

    The server drops leading and trailing zero digits by itself, so all rows are equally wide.
    """
    whole, rest = np.divmod(np.abs(values), 100)
    digits, weight, scale = 3, 1, 2
    sign = np.where(values < 0, _NUMERIC_NEGATIVE, 0)
    words = np.empty((len(values), 7), np.int64)
    words[:, 0], words[:, 1], words[:, 2], words[:, 3] = digits, weight, sign, scale
    words[:, 4], words[:, 5], words[:, 6] = whole // 10_000, whole % 10_000, rest * 100
    return _big_endian(words, ">i2")
