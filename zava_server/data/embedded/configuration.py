"""The server's configuration, written before each start, so that it never holds an old truth."""

from __future__ import annotations

from typing import TYPE_CHECKING

from zava_server.data.embedded.cluster import OWNER
from zava_server.data.embedded.layout import PORT

if TYPE_CHECKING:
    from zava_server.data.embedded.layout import Layout

SETTINGS = """\
# Rewritten at every start.
max_connections = 100
shared_buffers = 256MB
huge_pages = off
shared_preload_libraries = 'pg_stat_statements'
# Other statements keep their literals.
pg_stat_statements.track_utility = off
jit = off
timezone = 'UTC'
datestyle = 'ISO, YMD'
default_text_search_config = 'pg_catalog.english'

# Logins are over the private socket only; prepared transactions would outlive their caller.
password_encryption = 'scram-sha-256'
max_prepared_transactions = 0

# A statement ends soon after the process that wanted its answer was killed.
client_connection_check_interval = 200ms

# A bulk load should meet few checkpoints.
max_wal_size = 2GB
checkpoint_timeout = 15min

# Sorts and joins on disk, a process; callers' own limit is on their role.
temp_file_limit = 8GB

# A file a weekday, overwritten the week after. `log` leaves callers' errors out: their messages
# carry literals of their statements. Terse leaves out what a backend that crashed was running.
logging_collector = on
log_directory = 'log'
log_filename = 'postgresql-%a.log'
log_file_mode = 0600
log_rotation_age = 1d
log_rotation_size = 0
log_truncate_on_rotation = on
log_timezone = 'UTC'
log_checkpoints = off
log_min_messages = log
log_min_error_statement = panic
log_error_verbosity = terse
log_parameter_max_length = 0
log_parameter_max_length_on_error = 0
"""

_LOGINS = """\
# TYPE  DATABASE  USER  METHOD
local   all       all   peer map=zava
"""


def write(layout: Layout, login: str) -> None:
    """Writes the configuration; the operating system's user `login` may come in.

    Raises OSError.
    """
    quoted = login.replace('"', '""')
    roles = (OWNER, "zava_app")
    users = "".join(f'zava "{quoted}" {role}\n' for role in roles)
    for name, text in (
        ("postgresql.conf", SETTINGS),
        ("pg_hba.conf", _LOGINS),
        ("pg_ident.conf", users),
    ):
        path = layout.config / name
        path.write_text(text)
        path.chmod(0o644)


def command_line(layout: Layout, cluster: str) -> list[str]:
    """The server's arguments. What must hold stands here, where ALTER SYSTEM does not reach it.

    The socket's directory is relative to the data directory: that keeps it short and unquoted.
    """
    settings = {
        "config_file": layout.config / "postgresql.conf",
        "hba_file": layout.config / "pg_hba.conf",
        "ident_file": layout.config / "pg_ident.conf",
        "listen_addresses": "",
        "port": PORT,
        "unix_socket_directories": f"../{layout.socket.name}",
        "unix_socket_permissions": "0700",
        "cluster_name": cluster,
    }
    arguments = ["-D", str(layout.data)]
    for name, value in settings.items():
        arguments += ["-c", f"{name}={value}"]
    return arguments
