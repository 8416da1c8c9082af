"""The file a running ensemble is kept in, so that a killed fit goes on as if nothing had happened.

emcee's HDF5 backend, written in blocks. A kill in the middle of a write is noticed by a digest of the last
block; the ensemble then starts again, which costs time and changes no number: all follows from the seed.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from emcee.backends import HDFBackend

from cartsim.errors import ResumeRefused
from cartsim.infer.settings import SolveCounts

IDENTITY = "cartsim_identity"
LAST = "cartsim_last_block"


class Checkpoint(HDFBackend):
    """emcee's HDF5 backend that writes `every` steps at a time; `counts` are saved along.

    `emcee.backends.HDFBackend(path)` reads the file as usual.
    """

    def __init__(self, path: Path, *, every: int) -> None:
        super().__init__(str(path))
        self.every = every
        self.counts = SolveCounts()
        self._pending: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
        self._random_state: tuple | None = None
        self._stored = super().iteration if self.initialized else 0

    @property
    def iteration(self) -> int:
        """Steps made, written or not."""
        return self._stored + len(self._pending)

    def grow(self, ngrow: int, blobs: None) -> None:
        """Room is made when a block is written."""

    def save_step(self, state, accepted: np.ndarray) -> None:
        """Keep one step; write a block when it is full."""
        self._pending.append((state.coords.copy(), state.log_prob.copy(), accepted.copy()))
        self._random_state = state.random_state
        if len(self._pending) == self.every:
            self.write()

    def write(self) -> None:
        """Write the pending steps with the random state and the counts."""
        if not self._pending:
            return
        coords, log_prob, accepted = (np.array(part) for part in zip(*self._pending, strict=True))
        first, last = self._stored, self._stored + len(coords)
        with self.open("a") as file:
            group = file[self.name]
            for name, block in (("chain", coords), ("log_prob", log_prob)):
                group[name].resize(last, axis=0)
                group[name][first:last] = block
            group["accepted"][:] += accepted.sum(axis=0)
            for index, part in enumerate(self._random_state):
                group.attrs[f"random_state_{index}"] = part
            for name, value in vars(self.counts).items():
                group.attrs[name] = value
            group.attrs["block"] = len(coords)
            group.attrs[LAST] = _digest(last, coords, log_prob, self._random_state, self.counts)
            file.flush()  # the data first: the step count is what makes them valid
            group.attrs["iteration"] = last
        self._stored, self._pending = last, []

    def intact(self) -> bool:
        """Whether the file holds exactly what the last `write` meant it to; restores the counts."""
        try:
            with self.open() as file:
                group = file[self.name]
                last = int(group.attrs["iteration"])
                if last == 0:
                    return True
                block = slice(last - int(group.attrs["block"]), last)
                counts = SolveCounts(*(int(group.attrs[name]) for name in vars(SolveCounts())))
                found = _digest(
                    last, group["chain"][block], group["log_prob"][block], self.random_state, counts
                )
                self.counts = counts
                return found == group.attrs[LAST]
        except (OSError, KeyError, RuntimeError, ValueError, TypeError):
            return False


def _digest(
    last: int, coords: np.ndarray, log_prob: np.ndarray, random_state: tuple, counts: SolveCounts
) -> str:
    content = hashlib.sha256(f"{last} {counts}".encode())
    for part in (coords, log_prob):
        content.update(np.ascontiguousarray(part, dtype=np.float64).tobytes())
    kind, keys, *rest = random_state
    content.update(f"{kind} {[float(item) for item in rest]}".encode())
    content.update(np.ascontiguousarray(keys, dtype=np.uint32).tobytes())
    return content.hexdigest()


def create(path: Path, shape: tuple[int, int], identity: Mapping[str, str], *, every: int) -> Checkpoint:
    """A new, empty checkpoint at `path`; it appears there complete or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(".draft")
    draft.unlink(missing_ok=True)
    backend = Checkpoint(draft, every=every)
    backend.reset(*shape)
    with backend.open("a") as file:
        file.attrs[IDENTITY] = json.dumps(dict(identity), sort_keys=True)
    draft.replace(path)
    return Checkpoint(path, every=every)


def reopen(path: Path, identity: Mapping[str, str], *, every: int) -> Checkpoint | None:
    """The checkpoint at `path`; None where it is damaged and the ensemble has to start again.

    Raises
    ------
    ResumeRefused
        Where it was written for other inputs, naming which.
    """
    import h5py

    try:
        with h5py.File(path) as file:
            stored = json.loads(file.attrs[IDENTITY])
    except (OSError, KeyError, ValueError):
        return None
    refuse_changes(stored, identity, path)
    try:
        backend = Checkpoint(path, every=every)
    except (OSError, KeyError):
        return None
    return backend if backend.intact() else None


def refuse_changes(stored: Mapping[str, str], identity: Mapping[str, str], path: Path) -> None:
    """Raise ResumeRefused naming every input that differs from the checkpoint's."""
    changed = [name for name in identity if stored.get(name) != identity[name]]
    if changed:
        raise ResumeRefused(
            f"the checkpoint belongs to other inputs; changed: {', '.join(changed)}",
            value=path,
            remedy="restore the inputs, or start a new run in another folder",
        )
