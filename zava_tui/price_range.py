"""A price range as people type it."""

from __future__ import annotations

import re

_NUMBER = r"\$?\s*(\d+(?:\.\d+)?)"
_BETWEEN = re.compile(rf"(?:{_NUMBER})?\s*(?:-|–|to|\.\.)\s*(?:{_NUMBER})?")
_ABOVE = re.compile(rf"(?:>=?|over|from)\s*{_NUMBER}")
_BELOW = re.compile(rf"(?:(?:<=?|under|up to)\s*)?{_NUMBER}")


class BadPrice(Exception):
    """What was typed is no price range, in one sentence with the way out."""


def price_range(text: str) -> tuple[float | None, float | None]:
    """Lowest and highest price of `10-50`, `>10`, `<50` or `50`; None where there is no bound.

    Raises BadPrice.
    """
    plain = text.strip().lower().replace(",", "")
    if not plain:
        return None, None
    if match := _BELOW.fullmatch(plain):
        return None, float(match[1])
    if match := _ABOVE.fullmatch(plain):
        return float(match[1]), None
    if (match := _BETWEEN.fullmatch(plain)) and any(match.groups()):
        low, high = (None if bound is None else float(bound) for bound in match.groups())
        if low is not None and high is not None and low > high:
            low, high = high, low
        return low, high
    raise BadPrice(f"{text.strip()} is no price range. Write 10-50, >10 or <50.")


def range_text(low: float | None, high: float | None) -> str:
    """A price range in words: `$10 to $50`, `from $10`, `up to $50`, `any`."""
    if low is None and high is None:
        return "any"
    if low is None:
        return f"up to ${high:g}"
    if high is None:
        return f"from ${low:g}"
    return f"${low:g} to ${high:g}"
