"""A result as a chart: a line over days or months, bars by what the first text says."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.cells import cell_len
from textual.content import Content

from zava_tui import format as fmt
from zava_tui.chart import line_chart
from zava_tui.panels.cells import NAME_OF_A_LABEL, cell_format, cell_text
from zava_tui.result_rows import numeric_columns

if TYPE_CHECKING:
    from collections.abc import Sequence

    from zava_tui.answers import ResultTable

TIMES = {"date", "timestamp", "timestamptz"}
MOST_BARS = 200
LONGEST_LABEL, VALUE_WIDTH = 28, 14
LEAST_HEIGHT = 4


def drawable_columns(result: ResultTable) -> list[int]:
    """The columns whose numbers measure something; ids and years do not."""
    return [
        place
        for place in numeric_columns(result)
        if not NAME_OF_A_LABEL.search(result.columns[place].name)
        and any(isinstance(row[place], (int, float)) for row in result.rows)
    ]


def chart_lines(
    result: ResultTable, width: int, height: int, value: int | None = None
) -> list[Content]:
    """The chart of column `value`, or of the likeliest, in lines of `width` cells.

    A line chart has `height` lines, bars have as many as there are rows. Nothing where no column
    has numbers to draw.
    """
    numbers = drawable_columns(result)
    if not numbers:
        return []
    others = [place for place in range(len(result.columns)) if place not in numbers]
    times = [place for place in others if result.columns[place].type in TIMES]
    if value not in numbers:
        value = numbers[0] if times or len(numbers) == 1 else numbers[-1]
    if times:
        return _over_time(result, times[0], value, width, height)
    label = others[0] if others else next((n for n in numbers if n != value), value)
    return _bars(result, label, value, width)


def _over_time(
    result: ResultTable, time: int, value: int, width: int, height: int
) -> list[Content]:
    sums: dict[str, float] = {}
    for row in result.rows:
        if row[time] is not None and isinstance(row[value], (int, float)):
            sums[str(row[time])] = sums.get(str(row[time]), 0.0) + row[value]
    points = sorted(sums.items())
    if len(points) < 2:
        return _bars(result, time, value, width)
    amounts = [amount for _, amount in points]
    low, high = min(0.0, *amounts), max(0.0, *amounts)
    how = cell_format(result.columns[value], amounts[:MOST_BARS])
    room, lines = max(8, width - VALUE_WIDTH - 1), max(LEAST_HEIGHT, height - 2)
    labels = [cell_text(high, how), *[""] * (lines - 2), cell_text(low, how) if low else "0"]
    drawn = line_chart([a - low for a in amounts], [], room, lines, ceiling=high - low or 1.0)
    first, last = (fmt.visible(points[end][0][:10]) for end in (0, -1))
    gap = max(1, room - len(first) - len(last))
    return [
        _title(result, value, f"by {result.columns[time].name}"),
        *(
            Content.assemble((fmt.fit(text, VALUE_WIDTH, "right"), "$quiet"), " ", line)
            for text, line in zip(labels, drawn, strict=True)
        ),
        Content.styled(f"{'':{VALUE_WIDTH + 1}}{first}{'':{gap}}{last}", "$quiet"),
    ]


def _bars(result: ResultTable, label: int, value: int, width: int) -> list[Content]:
    there = [row for row in result.rows if isinstance(row[value], (int, float))]
    rows = there[:MOST_BARS]
    largest = max((abs(row[value]) for row in rows), default=0) or 1
    how = cell_format(result.columns[value], [row[value] for row in rows])
    labels = _labels(result, label, rows)
    room = max(4, width - cell_len(labels[0] if labels else "") - VALUE_WIDTH - 2)
    said = f"by {result.columns[label].name}"
    if len(there) > MOST_BARS:
        said += f", the first {MOST_BARS} of {fmt.count(len(there))}"
    return [
        _title(result, value, said),
        *(
            Content.assemble(
                text,
                " ",
                fmt.fit(cell_text(row[value], how), VALUE_WIDTH, "right"),
                " ",
                (
                    fmt.bar(abs(row[value]) / largest, room),
                    "$accent" if row[value] >= 0 else "$error",
                ),
            )
            for text, row in zip(labels, rows, strict=True)
        ),
    ]


def _labels(result: ResultTable, label: int, rows: Sequence[list[object]]) -> list[str]:
    """What stands before the bars, all in the same number of cells."""
    how = cell_format(result.columns[label], [])
    texts = [cell_text(row[label], how) for row in rows]
    widest = max((min(LONGEST_LABEL, cell_len(text)) for text in texts), default=0)
    return [fmt.fit(text, widest) for text in texts]


def _title(result: ResultTable, value: int, said: str) -> Content:
    name = fmt.visible(result.columns[value].name)
    return Content.assemble((name, "bold"), (f"  {fmt.visible(said)}", "$quiet"))
