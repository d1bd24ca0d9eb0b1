"""Tokens over real HTTP: whatever is not issued, current and whole opens nothing."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import http.server
import json
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest
from joserfc import jwt
from joserfc.jwk import OctKey, RSAKey

from tests.conftest import Staff
from tests.integration.http_servers import (
    HttpServer,
    bearer,
    client_of,
    content,
    get,
    http_server,
    issued,
    post,
)
from tests.integration.states import until_it_is
from zava_server.data.identity import ask_as_server
from zava_server.data.pool import Pool
from zava_server.data.signing_keys import SigningKey
from zava_server.data.token_keys import TokenKey
from zava_server.data.tokens import SCOPES, enter_token, find_token, list_tokens, revoke_token
from zava_server.infrastructure.errors import DatabaseUnavailable
from zava_server.infrastructure.settings import Settings
from zava_server.startup import Database
from zava_server.token_commands import end_token

ISSUER = "https://login.example"
AUDIENCE = "zava-test"
REVOKED_WITHIN_SECONDS = 5


@dataclass(frozen=True)
class Provider:
    """An identity provider: a key, and where its public half can be had."""

    key: RSAKey
    jwks_url: str

    def token(self, header: dict[str, Any] | None = None, **claims: Any) -> str:
        """A good token, but for what is given."""
        good = {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "sub": "4711",
            "zava_user": "tacoma",
            "exp": int(time.time()) + 600,
            "scope": "query search",
        }
        kept = {name: value for name, value in {**good, **claims}.items() if value is not None}
        return jwt.encode({"alg": "RS256", "kid": self.key.kid, **(header or {})}, kept, self.key)


@pytest.fixture(scope="module")
def provider() -> Iterator[Provider]:
    key = RSAKey.generate_key(2048, parameters={"kid": "first"})
    published = json.dumps({"keys": [key.as_dict(private=False)]}).encode()

    class Keys(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            self.wfile.write(published)

        def log_message(self, *_: object) -> None:
            """Says nothing."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Keys) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield Provider(key, f"http://127.0.0.1:{server.server_port}/jwks")
        server.shutdown()


@pytest.fixture(scope="module")
async def good(database: Database, settings: Settings) -> str:
    return await issued(settings, "seattle")


@pytest.fixture(scope="module")
def server(good: str, provider: Provider, settings: Settings) -> Iterator[HttpServer]:
    environment = {
        "ZAVA_AUTH_JWKS_URL": provider.jwks_url,
        "ZAVA_AUTH_ISSUER": ISSUER,
        "ZAVA_AUTH_AUDIENCE": AUDIENCE,
        "ZAVA_AUTH_USER_CLAIM": "zava_user",
    }
    # Two workers: what is revoked is refused by both.
    with http_server(settings, "--workers", "2", environment=environment) as server:
        yield server


@pytest.fixture(scope="module")
def key(good: str, settings: Settings) -> TokenKey:
    return TokenKey.read(settings.token_key)


@pytest.fixture
async def register(database: Database) -> Any:
    assert database.owner is not None
    owner = await database.owner.connect()
    yield owner
    await owner.close()


async def status(server: HttpServer, token: str | None) -> int:
    answer = await post(server.mcp, b'{"jsonrpc":"2.0","id":1,"method":"ping"}', token)
    return answer.status_code


def parts(token: str) -> list[dict[str, Any]]:
    """Header and claims."""
    return [
        json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
        for part in token.split(".")[:2]
    ]


