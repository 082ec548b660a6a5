"""The trial run of an embedder's adapter: `python -m service.retrieval.probe ADAPTER SECONDS`.

Prints one JSON line, a ProbeReport or {"reason": …}. See `probing` for the other end.
"""

import json
import os
import resource
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from service.core import ProbeReport
from service.errors import BadRequest
from service.retrieval.embed import Embedder, Vectors

TEXTS = (
    "The Tenant shall keep the Premises in good repair.",
    "Either party may end this Agreement on thirty days' written notice.",
    "Licensor shall keep complete books, which Licensee's accountants may examine once a year.",
    "This Agreement is governed by the laws of England and Wales.",
    "In no event is the Supplier's liability greater than the fees paid in the last twelve months.",
    "Who may examine the books?",
)
STILL = 1e-3  # of 1 - cosine; a turn below is none
ALIKE = 0.95  # cosine: unrelated texts that are nearer than this cannot be told apart
_MEMORY = 16 * 2**30  # bytes of address space; torch reserves much that it never fills
_FILE = 2**20  # bytes; libraries try whether they can write a temporary file


def judged(plain: Vectors, worn: Vectors) -> float:
    """How far the adapter turns the texts' vectors at most. Raises BadRequest when it is not to serve."""
    if not np.isfinite(worn).all():
        raise BadRequest("its vectors are not finite numbers.")
    plain, worn = (rows / np.linalg.norm(rows, axis=1, keepdims=True) for rows in (plain, worn))
    if (turned := float((1 - (plain * worn).sum(axis=1)).max())) < STILL:
        raise BadRequest("it changes nothing in the vectors. Train it longer.")
    near = float((worn @ worn.T)[~np.eye(len(worn), dtype=bool)].mean())
    if near > ALIKE:
        raise BadRequest(f"all texts become alike under it (cosine {near:.2f}). Train it at a lower rate.")
    return turned


def report(folder: Path) -> ProbeReport:
    plain = Embedder(1).embed(TEXTS)
    begin = time.perf_counter()
    worn = Embedder(1, folder)
    worn.warm()
    milliseconds = (time.perf_counter() - begin) * 1000
    return ProbeReport(judged(plain, worn.embed(TEXTS)), None, milliseconds)


def _bound(seconds: float) -> None:
    """From here on the process takes no more than it was given."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (_FILE, _FILE))
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (int(seconds) + 1, int(seconds) + 1))
    os.nice(5)


def main(words: Sequence[str]) -> int:
    _bound(float(words[1]))
    said: dict[str, Any]
    try:
        said = asdict(report(Path(words[0])))
    except BadRequest as error:
        said = {"reason": error.message}
    except MemoryError:
        said = {"reason": "it needs more memory than a trial may take. Train one of a lower rank."}
    print(json.dumps(said))  # noqa: T201 (the answer to the process that started this one)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
