"""The only place that sets compile options and the folder of compiled kernels.

Numba's file cache goes stale without a word when a callee in another file changes. The cache folder is
therefore named after a hash of everything a kernel can call: the kernel sources and the versions of numba and
Python. A generated module is named by a hash of its own text. Old folders are left alone; they are small and
another checkout may use them.
"""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path

import numba


@cache
def sources_digest() -> str:
    """Hash of the sources and versions that decide what a compiled kernel does."""
    digest = hashlib.sha256(f"{numba.__version__} {sys.version_info[:2]}".encode())
    for path in sorted(Path(__file__).resolve().parent.glob("*.py")):
        digest.update(path.name.encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


@cache
def cache_folder() -> Path:
    """Folder of compiled kernels: ``$CARTSIM_CACHE_DIR`` or the user's cache folder, by sources digest."""
    base = os.environ.get("CARTSIM_CACHE_DIR")
    if base is None:
        import platformdirs

        base = platformdirs.user_cache_dir("cartsim", appauthor=False)
    folder = Path(base) / f"kernels-{sources_digest()}"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def kernel(function: Callable) -> Callable:
    """Compile a function on float64 arrays: strict IEEE, no GIL, cached on disk, never raising."""
    return _compiled(function)


def inlined(function: Callable) -> Callable:
    """The same for a function of numbers: it becomes part of its caller's loop and is vectorised with it."""
    return _compiled(function, forceinline=True)


def _compiled(function: Callable, **options: bool) -> Callable:
    before = numba.config.CACHE_DIR
    numba.config.CACHE_DIR = str(cache_folder())
    try:
        return numba.njit(cache=True, nogil=True, error_model="numpy", **options)(function)
    finally:
        numba.config.CACHE_DIR = before