def encoded(value: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def in_an_hour() -> datetime:
    return datetime.now(UTC) + timedelta(hours=1)


async def test_an_issued_token_opens_its_scopes(server: HttpServer, good: str) -> None:
    async with client_of(server.mcp, good) as client:
        assert (await content(client, "whoami"))["user"] == "seattle"


async def test_without_a_token_the_challenge_tells_where_to_get_one(server: HttpServer) -> None:
    answer = await post(server.mcp, b"{}")
    challenge = answer.headers["WWW-Authenticate"]
    assert answer.status_code == 401
    assert challenge.startswith("Bearer")
    assert "error=" not in challenge
    where = challenge.partition('resource_metadata="')[2].partition('"')[0]
    metadata = (await get(where)).json()
    assert metadata["resource"] == server.mcp
    assert metadata["authorization_servers"] == [f"{ISSUER}/"]
    assert metadata["scopes_supported"] == list(SCOPES)


@pytest.mark.parametrize(
    "token",
    ["x", "a.b.c", "..", "eyJ.eyJ.", "null", "a" * 8000, "Bearer x", "0" * 40 + "." * 40],
)
async def test_what_is_no_token_is_refused(token: str, server: HttpServer) -> None:
    answer = await post(
        server.mcp, b"{}", Authorization=f"Bearer {token}".encode().decode("latin-1")
    )
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")


async def test_a_token_of_another_scheme_or_place_is_none(server: HttpServer, good: str) -> None:
    for headers in (
        {"Authorization": good},
        {"Authorization": f"Basic {good}"},
        {"X-Token": good, "Cookie": f"token={good}"},
    ):
        assert (await post(server.mcp, b"{}", **headers)).status_code == 401
    assert (await post(f"{server.mcp}?token={good}&access_token={good}", b"{}")).status_code == 401


async def test_forged_tokens_are_refused(
    server: HttpServer, good: str, key: TokenKey, signing_key: SigningKey
) -> None:
    header, claims = parts(good)
    signature = good.rpartition(".")[2]
    body = encoded(claims)
    other = encoded({**claims, "sub": "head-office"})
    forged = {
        "alg none": f"{encoded({**header, 'alg': 'none'})}.{body}.",
        "alg None": f"{encoded({**header, 'alg': 'None'})}.{body}.",
        "alg none, signed": f"{encoded({**header, 'alg': 'none'})}.{body}.{signature}",
        "no signature": f"{encoded(header)}.{body}.",
        "another user": f"{encoded(header)}.{other}.{signature}",
        "more scopes": f"{encoded(header)}.{encoded({**claims, 'scope': 'ops'})}.{signature}",
        "another key": TokenKey.generate().issue(
            UUID(claims["jti"]), "seattle", SCOPES, in_an_hour()
        ),
        "another key of that name": replace(TokenKey.generate(), key_id=key.key_id).issue(
            UUID(claims["jti"]), "seattle", SCOPES, in_an_hour()
        ),
        "the identity key": TokenKey(key.key_id, signing_key.secret).issue(
            UUID(claims["jti"]), "seattle", SCOPES, in_an_hour()
        ),
        "an identity": signing_key.sign(uuid4(), 60),
        "an empty key": jwt.encode({"alg": "HS256"}, claims, OctKey.import_key(b"\0" * 32)),
        "critical": f"{encoded({**header, 'crit': ['x'], 'x': 1})}.{body}.{signature}",
    }
    for name, token in forged.items():
        assert await status(server, token) == 401, name
    assert await status(server, good) == 200


async def test_what_the_key_signs_and_the_register_does_not_know_is_refused(
    server: HttpServer, key: TokenKey, good: str, register: asyncpg.Connection
) -> None:
    """Whoever has the key alone, or a token of somebody else's, is nobody."""
    token_id = UUID(parts(good)[1]["jti"])
    assert await status(server, key.issue(uuid4(), "seattle", SCOPES, in_an_hour())) == 401
    assert await status(server, key.issue(token_id, "tacoma", SCOPES, in_an_hour())) == 401
    # One without an end is of the key that ends with its server.
    assert await status(server, key.issue(token_id, "seattle", SCOPES, None)) == 401
    # The register's scopes hold, whatever the token says.
    wider = key.issue(token_id, "seattle", SCOPES, in_an_hour())
    async with client_of(server.mcp, wider) as client:
        assert "get_pool_health" not in {tool.name for tool in await client.list_tools()}


async def test_an_expired_token_is_refused(
    server: HttpServer, key: TokenKey, good: str, register: asyncpg.Connection
) -> None:
    token_id = UUID(parts(good)[1]["jti"])
    past = datetime.now(UTC) - timedelta(seconds=1)
    assert await status(server, key.issue(token_id, "seattle", SCOPES, past)) == 401
    soon = datetime.now(UTC) + timedelta(seconds=2)
    short = key.issue(
        await enter_token(register, "seattle", ["query"], soon), "seattle", ["query"], soon
    )
    assert await status(server, short) == 200
    await until_it_is(lambda: status(server, short), 401, seconds=4)


async def test_a_token_for_another_use_is_refused(
    server: HttpServer, key: TokenKey, good: str
) -> None:
    claims = parts(good)[1]
    secret = OctKey.import_key(key.secret)
    for wrong in ({"aud": "other"}, {"aud": ["zava"]}, {"iss": "other"}, {"aud": None}):
        kept = {name: value for name, value in {**claims, **wrong}.items() if value is not None}
        assert await status(server, jwt.encode({"alg": "HS256"}, kept, secret)) == 401, wrong


async def test_a_revoked_token_ends_within_five_seconds_on_all_workers(
    server: HttpServer, settings: Settings
) -> None:
    token = await issued(settings, "tacoma")
    for _ in range(8):
        assert await status(server, token) == 200
    await end_token(settings, UUID(parts(token)[1]["jti"]))
    revoked = last_let_in = time.monotonic()
    in_a_row = 0
    async with asyncio.timeout(30):
        while in_a_row < 12:
            asked = time.monotonic()
            in_a_row += 1
            if await status(server, token) != 401:
                in_a_row, last_let_in = 0, asked
            await asyncio.sleep(0.05)
    assert last_let_in < revoked + REVOKED_WITHIN_SECONDS
    print(f"refused by all workers after {last_let_in - revoked:.1f} s")


async def test_a_user_who_goes_takes_their_tokens_along(
    server: HttpServer, settings: Settings, register: asyncpg.Connection
) -> None:
    await register.execute(
        "INSERT INTO identity.users (handle, display_name, role) VALUES ('leaver', 'L', 'viewer')"
    )
    token = await issued(settings, "leaver")
    assert await status(server, token) == 200
    await register.execute("DELETE FROM identity.users WHERE handle = 'leaver'")
    await until_it_is(lambda: status(server, token), 401, seconds=REVOKED_WITHIN_SECONDS)
    assert "leaver" not in {entry.handle for entry in await list_tokens(register)}


async def test_rights_that_are_taken_are_gone_within_seconds(
    server: HttpServer, settings: Settings, register: asyncpg.Connection
) -> None:
    token = await issued(settings, "head-office", "query,ops")
    change = "UPDATE identity.users SET permissions = $1 WHERE handle = 'head-office'"

    async def metrics() -> int:
        return (await get(f"{server.base}/metrics", token)).status_code

    assert await metrics() == 200
    try:
        await register.execute(change, [])
        await until_it_is(metrics, 403, seconds=REVOKED_WITHIN_SECONDS)
    finally:
        await register.execute(change, ["ops"])


async def test_a_providers_token_speaks_for_the_user_in_its_claim(
    server: HttpServer, provider: Provider
) -> None:
    async with client_of(server.mcp, provider.token()) as client:
        assert (await content(client, "whoami"))["user"] == "tacoma"
        tools = {tool.name for tool in await client.list_tools()}
        assert {"execute_sales_query", "similar_products"} <= tools
        assert not {"get_store_performance", "get_pool_health"} & tools


@pytest.mark.parametrize(
    ("header", "claims"),
    [
        ({}, {"exp": 1}),
        ({}, {"exp": None}),
        ({}, {"exp": "9999999999"}),
        ({}, {"nbf": 9_999_999_999}),
        ({}, {"aud": "another"}),
        ({}, {"aud": None}),
        ({}, {"iss": "https://evil.example"}),
        ({}, {"iss": None}),
        ({}, {"zava_user": None}),
        ({}, {"zava_user": "nobody"}),
        ({}, {"zava_user": ["tacoma"]}),
        ({}, {"zava_user": {"$ne": ""}}),
        ({}, {"zava_user": "tacoma' OR true --"}),
        ({}, {"zava_user": ""}),
        ({"kid": "another"}, {}),
    ],
)
async def test_a_providers_token_that_is_not_right_is_refused(
    header: dict[str, Any], claims: dict[str, Any], server: HttpServer, provider: Provider
) -> None:
    assert await status(server, provider.token(header, **claims)) == 401


async def test_a_providers_token_of_another_key_or_algorithm_is_refused(
    server: HttpServer, provider: Provider
) -> None:
    other = replace(provider, key=RSAKey.generate_key(2048, parameters={"kid": "first"}))
    assert await status(server, other.token()) == 401
    claims = encoded(parts(provider.token())[1])
    none = encoded({"alg": "none", "kid": "first"})
    assert await status(server, f"{none}.{claims}.") == 401
    # The public key, taken for a secret that both know.
    head = f"{encoded({'alg': 'HS256', 'kid': 'first'})}.{claims}"
    secret = provider.key.as_pem(private=False)
    mac = hmac.new(secret, head.encode(), hashlib.sha256).digest()
    confused = f"{head}.{base64.urlsafe_b64encode(mac).rstrip(b'=').decode()}"
    assert await status(server, confused) == 401


async def test_the_servers_role_reads_and_forges_no_tokens(
    pool: Pool, signing_key: SigningKey, good: str
) -> None:
    token_id = UUID(parts(good)[1]["jti"])
    async with pool.connection() as connection:
        for sql in (
            "SELECT * FROM identity.tokens",
            "DELETE FROM identity.tokens",
            f"INSERT INTO identity.tokens VALUES ('{uuid4()}')",
        ):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.execute(f"BEGIN READ WRITE; {sql}")
            await connection.execute("ROLLBACK")
        # As zava_app alone, who has not signed as the server.
        assert await connection.fetch("SELECT * FROM identity.find_token($1)", token_id) == []
        with pytest.raises(DatabaseUnavailable):
            await ask_as_server(
                connection, SigningKey.generate(), "SELECT * FROM identity.find_token($1)", token_id
            )
        found = await find_token(connection, signing_key, token_id)
        assert found is not None
        assert found.identity.handle == "seattle"
        assert await find_token(connection, signing_key, uuid4()) is None


async def test_callers_cannot_reach_the_register(server: HttpServer, good: str) -> None:
    async with client_of(server.mcp, good) as client:
        for sql in (
            "SELECT * FROM identity.tokens",
            f"SELECT identity.find_token('{parts(good)[1]['jti']}')",
        ):
            refused = await content(client, "execute_sales_query", postgresql_query=sql)
            assert refused["error"]["code"] == "QUERY_REJECTED"


def token_command(settings: Settings, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [
            *(sys.executable, "-m", "zava_server", "token", *words),
            *("--data-dir", str(settings.data_dir)),
        ],
        capture_output=True,
        text=True,
        timeout=60,
    )


async def test_the_commands_issue_list_and_revoke(
    server: HttpServer, settings: Settings, staff: Staff
) -> None:
    made = await asyncio.to_thread(
        token_command,
        settings,
        "issue",
        "--user",
        "seattle",
        "--expires",
        "30d",
        "--scopes",
        "query",
    )
    assert made.returncode == 0
    token = made.stdout.removesuffix("\n")
    header, claims = parts(token)
    assert header["alg"] == "HS256"
    assert claims["scope"] == "query"
    assert 29.9 * 86_400 < claims["exp"] - time.time() < 30.1 * 86_400
    assert stat.S_IMODE(settings.token_key.stat().st_mode) == 0o600
    assert await status(server, token) == 200

    def listed() -> dict[str, Any]:
        shown = token_command(settings, "list", "--json")
        assert token not in shown.stdout
        entries = {entry["token_id"]: entry for entry in json.loads(shown.stdout)["tokens"]}
        found: dict[str, Any] = entries[claims["jti"]]
        return found

    before = await asyncio.to_thread(listed)
    assert (before["state"], before["handle"], before["scopes"]) == ("good", "seattle", ["query"])
    ended = await asyncio.to_thread(token_command, settings, "revoke", claims["jti"])
    assert ended.returncode == 0
    assert (await asyncio.to_thread(listed))["state"] == "revoked"
    await until_it_is(lambda: status(server, token), 401, seconds=REVOKED_WITHIN_SECONDS)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("issue", "--user", "seatle"), "Did you mean seattle?"),
        (("issue", "--user", "seattle", "--expires", "0d"), "is no lifetime"),
        (("issue", "--user", "seattle", "--expires", "500d"), "is no lifetime"),
        (("issue", "--user", "seattle", "--scopes", "admin"), "There is no scope 'admin'"),
        (("issue", "--user", "seattle", "--scopes", "ops"), "does not have the permission ops"),
        (("revoke", "7"), "is no token's id"),
        (("revoke", "00000000-0000-0000-0000-000000000000"), "There is no token"),
    ],
)
def test_a_mistake_in_a_command_is_said(
    words: tuple[str, ...], says: str, settings: Settings, database: Database
) -> None:
    ended = token_command(settings, *words)
    assert ended.returncode == 2
    assert says in ended.stderr
    assert ended.stdout == ""


async def test_revoking_twice_keeps_the_first_time(
    settings: Settings, register: asyncpg.Connection
) -> None:
    token_id = UUID(parts(await issued(settings, "seattle"))[1]["jti"])
    await revoke_token(register, token_id)
    (first,) = [t for t in await list_tokens(register) if t.token_id == token_id]
    await revoke_token(register, token_id)
    (second,) = [t for t in await list_tokens(register) if t.token_id == token_id]
    assert first == second


async def test_no_token_stands_in_a_log(server: HttpServer, good: str) -> None:
    await post(f"{server.mcp}?token={good}", b"{}", good)
    assert good not in server.said()
    assert bearer(good)["Authorization"] not in server.said()
