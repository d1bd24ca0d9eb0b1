"""`zava-server doctor` finds what is set up wrongly and says what mends it."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest
from pydantic import SecretStr

from tests.integration.http_servers import http_server
from tests.integration.redis_server import redis_server
from zava_server.data.endpoint import Endpoint
from zava_server.data.signing_keys import SigningKey
from zava_server.data.token_keys import TokenKey
from zava_server.doctor.checkup import examine
from zava_server.doctor.finding import Finding, worst
from zava_server.doctor.machine import look_at_log_file
from zava_server.infrastructure.progress import ignore_progress
from zava_server.infrastructure.settings import Settings
from zava_server.startup import Database, choose_embedder, index_catalogue, prepare


@pytest.fixture
async def patient(database: Database, tmp_path: Path) -> AsyncIterator[Settings]:
    """A database of one's own, without data, with a sound key."""
    assert database.owner is not None
    admin = await database.owner.connect()
    await admin.execute("CREATE DATABASE patient")
    at = f"@/patient?host={database.owner.host}&port={database.owner.port}"
    settings = Settings(
        data_dir=tmp_path,
        database_url=SecretStr(f"postgresql://zava_app{at}"),
        admin_database_url=SecretStr(f"postgresql://{database.owner.user}{at}"),
    )
    await prepare(owner_of(settings), settings, ignore_progress, demo=False)
    yield settings
    await admin.execute("DROP DATABASE patient WITH (FORCE)")
    await admin.close()


@pytest.fixture
async def patients_owner(patient: Settings) -> AsyncIterator[asyncpg.Connection]:
    connection = await owner_of(patient).connect()
    yield connection
    await connection.close()


def owner_of(settings: Settings) -> Endpoint:
    assert settings.admin_database_url is not None
    return Endpoint.from_url(settings.admin_database_url.get_secret_value(), "the test")


async def findings_on(settings: Settings) -> dict[str, Finding]:
    return {finding.area: finding async for finding in examine(settings)}


async def test_it_finds_nothing_on_a_sound_installation(
    database: Database, settings: Settings
) -> None:
    found = await findings_on(settings)
    # Other tests leave products behind that nobody has indexed.
    assert found.pop("search index")
    # Other programs may have it.
    assert found.pop("http port")
    assert worst(found.values()) == "ok", found
    assert {"database", "schema", "roles", "defaults", "users", "embedder"} <= {*found}


async def test_what_is_not_there_before_the_first_start_is_no_problem(tmp_path: Path) -> None:
    found = await findings_on(Settings(data_dir=tmp_path / "none", http_port=0))
    assert worst(found.values()) == "ok"
    assert "the first start makes one" in found["database"].message


async def test_a_table_without_row_security_is_a_problem_with_the_sql_that_mends_it(
    patient: Settings, patients_owner: asyncpg.Connection
) -> None:
    await patients_owner.execute("ALTER TABLE retail.orders NO FORCE ROW LEVEL SECURITY")
    found = (await findings_on(patient))["roles"]
    assert found.severity == "problem"
    assert found.fix is not None
    await patients_owner.execute(found.fix.removeprefix("Run this as the owner: "))
    assert (await findings_on(patient))["roles"].severity == "ok"


async def test_what_postgresql_lets_everybody_do_is_a_warning(
    patient: Settings, patients_owner: asyncpg.Connection
) -> None:
    await patients_owner.execute("GRANT EXECUTE ON FUNCTION pg_catalog.set_config TO PUBLIC")
    found = (await findings_on(patient))["defaults"]
    assert (found.severity, "set_config" in found.message) == ("warning", True)


async def test_another_databases_key_is_a_problem(patient: Settings) -> None:
    SigningKey.generate().write(patient.key_file)
    found = (await findings_on(patient))["users"]
    assert (found.severity, "signature" in found.message) == ("problem", True)


async def test_a_key_that_others_can_read_is_a_warning(patient: Settings) -> None:
    patient.key_file.chmod(0o644)
    found = (await findings_on(patient))["identity key"]
    assert (found.severity, "chmod 600" in str(found.fix)) == ("warning", True)


async def test_a_user_that_does_not_exist_is_a_problem(
    database: Database, settings: Settings
) -> None:
    found = (await findings_on(settings.model_copy(update={"user": "nobody"})))["users"]
    assert (found.severity, "seattle" in str(found.fix)) == ("problem", True)


async def test_a_schema_that_is_not_complete_is_a_problem_and_nothing_beyond_is_looked_at(
    patient: Settings, patients_owner: asyncpg.Connection
) -> None:
    await patients_owner.execute(
        "DELETE FROM zava.migrations WHERE file = (SELECT max(file) FROM zava.migrations)"
    )
    found = await findings_on(patient)
    assert found["schema"].fix == "Bring it up to date with: zava-server db init"
    assert "roles" not in found


