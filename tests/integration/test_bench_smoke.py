"""The benchmarks run, each of them, on little data. What they measure then means nothing."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from tests.bench.cases import CASES


@pytest.mark.timeout(600)
def test_every_benchmark_runs() -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "tests.bench", "--smoke", "--json"],
        capture_output=True,
        text=True,
        timeout=580,
    )
    assert ended.returncode == 0, ended.stderr
    assert [line.split(":")[0] for line in ended.stderr.splitlines()] == list(CASES)
    told = json.loads(ended.stdout)
    assert told["smoke"]
    assert len(told["results"]) >= len(CASES)
    for result in told["results"]:
        assert result["ours"] >= 0, result
        assert result["met"] is None, result
