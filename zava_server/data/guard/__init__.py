"""The parser guard: what a caller's SQL may say, checked before the database sees it."""

from zava_server.data.guard.guard import CheckedStatement, SqlGuard
from zava_server.data.guard.policy import SqlPolicy
from zava_server.data.guard.retail_policy import RETAIL_POLICY

__all__ = ["RETAIL_POLICY", "CheckedStatement", "SqlGuard", "SqlPolicy"]
