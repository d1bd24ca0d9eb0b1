"""JSON parsed in slices is what the standard library makes of it, and lets others run meanwhile."""

from __future__ import annotations

import asyncio
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zava_tui.long_json import parsed_in_slices

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(VALUES, st.sampled_from([None, 1]))
def test_any_value_is_what_the_standard_library_gives(value: object, indent: int | None) -> None:
    text = json.dumps(value, indent=indent)
    assert asyncio.run(parsed_in_slices(text)) == json.loads(text)


@given(VALUES, st.data())
def test_a_text_that_is_cut_or_changed_is_refused_where_the_standard_library_refuses_it(
    value: object, data: st.DataObject
) -> None:
    text = json.dumps(value)
    place = data.draw(st.integers(0, len(text)))
    broken = text[:place] + data.draw(st.sampled_from(["", ",", "]", "}", '"', "x"]))
    try:
        wanted = json.loads(broken)
    except ValueError:
        with pytest.raises(ValueError):  # noqa: PT011 (which of them is no matter)
            asyncio.run(parsed_in_slices(broken))
    else:
        assert asyncio.run(parsed_in_slices(broken)) == wanted


async def test_others_run_meanwhile() -> None:
    text = json.dumps({"result": {"content": {"rows": [[n, "text"] for n in range(200_000)]}}})
    turns = 0

    async def others() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    running = asyncio.create_task(others())
    await parsed_in_slices(text)
    running.cancel()
    assert turns > 1
