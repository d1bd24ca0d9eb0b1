"""What a scripted server says of sales and stock."""

from __future__ import annotations

from zava_tui.store_answers import (
    Insight,
    Performance,
    Seller,
    Share,
    StockAlert,
    Trend,
    TrendPoint,
)

_CATEGORIES = (
    ("Outdoor power", 0.31), ("Paint & stain", 0.22), ("Plumbing", 0.14), ("Tools", 0.12),
    ("Electrical", 0.09), ("Garden", 0.07), ("Hardware", 0.05),
)  # fmt: skip
_MONTHS = (
    182.0,
    171.5,
    160.2,
    188.9,
    214.0,
    255.3,
    288.1,
    301.7,
    276.4,
    240.8,
    221.9,
    236.0,
    140.6,
)
PERFORMANCE = Performance(
    store="Seattle",
    revenue=2_737_200.0,
    revenue_before=2_431_000.0,
    revenue_last_year=2_431_000.0,
    previous="2024-12-01..2025-11-23",
    last_year="2024-12-01..2025-11-23",
    categories=tuple(Share(name, 2_737_200.0 * share, share) for name, share in _CATEGORIES),
    insights=(
        Insight(
            "change",
            "Revenue of the last 7 days is $48,230, 31 % above its usual $36,800 (3.2 σ); Garden "
            "and Paint & stain carry it.",
            48_230.0,
            36_800.0,
        ),
        Insight(
            "stock_out",
            "7 products that otherwise sell $163 a day are out of stock, first of all "
            "[bold]Deck Stain[/] [PL-7].",
            163.0,
            6_412.0,
        ),
        Insight("change", "Returns are 4.1 %, usually 2.2 % (2.9 σ).", 0.022, 0.041),
    ),
)
TREND = Trend(
    "month",
    tuple(
        TrendPoint(f"{2024 + (10 + n) // 12}-{(10 + n) % 12 + 1:02}-01", revenue * 1000, n == 12)
        for n, revenue in enumerate(_MONTHS)
    ),
)
TREND_BEFORE = Trend(
    "month",
    tuple(
        TrendPoint(p.start, p.revenue * (0.8 + n / 60), False) for n, p in enumerate(TREND.points)
    ),
)
SELLERS = (
    Seller("PS-1", "Deck Stain, Cedar, 5 gal", "Paint & stain", 1038, 149_400.0, 121_000.0),
    Seller("TL-1", "20V Cordless Drill/Driver Kit", "Tools", 221, 121_547.8, 130_100.0),
    Seller("PL-4", "漢字 and \x1b[31mescapes", "Plumbing", 12, 120.0, 0.0),
)
ALERTS = (
    StockAlert("out_of_stock", "Seattle", "PL-7", "Deck Stain, Cedar, 5 gal", 0, 0.0, 42),
    StockAlert("reorder", "Seattle", "PL-1", "Faucet Washer Kit", 4, 2.6, 61),
    StockAlert("slow_mover", "Seattle", "GD-9", "Snow Shovel", 180, 412.0, None),
)
