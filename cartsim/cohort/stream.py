"""Outcomes of any number of virtual patients in bounded memory: written in chunks, resumed, shared out.

Patient k has random numbers of its own, so the table is the same to the bit whatever the size of the chunks
and wherever they are worked on. A chunk's file appears whole or not at all; a run that was stopped goes on
with the chunks that are missing.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cartsim.cohort.outcomes import RTOL, outcome_table
from cartsim.cohort.products import FILE, TrialPopulation, read_products
from cartsim.errors import CartsimError
from cartsim.kernels.methods import Rodas5P
from cartsim.models import load_model
from cartsim.version import __version__

if TYPE_CHECKING:
    import pandas as pd

MANIFEST, PATTERN = "manifest.json", "outcomes-{:09d}.parquet"
CHUNK = 10_000
RETRIES = 3  # of a chunk whose Dask worker died


@dataclass(frozen=True)
class Cohort:
    """Which patients: a product of the model, the seed, how many; `products` is the file of products."""

    product: str
    patients: int
    seed: int
    model: str = "bcma_myeloma"
    products: str = str(FILE)
    rtol: float = RTOL

    def __post_init__(self) -> None:
        if self.patients < 1:
            raise CartsimError("a cohort needs patients", value=self.patients, limit=">= 1")

    @property
    def population(self) -> TrialPopulation:
        return TrialPopulation(
            load_model(self.model), self.product, read_products(Path(self.products)), self.seed
        )

    def identity(self) -> dict[str, Any]:
        """Everything the table depends on, for the manifest; nothing of chunks, cores or machines."""
        population = self.population
        priors = {p.name: (p.value, p.fixed, p.prior.to_mapping()) for p in population.model.parameters}
        products = Path(self.products).read_bytes()
        return {
            "cohort": asdict(self) | {"products": hashlib.sha256(products).hexdigest()},
            "model": population.model.digest(),
            "priors": hashlib.sha256(json.dumps(priors, sort_keys=True, default=str).encode()).hexdigest(),
            "cartsim": __version__,
        }


@dataclass(frozen=True)
class Chunk:
    """Patients first .. last - 1 of a cohort."""

    cohort: Cohort
    first: int
    last: int

    @property
    def name(self) -> str:
        return PATTERN.format(self.first)


@lru_cache(maxsize=4)
def _population(cohort: Cohort) -> TrialPopulation:
    return cohort.population


def chunk_bytes(chunk: Chunk) -> bytes:
    """The chunk's outcomes as a Parquet file; the work of one process or one Dask worker."""
    method = Rodas5P(rtol=chunk.cohort.rtol)
    table = outcome_table(
        _population(chunk.cohort), chunk.last - chunk.first, first=chunk.first, method=method
    )
    file = io.BytesIO()
    table.to_parquet(file, index=False)
    return file.getvalue()


Worked = Iterator[tuple[Chunk, bytes]]
"""Chunks and their files, in the order in which they are done."""


def on_cores(workers: int) -> Callable[[list[Chunk]], Worked]:
    """Work in `workers` processes of this machine; with one, in this process."""

    def worked(chunks: list[Chunk]) -> Worked:
        if workers <= 1 or len(chunks) <= 1:
            yield from ((chunk, chunk_bytes(chunk)) for chunk in chunks)
            return
        import multiprocessing

        with ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn")) as pool:
            waiting = {pool.submit(chunk_bytes, chunk): chunk for chunk in chunks}
            try:
                for done in as_completed(waiting):
                    yield waiting.pop(done), done.result()
            except BaseException:  # Ctrl-C too: what has not begun is not begun
                pool.shutdown(wait=True, cancel_futures=True)
                raise

    return worked


