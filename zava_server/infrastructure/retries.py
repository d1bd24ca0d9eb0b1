"""Once more after the connection to the database was lost: all that callers ask for only reads."""

from __future__ import annotations

import asyncio
import random
from typing import TYPE_CHECKING, TypeVar

import structlog

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

T = TypeVar("T")

_log = structlog.get_logger(__name__)

# Each is shortened by up to a half: calls that were lost together must not come back together.
_PAUSES_SECONDS = (0.05, 0.1, 0.2, 0.4, 0.8)
# Where finding out takes long as well: no further attempt after this.
_MOST_SECONDS_SINCE_LOSS = 5.0


async def again_when_lost(
    work: Callable[[], Awaitable[T]], is_loss: Callable[[Exception], bool], *, by: float
) -> T:
    """What `work` gives, tried again where `is_loss` says that the connection was lost.

    `by` is the event loop's time by which the last attempt ends. A cancellation, a timeout and any
    other error are never tried again. Raises what the last attempt raised.
    """
    loop = asyncio.get_running_loop()
    try:
        return await work()
    except Exception as error:
        # Looked at and raised again.
        if not is_loss(error):
            raise
        lost = error
    since = loop.time()
    for number, longest in enumerate(_PAUSES_SECONDS, start=2):
        pause = random.uniform(longest / 2, longest)  # noqa: S311 - no secret
        if loop.time() + pause > min(by, since + _MOST_SECONDS_SINCE_LOSS):
            break
        await asyncio.sleep(pause)
        _log.info("trying again", attempt=number)
        limit = asyncio.timeout_at(by)
        try:
            async with limit:
                return await work()
        except TimeoutError as error:
            if not limit.expired():
                raise
            raise lost from error
        except Exception as error:
            # As above.
            if not is_loss(error):
                raise
            lost = error
    raise lost
