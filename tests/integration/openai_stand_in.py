"""A stand-in for an OpenAI-compatible embeddings endpoint.

A real HTTP server on loopback, in threads of its own, that speaks the part of the protocol an
embedder uses: `POST …/embeddings` with a bearer token or Azure's `api-key`, base64 or floats,
`dimensions`, and OpenAI's error bodies. Its vectors know words but no meaning: texts that share
words are near. Tests queue faults for it and read what it was asked.
"""

from __future__ import annotations

import base64
import json
import re
import threading
import zlib
from collections import deque
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType
    from typing import Self

    from numpy.typing import NDArray

KEY = "sk-stand-in-0123456789"
MODEL = "text-embedding-3-small"


@dataclass(frozen=True)
class Fault:
    """What happens to one request instead of an answer."""

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None
    hang: bool = False
    """Accepts and never answers."""
    drop: bool = False
    """Closes the connection without a word."""


@dataclass(frozen=True)
class Asked:
    """A request that arrived."""

    path: str
    body: dict[str, Any]


class OpenAIStandIn:
    """Serves while its context is open; the attributes may change meanwhile."""

    def __init__(self, dimensions: int = 1536) -> None:
        self.dimensions = dimensions
        """The model's own number of dimensions."""
        self.takes_dimensions = True
        """Whether requests may name their dimensions."""
        self.knows_base64 = True
        self.most_texts = 2048
        self.faults: deque[Fault | None] = deque()
        """One for each of the next requests; None for an answer."""
        self.fault: Fault | None = None
        """For every request, once the queue is empty."""
        self.asked: list[Asked] = []
        self.hanging = threading.Event()
        """Set once a request is left hanging."""
        self._over = threading.Event()
        stand_in = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True  # or 40 ms pass between head and body

            def do_POST(self) -> None:
                stand_in._serve(self)

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    @property
    def base_url(self) -> str:
        return f"{self.address}/v1"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self._over.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _serve(self, request: BaseHTTPRequestHandler) -> None:
        body = json.loads(request.rfile.read(int(request.headers["Content-Length"])))
        self.asked.append(Asked(request.path, body))
        fault = self.faults.popleft() if self.faults else self.fault
        if fault is None:
            status, answer = self._answer(request, body)
            _send(request, status, json.dumps(answer).encode(), {})
        elif fault.hang:
            self.hanging.set()
            self._over.wait()
            request.close_connection = True
        elif fault.drop:
            request.close_connection = True
        else:
            answer = _error(f"Fault {fault.status}; the key was {KEY}.", "fault")
            _send(
                request,
                fault.status,
                json.dumps(answer).encode() if fault.body is None else fault.body,
                fault.headers,
            )

    def _answer(
        self, request: BaseHTTPRequestHandler, body: dict[str, Any]
    ) -> tuple[int, dict[str, Any]]:
        path, _, query = request.path.partition("?")
        key = request.headers.get("api-key") or request.headers.get("Authorization")
        if key != (KEY if "api-version=" in query else f"Bearer {KEY}"):
            return 401, _error(f"Incorrect API key provided: {key}.", "invalid_api_key")
        if not path.endswith("/embeddings"):
            return 404, _error("Not found.", "not_found")
        if body["model"] != MODEL:
            return 404, _error("The model does not exist.", "model_not_found")
        texts = [body["input"]] if isinstance(body["input"], str) else body["input"]
        if not all(texts):
            return 400, _error("'$.input' is invalid: an input is empty.", "invalid_request")
        if len(texts) > self.most_texts:
            return 422, _error(f"More than {self.most_texts} inputs.", "invalid_request")
        if "dimensions" in body and not self.takes_dimensions:
            return 400, _error("This model does not support specifying dimensions.", "invalid")
        dimensions = body.get("dimensions", self.dimensions)
        in_base64 = self.knows_base64 and body.get("encoding_format") == "base64"
        items = [
            {"object": "embedding", "index": index, "embedding": _written(vector, in_base64)}
            for index, vector in enumerate(word_vector(text, dimensions) for text in texts)
        ]
        # Backwards: the protocol promises an index, not an order.
        return 200, {"object": "list", "model": MODEL, "data": items[::-1], "usage": {}}


def word_vector(text: str, dimensions: int) -> NDArray[np.float32]:
    """The sum of one fixed random vector for each word; of length 2, as some endpoints do not
    normalise."""
    words = re.findall(r"\w+", text.lower()) or [text]
    total = np.zeros(dimensions, np.float32)
    for word in words:
        total += np.random.default_rng(zlib.crc32(word.encode())).standard_normal(dimensions)
    total *= 2 / np.linalg.norm(total)
    return total


def _written(vector: NDArray[np.float32], in_base64: bool) -> str | list[float]:
    return base64.b64encode(vector.tobytes()).decode() if in_base64 else vector.tolist()


def _error(message: str, code: str) -> dict[str, Any]:
    return {"error": {"message": message, "type": "error", "param": None, "code": code}}


def _send(
    request: BaseHTTPRequestHandler, status: int, body: bytes, headers: Mapping[str, str]
) -> None:
    request.send_response(status)
    for name, value in {"Content-Type": "application/json", **headers}.items():
        request.send_header(name, value)
    request.send_header("Content-Length", str(len(body)))
    request.end_headers()
    request.wfile.write(body)
