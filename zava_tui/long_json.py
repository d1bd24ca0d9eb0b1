"""JSON of megabytes, parsed in slices: the app draws and takes keys meanwhile."""

from __future__ import annotations

import asyncio
import json
import time
from typing import Any

SLICE_SECONDS = 0.005
DEPTH = 4
"""Levels that are taken apart: message, result, its content, the rows. A row is parsed at once."""
_SPACE = " \t\r\n"
_DECODER = json.JSONDecoder()


async def parsed_in_slices(text: str) -> Any:
    """What `json.loads` gives; raises ValueError as it does."""
    slices = _Slices(text)
    value = await slices.value(0)
    slices.end()
    return value


class _Slices:
    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._until = time.monotonic() + SLICE_SECONDS

    async def value(self, depth: int) -> Any:
        """The value that begins here."""
        self._skip_space()
        if depth < DEPTH and self._text.startswith("{", self._at):
            return await self._object(depth)
        if depth < DEPTH and self._text.startswith("[", self._at):
            return await self._array(depth)
        value, self._at = _DECODER.raw_decode(self._text, self._at)
        return value

    def end(self) -> None:
        """Raises ValueError where more follows."""
        self._skip_space()
        if self._at < len(self._text):
            raise self._unexpected()

    async def _object(self, depth: int) -> dict[str, Any]:
        found: dict[str, Any] = {}
        self._at += 1
        first = True
        while self._goes_on("}", first=first):
            self._skip_space()
            if not self._text.startswith('"', self._at):
                raise self._unexpected()
            name, self._at = _DECODER.raw_decode(self._text, self._at)
            self._take(":")
            found[name] = await self.value(depth + 1)
            first = False
        return found

    async def _array(self, depth: int) -> list[Any]:
        values: list[Any] = []
        self._at += 1
        while self._goes_on("]", first=not values):
            values.append(await self.value(depth + 1))
            if time.monotonic() > self._until:
                await asyncio.sleep(0)
                self._until = time.monotonic() + SLICE_SECONDS
        return values

    def _goes_on(self, closing: str, *, first: bool) -> bool:
        """Whether another member comes before `closing`."""
        self._skip_space()
        if self._text.startswith(closing, self._at):
            self._at += 1
            return False
        if not first:
            self._take(",")
            self._skip_space()
            if self._text.startswith(closing, self._at):
                raise self._unexpected()
        return True

    def _take(self, character: str) -> None:
        self._skip_space()
        if not self._text.startswith(character, self._at):
            raise self._unexpected()
        self._at += 1

    def _skip_space(self) -> None:
        while self._text[self._at : self._at + 1] in _SPACE and self._at < len(self._text):
            self._at += 1

    def _unexpected(self) -> ValueError:
        return json.JSONDecodeError("Unexpected", self._text, self._at)
