"""`zava --connect URL --token T` with the real server, over real HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.integration.http_servers import http_server, id_of, issued
from tests.ui.scripted import text_of, until_shown
from zava_server.token_commands import end_token
from zava_tui.app import ZavaApp
from zava_tui.backend import RemoteBackend

if TYPE_CHECKING:
    from zava_server.infrastructure.settings import Settings
    from zava_server.startup import Database

SIZE = (120, 40)
PATIENCE = 60.0


async def test_head_office_sees_all_panels_live(database: Database, settings: Settings) -> None:
    with http_server(settings, "--user", "head-office") as server:
        app = ZavaApp(RemoteBackend(server.mcp, server.token))
        async with app.run_test(size=SIZE) as pilot:
            await until_shown(pilot, "● live", "7 days", "$", "revenue", seconds=PATIENCE)
            await until_shown(pilot, " rows · ", " products · ", "in use", seconds=PATIENCE)
            assert "✖" not in text_of(pilot)


async def test_a_manager_without_ops_sees_the_figures(
    database: Database, settings: Settings
) -> None:
    token = await issued(settings, "seattle")
    with http_server(settings) as server:
        app = ZavaApp(RemoteBackend(server.mcp, token))
        async with app.run_test(size=SIZE) as pilot:
            await until_shown(pilot, "● live", "7 days", "Seattle", " rows · ", seconds=PATIENCE)
            await until_shown(pilot, "Your token does not open this part", seconds=PATIENCE)


async def test_a_token_that_was_revoked_is_said_to_be_refused(
    database: Database, settings: Settings
) -> None:
    token = await issued(settings, "seattle")
    await end_token(settings, id_of(token))
    with http_server(settings) as server:
        app = ZavaApp(RemoteBackend(server.mcp, token))
        async with app.run_test(size=SIZE) as pilot:
            await until_shown(
                pilot, "✖ No server", "The token was refused by the server", seconds=PATIENCE
            )


async def test_a_token_that_is_revoked_meanwhile_is_said_to_be_refused_and_the_data_stay(
    database: Database, settings: Settings
) -> None:
    token = await issued(settings, "seattle")
    with http_server(settings) as server:
        app = ZavaApp(RemoteBackend(server.mcp, token))
        async with app.run_test(size=SIZE) as pilot:
            await until_shown(pilot, "● live", " rows · ", seconds=PATIENCE)
            await end_token(settings, id_of(token))
            await until_shown(
                pilot, "The token was refused by the server", "--token.", seconds=PATIENCE
            )
            assert app.overview.query("#results DataTable")
