"""The periods that may be chosen. Plain values, known before Textual is imported."""

from __future__ import annotations

PERIODS = {
    "12m": "the last 12 months",
    "7d": "the last 7 days",
    "30d": "the last 30 days",
    "90d": "the last 90 days",
}
"""As the server reads them and as people do, in the order in which a key goes through them."""
