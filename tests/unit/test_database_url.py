"""A database URL is read as it was meant, or refused without a word of its password."""

from __future__ import annotations

import asyncio
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zava_server.data.database_url import check_database_url, hosts_of
from zava_server.data.endpoint import Endpoint
from zava_server.infrastructure.errors import DatabaseUnavailable, ValidationError

SETTING = "ZAVA_DATABASE_URL"
# Nothing listens on port 1, so that connecting fails at once.
REST = "@127.0.0.1:1/zava"


def refusal(url: str) -> ValidationError:
    with pytest.raises(ValidationError) as refused:
        Endpoint.from_url(url, SETTING)
    return refused.value


@pytest.mark.parametrize("character", list("/@#?[]\n"))
@pytest.mark.parametrize("password", ["pa{}ss", "{}pass", "pass{}", "p{0}a{0}s", "5432{}"])
def test_a_character_that_must_be_encoded_is_refused_with_the_way(
    password: str, character: str
) -> None:
    error = refusal(f"postgresql://zava_app:{password.format(character)}{REST}")
    assert error.message == (
        "The password in ZAVA_DATABASE_URL has a character that must be percent-encoded."
    )
    assert "@ as %40" in str(error.hint)


def test_a_user_name_that_must_be_encoded_is_called_so() -> None:
    assert "The user name in" in refusal("postgresql://me@company@db.example/zava").message


@pytest.mark.parametrize(
    "url",
    [
        "db.example/zava",
        "mysql://u:p@db.example/zava",
        "postgresql://u:p@db.example:port/zava",
        "postgresql://u:p@db.example:0/zava",
        "postgresql://u:p@db.example:65536/zava",
        "postgresql://u:p@[::1/zava",
        "postgresql://u:p@one,,two/zava",
        "postgresql://u:hunter2",
    ],
)
def test_what_is_no_url_is_refused(url: str) -> None:
    error = refusal(url)
    assert "hunter2" not in str(error)
    assert SETTING in error.message


@pytest.mark.parametrize("query", ["sslmode", "port=first", "a=1&b"])
def test_options_that_cannot_be_read_are_refused(query: str) -> None:
    assert "after the question mark" in refusal(f"postgresql://u:p@db/zava?{query}").message


@pytest.mark.parametrize(
    ("url", "place"),
    [
        ("postgresql://zava_app:pw@db.example:5432/zava", "db.example:5432/zava"),
        ("postgres://zava_app@db.example/zava?sslmode=require", "db.example/zava"),
        ("postgresql://u:p%40%2F@one:5432,two:5433/zava", "one:5432,two:5433/zava"),
        ("postgresql://u:p@[::1]:5432/zava", "[::1]:5432/zava"),
        ("postgresql://zava_app@/zava?host=/run/postgresql", "localhost/zava"),
        ("postgresql://u:a:b@db/zava", "db/zava"),
    ],
)
def test_a_place_is_hosts_and_database(url: str, place: str) -> None:
    assert Endpoint.from_url(url, SETTING).place == place


# Letters and digits that no message uses beside what has a meaning in a URL.
passwords = st.text(alphabet="QXZjqxz79/@#?:%[]&=,\\ \t\nß℀€'\"", min_size=1, max_size=20)


@settings(max_examples=400, deadline=None)
@given(password=passwords, encoded=st.booleans())
def test_no_message_repeats_any_part_of_a_password(*, password: str, encoded: bool) -> None:
    written = quote(password, safe="") if encoded else password
    said = _everything_said(f"postgresql://zava_app:{written}{REST}")
    usual = _everything_said(f"postgresql://zava_app:p{REST}") + str(
        refusal(f"postgresql://zava_app:/{REST}")
    )
    for text in {password, written}:
        for start in range(len(text) - 2):
            part = text[start : start + 3]
            assert part not in said or part in usual


@settings(max_examples=200, deadline=None)
@given(st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=20))
def test_any_encoded_password_is_accepted(password: str) -> None:
    url = f"postgresql://zava_app:{quote(password, safe='')}{REST}"
    assert Endpoint.from_url(url, SETTING).place == "127.0.0.1:1/zava"


def _everything_said(url: str) -> str:
    """What a person may see of the URL: the endpoint, or whatever keeps it from being used."""
    try:
        endpoint = Endpoint.from_url(url, SETTING)
    except ValidationError as error:
        return str(error)
    try:
        asyncio.run(_connect(endpoint))
    except DatabaseUnavailable as error:
        return f"{endpoint!r} {error}"
    raise AssertionError("something listens on port 1")


async def _connect(endpoint: Endpoint) -> None:
    await endpoint.connect()


@pytest.mark.parametrize(
    ("url", "hosts"),
    [
        ("postgresql://u:p@one/z", []),
        ("postgresql:///z?host=/run/postgresql", []),
        ("postgresql://u:p@one,two:6000/z", [("one", 5432), ("two", 6000)]),
        ("postgresql://u@[::1]:6000,[fe80::1]/z", [("::1", 6000), ("fe80::1", 5432)]),
        ("postgresql://u@%2Frun%2Fone,two/z", [("/run/one", 5432), ("two", 5432)]),
        ("postgresql://u@/z?host=/run/one,two&port=1,2", [("/run/one", 1), ("two", 2)]),
        ("postgresql://u@/z?host=one,two:7&port=6", [("one", 6), ("two", 7)]),
    ],
)
def test_several_hosts_are_told_apart(url: str, hosts: list[tuple[str, int]]) -> None:
    check_database_url(url, SETTING)
    assert list(hosts_of(url)) == hosts


@pytest.mark.parametrize("wanted", ["", "?target_session_attrs=primary"])
async def test_hosts_of_which_none_answers_are_no_database(wanted: str) -> None:
    endpoint = Endpoint.from_url(f"postgresql://u@127.0.0.1:1,127.0.0.1:2/z{wanted}", SETTING)
    with pytest.raises(DatabaseUnavailable, match="cannot be reached"):
        await endpoint.connect()


async def test_an_unknown_kind_of_session_is_refused() -> None:
    endpoint = Endpoint.from_url("postgresql://u@h/z?target_session_attrs=primery", SETTING)
    with pytest.raises(DatabaseUnavailable, match="has an option that cannot be used"):
        await endpoint.connect()


async def test_of_the_embedded_database_no_host_or_firewall_is_told() -> None:
    async def never_answers() -> None:
        raise TimeoutError

    with pytest.raises(DatabaseUnavailable) as told:
        await Endpoint(host="/nowhere").reaching(never_answers)
    assert str(told.value) == (
        "The embedded PostgreSQL did not answer in time. Try again in a moment."
    )