def on_dask(address: str) -> Callable[[list[Chunk]], Worked]:
    """Work on an existing Dask cluster; a chunk whose worker dies is done again by another.

    The files travel back to this process, so the workers need no common disk, only cartsim.
    """

    def worked(chunks: list[Chunk]) -> Worked:
        try:
            from dask.distributed import Client
            from dask.distributed import as_completed as dask_completed
        except ImportError as error:
            raise CartsimError(
                "dask.distributed is not installed", remedy="pip install 'cartsim[distributed]'"
            ) from error
        with Client(address) as client:
            waiting = {
                client.submit(chunk_bytes, chunk, pure=False, retries=RETRIES): chunk for chunk in chunks
            }
            for done in dask_completed(list(waiting)):
                chunk = waiting.pop(done)
                yield chunk, done.result()
                done.release()

    return worked


def stream_outcomes(
    cohort: Cohort,
    folder: Path,
    *,
    chunk: int = CHUNK,
    workers: Callable[[list[Chunk]], Worked] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Path:
    """Write the outcomes of a cohort into `folder`, one Parquet file a chunk; what is there is kept.

    Parameters
    ----------
    cohort : Cohort
    folder : a new one, or that of the same cohort, whose missing patients are then done
    chunk : patients in a file and in memory at once, for each worker
    workers : `on_cores(n)` or `on_dask(address)`; one core by default
    progress : told the patients done and all patients

    Raises
    ------
    CartsimError
        Where the folder holds another cohort, or pyarrow is missing.
    """
    _need_pyarrow()
    folder.mkdir(parents=True, exist_ok=True)
    chunks = _planned(cohort, folder, chunk)
    missing = [part for part in chunks if not (folder / part.name).exists()]
    done = cohort.patients - sum(part.last - part.first for part in missing)
    if progress is not None:
        progress(done, cohort.patients)
    for part, content in (workers or on_cores(1))(missing):
        _write(folder / part.name, content)
        done += part.last - part.first
        if progress is not None:
            progress(done, cohort.patients)
    return folder


def _planned(cohort: Cohort, folder: Path, chunk: int) -> list[Chunk]:
    """The chunks of the folder's manifest, which is written where there is none."""
    path = folder / MANIFEST
    wanted = cohort.identity()
    if path.exists():
        known = json.loads(path.read_text(encoding="utf-8"))
        changed = [name for name in wanted if known.get(name) != wanted[name]]
        if changed:
            raise CartsimError(
                "the folder holds the outcomes of another cohort",
                value=f"{folder}, other: {', '.join(changed)}",
                remedy="name another folder, or the same cohort to go on with it",
            )
        chunk = int(known["chunk"])
    elif chunk < 1:
        raise CartsimError("a chunk needs patients", value=chunk, limit=">= 1")
    else:
        _write(path, json.dumps(wanted | {"chunk": chunk}, indent=1).encode("utf-8"))
    return [
        Chunk(cohort, first, min(first + chunk, cohort.patients))
        for first in range(0, cohort.patients, chunk)
    ]


def outcome_parts(folder: Path, columns: list[str] | None = None) -> Iterator[pd.DataFrame]:
    """The outcomes file by file, in the patients' order, so that no more than one is in memory.

    Raises
    ------
    CartsimError
        Where patients are missing, because the run was stopped.
    """
    import pandas as pd

    _need_pyarrow()
    known = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    patients, chunk = int(known["cohort"]["patients"]), int(known["chunk"])
    files = [folder / PATTERN.format(first) for first in range(0, patients, chunk)]
    absent = [file.name for file in files if not file.exists()]
    if absent:
        raise CartsimError(
            f"{len(absent)} of {len(files)} chunks are missing",
            value=absent[0],
            remedy="run the same command again: it goes on where it stopped",
        )
    for file in files:
        yield pd.read_parquet(file, columns=columns)


def _need_pyarrow() -> None:
    try:
        import pyarrow  # noqa: F401
    except ImportError as error:
        raise CartsimError("pyarrow is not installed", remedy="pip install 'cartsim[parquet]'") from error


def _write(path: Path, content: bytes) -> None:
    """The file appears whole or not at all; the draft of a killed run is overwritten by the next."""
    draft = path.with_suffix(path.suffix + ".part")
    draft.write_bytes(content)
    draft.replace(path)