async def test_products_that_are_not_in_the_search_index_are_a_warning(
    patient: Settings, patients_owner: asyncpg.Connection
) -> None:
    await patients_owner.execute("""
        WITH c AS (INSERT INTO retail.categories (name) VALUES ('Tools') RETURNING category_id),
        t AS (
            INSERT INTO retail.product_types (category_id, name)
            SELECT category_id, 'Hammers' FROM c RETURNING type_id, category_id
        )
        INSERT INTO retail.products (sku, name, description, category_id, type_id, base_price)
        SELECT 'H-1', 'Claw Hammer', 'Drives nails.', category_id, type_id, 10 FROM t
    """)
    embedder = choose_embedder(patient)
    await index_catalogue(owner_of(patient), embedder)
    await embedder.close()
    assert (await findings_on(patient))["search index"].severity == "ok"
    await patients_owner.execute("DELETE FROM retail.product_description_embeddings")
    assert (await findings_on(patient))["search index"].fix == "Run: zava-server db embed"


async def test_a_table_that_is_missing_does_not_keep_it_from_the_rest(
    patient: Settings, patients_owner: asyncpg.Connection
) -> None:
    await patients_owner.execute("ALTER TABLE zava.embedding_models RENAME TO gone")
    found = await findings_on(patient)
    assert found["search index"].severity == "problem"
    assert "gone" in found["roles"].message


async def test_a_database_that_cannot_be_reached_does_not_keep_it_from_the_rest(
    tmp_path: Path,
) -> None:
    url = SecretStr("postgresql://zava_app:secret@127.0.0.1:1/zava")
    found = await findings_on(Settings(data_dir=tmp_path, database_url=url))
    assert found["database"].severity == "problem"
    assert found["embedder"].severity == "ok"
    assert "secret" not in str(found)


async def test_a_model_file_that_is_another_is_a_problem(tmp_path: Path) -> None:
    file = tmp_path / "model.onnx"
    file.write_bytes(b"no model")
    found = await findings_on(Settings(data_dir=tmp_path, embedding_model_path=file))
    assert found["embedder"].severity == "problem"


async def test_a_port_that_another_program_has_is_a_warning(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        taken = Settings(data_dir=tmp_path, http_port=other.getsockname()[1])
        found = (await findings_on(taken))["http port"]
        assert (found.severity, "Address already in use" in found.message) == ("warning", True)
    found = (await findings_on(taken))["http port"]
    assert (found.severity, "is free" in found.message) == ("ok", True)


async def test_a_zava_on_the_port_is_no_warning(database: Database, settings: Settings) -> None:
    with http_server(settings, "--user", "seattle") as server:
        port = int(server.base.rpartition(":")[2])
        found = (await findings_on(settings.model_copy(update={"http_port": port})))["http port"]
    assert (found.severity, "a Zava serves on" in found.message) == ("ok", True)


async def test_redis_is_found_with_its_version_or_missed(tmp_path: Path) -> None:
    with redis_server() as redis:
        shared = Settings(data_dir=tmp_path, http_port=0, redis_url=SecretStr(redis.url))
        found = (await findings_on(shared))["redis"]
        assert (found.severity, found.message.startswith("Redis ")) == ("ok", True)
        redis.kill()
        found = (await findings_on(shared))["redis"]
        assert (found.severity, "cannot be reached" in found.message) == ("warning", True)


async def test_a_token_key_that_others_can_read_is_a_warning(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path, http_port=0)
    TokenKey.generate().write(settings.token_key)
    assert (await findings_on(settings))["token key"].severity == "ok"
    settings.token_key.chmod(0o644)
    assert (await findings_on(settings))["token key"].severity == "warning"
    settings.token_key.write_text("nothing")
    assert (await findings_on(settings))["token key"].severity == "problem"


def run_doctor(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "zava_server", "doctor", *words],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, **environment},
    )


def test_settings_that_cannot_be_read_are_a_problem_of_exit_code_2(tmp_path: Path) -> None:
    done = run_doctor("--data-dir", str(tmp_path), ZAVA_POOL_MAX_SIZ="3")
    assert done.returncode == 2
    assert "ZAVA_POOL_MAX_SIZE" in done.stdout


def test_a_program_reads_the_findings_as_json(tmp_path: Path) -> None:
    done = run_doctor("--json", "--data-dir", str(tmp_path / "none"), ZAVA_HTTP_PORT="0")
    page = json.loads(done.stdout)
    assert (done.returncode, page["status"]) == (0, "ok")
    assert {"area", "severity", "message", "fix"} == set(page["findings"][0])


def test_a_data_directory_that_is_a_file_is_a_problem_among_the_other_findings(
    tmp_path: Path,
) -> None:
    file = tmp_path / "file"
    file.touch()
    done = run_doctor("--json", "--data-dir", str(file))
    found = {finding["area"]: finding for finding in json.loads(done.stdout)["findings"]}
    assert (done.returncode, found["data"]["message"]) == (2, f"{file} is not a directory.")
    assert found["embedder"]["severity"] == "ok"


def test_a_log_file_that_cannot_be_written_is_a_warning(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for log_file, severity in (
        (tmp_path, "warning"),
        (tmp_path / "file" / "zava.log", "warning"),
        (tmp_path / "file", "ok"),
        (tmp_path / "new" / "zava.log", "ok"),
    ):
        (found,) = look_at_log_file(Settings(data_dir=tmp_path, log_file=log_file))
        assert found.severity == severity, log_file
