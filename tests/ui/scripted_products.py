"""What a scripted server knows of one product."""

from __future__ import annotations

from zava_tui.answers import BrowsedColumn, Column, Hit, Page, ResultTable, SearchHits

_MONTHS = (41, 52, 38, 44, 61, 97, 88, 57, 49, 40, 35, 22)
"""Units of the last twelve months, the oldest first."""

ABOUT_A_KIT = ResultTable(
    columns=(
        Column("what", "text"),
        Column("name", "text"),
        Column("ago", "int4"),
        Column("amount", "numeric"),
        Column("other", "numeric"),
    ),
    rows=[
        ["cost", None, None, 3.89, None],
        ["stock", "Bellevue", None, 12, 20],
        ["stock", "Everett", None, 0, 10],
        ["stock", "Seattle", None, 34, 20],
        *(["month", None, 11 - place, units, 6.49 * units] for place, units in enumerate(_MONTHS)),
    ],
    truncated=False,
    elapsed_ms=5.0,
)
LIKE_A_KIT = SearchHits(
    hits=(
        Hit("PL-7", "Tap Reseating Tool", "plumbing", 12.99, 0.74, 9, weak=False),
        Hit("PL-8", "O-Ring Assortment, 200-Piece", "plumbing", 8.49, 0.69, 0, weak=False),
        Hit("PL-9", "Cartridge Puller", "plumbing", 18.25, 0.61, 4, weak=True),
    ),
    notice=None,
    elapsed_ms=4.0,
)


def page_about(sku: str) -> Page | None:
    """The row of one of the products that searches find; None for others."""
    if sku not in _NAMES:
        return None
    described = "Stops a dripping tap: [b]120[/] washers\x1b[31m, O-rings and springs in a box."
    columns = {
        "sku": sku,
        "name": _NAMES[sku],
        "category": "Plumbing",
        "product_type": "Faucet Parts",
        "base_price": 6.49,
        "description": described,
    }
    return Page(
        table="products",
        columns=tuple(BrowsedColumn(name, "text", name, False, ()) for name in columns),
        rows=[[*columns.values()]],
        sort="name asc",
        cursor=None,
        total=1,
        total_is_exact=True,
        links=(),
        elapsed_ms=1.0,
    )


_NAMES = {
    "PL-1": "Faucet Washer Kit",
    "PL-2": "Valve Seat Wrench",
    "PL-4": "Compression Sleeve Puller",
    "PL-7": "Tap Reseating Tool",
}
