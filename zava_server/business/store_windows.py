"""Spans of local days as what to read of each store."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from zava_server.business.periods import Span
from zava_server.data.performance import Cut, Window

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from zava_server.data.performance import StoreClock

UNSURE = timedelta(hours=3)
"""Where clocks go back, a local hour has no single first instant; nowhere by more than this."""


def windows_of(
    clocks: Sequence[StoreClock], spans: Callable[[datetime], dict[str, Span]], now: datetime
) -> list[Window]:
    """A window a store and span; `spans` gives them by name for a store's local time."""
    windows = []
    for clock in clocks:
        zone = ZoneInfo(clock.time_zone)
        local = now.astimezone(zone)
        for name, span in spans(local.replace(tzinfo=None)).items():
            ends_now = span.until == local.date() and span.cut == local.time()
            if ends_now and not clock.has_later_orders:
                # Today has nothing yet but what lies before now: the day as a whole.
                span = Span(span.start, span.until + timedelta(days=1))
            windows.append(
                Window(
                    name,
                    clock.store_id,
                    span.start,
                    span.until,
                    # Now itself, where it is now: an hour that comes twice has two instants.
                    _cut(span, zone, now if ends_now else None),
                    span.whole_months,
                    span.loose_days,
                )
            )
    return windows


def _cut(span: Span, zone: ZoneInfo, now: datetime | None) -> Cut | None:
    if span.cut is None:
        return None
    hour = datetime.combine(span.until, time(span.cut.hour), zone)
    midnight = datetime.combine(span.until, time.min, zone)
    # In UTC, since arithmetic within a zone is on the clock's face.
    return Cut(
        hour=span.cut.hour,
        hour_since=hour.astimezone(UTC) - UNSURE,
        day_since=midnight.astimezone(UTC) - UNSURE,
        at=now or span.end.replace(tzinfo=zone),
    )
