"""One identity's share of calls and statements."""

from __future__ import annotations

import pytest

from zava_server.infrastructure.errors import RateLimited
from zava_server.infrastructure.rates import Rates


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def rates(clock: Clock, *, calls: int = 0, statements: int = 0) -> Rates:
    return Rates(calls_per_minute=calls, concurrent_statements=statements, clock=clock)


def test_calls_beyond_those_of_a_minute_are_told_when_to_come_back(clock: Clock) -> None:
    limited = rates(clock, calls=3)
    for _ in range(3):
        limited.count_call("seattle")
        clock.now += 10
    with pytest.raises(RateLimited) as error:
        limited.count_call("seattle")
    assert error.value.hint == "Try again in 30 s."


def test_a_minute_after_the_first_call_the_next_one_is_allowed(clock: Clock) -> None:
    limited = rates(clock, calls=1)
    limited.count_call("seattle")
    clock.now += 59.9
    with pytest.raises(RateLimited):
        limited.count_call("seattle")
    clock.now += 0.1
    limited.count_call("seattle")


def test_each_identity_has_its_own_share(clock: Clock) -> None:
    limited = rates(clock, calls=1, statements=1)
    limited.count_call("seattle")
    limited.count_call("tacoma")
    with limited.statement("seattle"), limited.statement("tacoma"):
        pass


def test_more_statements_at_once_than_allowed_are_refused_until_one_ends(clock: Clock) -> None:
    limited = rates(clock, statements=2)
    with limited.statement("seattle"):
        with limited.statement("seattle"), pytest.raises(RateLimited):
            limited.statement("seattle").__enter__()
        with limited.statement("seattle"):
            pass


def test_a_statement_that_fails_gives_its_place_back(clock: Clock) -> None:
    limited = rates(clock, statements=1)
    with pytest.raises(ZeroDivisionError), limited.statement("seattle"):
        raise ZeroDivisionError
    with limited.statement("seattle"):
        pass


def test_zero_is_no_limit(clock: Clock) -> None:
    unlimited = rates(clock)
    for _ in range(10_000):
        unlimited.count_call("seattle")
    with unlimited.statement("seattle"), unlimited.statement("seattle"):
        pass
