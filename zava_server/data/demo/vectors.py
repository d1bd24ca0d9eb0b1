"""The demo products' vectors, made once by `python -m zava_server.embed_demo`.

The packaged model takes ten seconds of two cores to make them, a first start on a laptop more. A
vector counts for the very text it was made of: a product whose text changes is embedded anew.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

FILE = Path(__file__).with_name("vectors.npz")


def load_demo_vectors(model: str) -> Mapping[bytes, NDArray[np.float32]]:
    """Unit vectors by content hash; none for another model than the packaged one."""
    import numpy as np

    with np.load(FILE) as kept:
        if kept["model"] != model:
            return {}
        vectors = kept["vectors"].astype(np.float32)
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        return {digest.tobytes(): v for digest, v in zip(kept["hashes"], vectors, strict=True)}


def save_demo_vectors(model: str, hashes: Sequence[bytes], vectors: NDArray[np.float32]) -> None:
    """Writes the file. Half the bits a number move a similarity by less than 0.001."""
    import numpy as np

    np.savez_compressed(
        FILE,
        model=np.array(model),
        hashes=np.array([np.frombuffer(digest, np.uint8) for digest in hashes]),
        vectors=vectors.astype(np.float16),
    )
