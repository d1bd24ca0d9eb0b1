"""The `local` embedder with its real model."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import sys
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest

from zava_server.infrastructure.embedders import local
from zava_server.infrastructure.embedders.local import LocalEmbedder
from zava_server.infrastructure.errors import AIUnavailable


@pytest.fixture(scope="module")
async def embedder() -> AsyncIterator[LocalEmbedder]:
    embedder = LocalEmbedder()
    yield embedder
    await embedder.close()


@pytest.fixture
def own_file(tmp_path: Path) -> Path:
    """A copy of the packaged model."""
    packaged = local._packaged_model()
    assert packaged is not None
    return Path(shutil.copy(packaged, tmp_path / "mine.onnx"))


LEAK = "something to stop water leaking under the sink"
TAPE = "PTFE thread seal tape for sealing threaded pipe joints"
RAKE = "Leaf rake with bamboo handle"


async def test_a_need_is_nearer_to_what_serves_it_than_to_something_else(
    embedder: LocalEmbedder,
) -> None:
    query = await embedder.embed_query(LEAK)
    tape, rake = await embedder.embed_documents([TAPE, RAKE])
    assert query @ tape > query @ rake + 0.1


@pytest.mark.parametrize(
    ("first", "second", "similarity"),
    [
        (LEAK, TAPE, 0.2393),
        (LEAK, RAKE, 0.0000),
        (TAPE, RAKE, 0.0406),
        ("hammer", "Claw hammer with a fibreglass handle", 0.5642),
        ("hammer", "waterproof exterior wood stain", 0.0017),
    ],
)
async def test_similarities_are_those_of_the_unquantized_model(
    embedder: LocalEmbedder, first: str, second: str, similarity: float
) -> None:
    # Computed from the 32-bit weights of sentence-transformers/all-MiniLM-L6-v2.
    one, other = await embedder.embed_documents([first, second])
    assert one @ other == pytest.approx(similarity, abs=0.015)


@pytest.mark.parametrize("text", ["", " ", "🔧🪛", "x" * 10_000, "leak " * 2_000, "\ud800", "\x00"])
async def test_any_text_gives_a_unit_vector(embedder: LocalEmbedder, text: str) -> None:
    vector = await embedder.embed_query(text)
    assert vector.shape == (384,)
    assert vector.dtype == np.float32
    assert np.linalg.norm(vector) == pytest.approx(1, abs=1e-5)


async def test_a_text_has_the_same_vector_alone_and_among_others(embedder: LocalEmbedder) -> None:
    texts = ["hammer", "a much longer description of a claw hammer with a fibreglass handle", ""]
    together = await embedder.embed_documents(texts)
    for text, vector in zip(texts, together, strict=True):
        np.testing.assert_allclose(await embedder.embed_query(text), vector, atol=1e-6)


async def test_no_documents_make_no_rows(embedder: LocalEmbedder) -> None:
    assert (await embedder.embed_documents([])).shape == (0, 384)


async def test_queries_at_the_same_first_time_load_the_model_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    loads: list[str] = []
    load = LocalEmbedder._load

    def counting(self: LocalEmbedder) -> object:
        loads.append(threading.current_thread().name)
        return load(self)

    monkeypatch.setattr(LocalEmbedder, "_load", counting)
    embedder = LocalEmbedder()
    await asyncio.gather(*(embedder.embed_query(f"query {number}") for number in range(4)))
    await embedder.close()
    assert len(loads) == 1
    assert loads[0] != threading.main_thread().name


async def test_a_query_does_not_wait_for_all_documents(embedder: LocalEmbedder) -> None:
    documents = asyncio.create_task(embedder.embed_documents(["leaf rake " * 20] * 200))
    await embedder.embed_query("hammer")
    assert not documents.done()
    documents.cancel()
    await asyncio.wait([documents])


async def test_the_module_imports_nothing_heavy() -> None:
    code = (
        "import sys; import zava_server.infrastructure.embedders.local;"
        "sys.exit(any(name in sys.modules for name in ('numpy', 'onnxruntime')))"
    )
    assert (await asyncio.to_thread(subprocess.run, [sys.executable, "-c", code])).returncode == 0


async def test_another_file_than_the_pinned_one_is_refused(
    monkeypatch: pytest.MonkeyPatch, own_file: Path
) -> None:
    with own_file.open("ab") as file:
        file.write(b"\x00")
    monkeypatch.setattr(local, "_packaged_model", lambda: own_file)
    embedder = LocalEmbedder()
    with pytest.raises(AIUnavailable, match=r"SHA-256 differs.* pip install"):
        await embedder.embed_query("tape")
    await embedder.close()


async def test_a_model_that_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local, "PACKAGE", "no_such_package_of_models")
    embedder = LocalEmbedder()
    with pytest.raises(AIUnavailable, match=r"not installed.* pip install"):
        await embedder.embed_query("tape")
    await embedder.close()


async def test_ones_own_file_is_used_under_an_id_of_its_own(
    own_file: Path, embedder: LocalEmbedder
) -> None:
    own = LocalEmbedder(model_path=own_file)
    assert own.model == "mine-8199be6f699a"
    np.testing.assert_array_equal(await own.embed_query("tape"), await embedder.embed_query("tape"))
    await own.close()


async def test_ones_own_file_must_stay_what_it_was(own_file: Path) -> None:
    own = LocalEmbedder(model_path=own_file)
    await asyncio.to_thread(own_file.write_bytes, b"another")
    with pytest.raises(AIUnavailable, match="SHA-256 differs"):
        await own.embed_query("tape")
    await own.close()


@pytest.mark.parametrize("content", [b"", b"no model at all"])
async def test_ones_own_file_must_be_a_model(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "mine.onnx"
    path.write_bytes(content)
    own = LocalEmbedder(model_path=path)
    with pytest.raises(AIUnavailable, match=r"no BERT.*ZAVA_EMBEDDING_MODEL_PATH"):
        await own.embed_query("tape")
    await own.close()


def test_ones_own_file_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(AIUnavailable, match=r"cannot be read.*ZAVA_EMBEDDING_MODEL_PATH"):
        LocalEmbedder(model_path=tmp_path / "none.onnx")
