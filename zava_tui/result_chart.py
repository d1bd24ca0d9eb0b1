"""A result as a chart: a line over days or months, bars by what the first text says."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.content import Content

from zava_tui import format as fmt
from zava_tui.chart import line_chart
from zava_tui.panels.cells import NAME_OF_A_LABEL, cell_format, cell_text
from zava_tui.result_rows import numeric_columns

if TYPE_CHECKING:
    from zava_tui.answers import ResultTable

TIMES = {"date", "timestamp", "timestamptz"}
MOST_BARS = 200
LABEL_WIDTH, VALUE_WIDTH = 28, 14
LINE_HEIGHT = 12


def chart_lines(result: ResultTable, width: int) -> list[Content]:
    """The chart in lines of `width` cells; none where no column has numbers."""
    numbers = [
        place
        for place in numeric_columns(result)
        if any(isinstance(row[place], (int, float)) for row in result.rows)
        and not NAME_OF_A_LABEL.search(result.columns[place].name)
    ]
    if not numbers:
        return []
    others = [place for place in range(len(result.columns)) if place not in numbers]
    times = [place for place in others if result.columns[place].type in TIMES]
    value = numbers[0] if times or len(numbers) == 1 else numbers[-1]
    if times:
        return _over_time(result, times[0], value, width)
    return _bars(result, others[0] if others else numbers[0], value, width)


def _over_time(result: ResultTable, time: int, value: int, width: int) -> list[Content]:
    sums: dict[str, float] = {}
    for row in result.rows:
        if row[time] is not None and isinstance(row[value], (int, float)):
            sums[str(row[time])] = sums.get(str(row[time]), 0.0) + row[value]
    points = sorted(sums.items())
    if len(points) < 2:
        return _bars(result, time, value, width)
    ceiling = max(max(sums.values()), 0.0) or 1.0
    room = width - VALUE_WIDTH - 1
    how = cell_format(result.columns[value], sums.values())
    labels = [cell_text(ceiling, how), *[""] * (LINE_HEIGHT - 2), "0"]
    drawn = line_chart([amount for _, amount in points], [], room, LINE_HEIGHT, ceiling=ceiling)
    first, last = points[0][0][:10], points[-1][0][:10]
    gap = max(1, room - len(first) - len(last))
    return [
        Content.styled(fmt.visible(result.columns[value].name), "bold"),
        *(
            Content.assemble((fmt.fit(label, VALUE_WIDTH, "right"), "$quiet"), " ", line)
            for label, line in zip(labels, drawn, strict=True)
        ),
        Content.styled(f"{'':{VALUE_WIDTH + 1}}{first}{'':{gap}}{last}", "$quiet"),
    ]


def _bars(result: ResultTable, label: int, value: int, width: int) -> list[Content]:
    counted = [row for row in result.rows if isinstance(row[value], (int, float))]
    rows = counted[:MOST_BARS]
    told = f", the first {MOST_BARS} of {len(counted):,} rows" if len(counted) > MOST_BARS else ""
    largest = max((abs(row[value]) for row in rows), default=0) or 1
    room = max(4, width - LABEL_WIDTH - VALUE_WIDTH - 2)
    how = cell_format(result.columns[value], [row[value] for row in rows])
    of_label = cell_format(result.columns[label], [])
    return [
        Content.assemble((fmt.visible(result.columns[value].name), "bold"), (told, "$quiet")),
        *(
            Content.assemble(
                fmt.fit(cell_text(row[label], of_label), LABEL_WIDTH),
                " ",
                (fmt.fit(cell_text(row[value], how), VALUE_WIDTH, "right"), ""),
                " ",
                (
                    fmt.bar(abs(row[value]) / largest, room),
                    "$accent" if row[value] >= 0 else "$error",
                ),
            )
            for row in rows
        ),
    ]
