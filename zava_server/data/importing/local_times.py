"""Local times of stores as instants."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Microseconds = NDArray[np.int64]

_EPOCH = datetime(1970, 1, 1)
_MINUTE = 60_000_000


def as_instants(local: Microseconds, zone: str) -> Microseconds:
    """Microseconds since 1970 on the zone's clocks as microseconds since 1970 UTC.

    A time that the clocks skip moves forward by what they skip; of two that they show twice the
    first counts.
    """
    # Python's `fold=0` means both (PEP 495). Offsets change on whole minutes only.
    minutes, places = np.unique(local // _MINUTE, return_inverse=True)
    clocks = ZoneInfo(zone)
    offsets = [
        (_EPOCH + timedelta(minutes=minute)).replace(tzinfo=clocks).utcoffset() or timedelta()
        for minute in minutes.tolist()
    ]
    microseconds = [offset // timedelta(microseconds=1) for offset in offsets]
    instants: Microseconds = local - np.array(microseconds, np.int64)[places]
    return instants
