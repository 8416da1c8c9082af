"""What a user's function is: a digest of its source and of everything it names, to refuse a wrong resume."""

from __future__ import annotations

import hashlib
import inspect
import types
from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np

PLAIN = (bool, int, float, complex, str, bytes, type(None))


def function_digest(function: Callable, *data: Any) -> str:
    """Hex digest of a function's source, of the numbers, arrays and functions it refers to, and of `data`.

    Functions of installed packages count by name. A change hidden in an object that is none of these (a class
    of one's own, a file read inside) is not seen; pass it as `data`.
    """
    digest = hashlib.sha256()
    for part in (
        *_of_function(function, set()),
        *(piece for item in data for piece in _of_value(item, set())),
    ):
        digest.update(part)
        digest.update(b"\x00")
    return digest.hexdigest()


def _of_function(function: Callable, seen: set[int]) -> Iterator[bytes]:
    function = getattr(function, "py_func", function)  # numba keeps the Python it compiled
    if id(function) in seen:
        return
    seen.add(id(function))
    if not isinstance(function, types.FunctionType):
        yield from _of_callable(function, seen)
        return
    try:
        yield inspect.getsource(function).encode()
    except (OSError, TypeError):  # typed at a prompt
        yield function.__code__.co_code + repr(function.__code__.co_consts).encode()
    yield from _of_value((function.__defaults__, function.__kwdefaults__), seen)
    names = inspect.getclosurevars(function)
    for where in (names.nonlocals, names.globals):
        for name in sorted(where):
            yield name.encode()
            yield from _of_value(where[name], seen)


def _of_callable(function: Callable, seen: set[int]) -> Iterator[bytes]:
    """Bound methods, partials, callable objects: their parts."""
    for name in ("__self__", "__func__", "func", "args", "keywords"):
        if hasattr(function, name):
            yield name.encode()
            yield from _of_value(getattr(function, name), seen)
    yield from _of_value(_parts(function), seen)
    call = vars(type(function)).get("__call__")
    if isinstance(call, types.FunctionType):
        yield from _of_function(call, seen)


def _parts(value: Any) -> Mapping[str, Any]:
    """What an object is made of; of a dataclass its fields, not what it worked out since."""
    if is_dataclass(value):
        return {item.name: getattr(value, item.name) for item in fields(value)}
    return getattr(value, "__dict__", {})


def _of_value(value: Any, seen: set[int]) -> Iterator[bytes]:
    if isinstance(value, PLAIN):
        yield f"{type(value).__name__} {value!r}".encode()
    elif isinstance(value, np.ndarray | np.generic):
        array = np.ascontiguousarray(value)
        yield f"{array.dtype} {array.shape}".encode()
        yield repr(array.tolist()).encode() if array.dtype.hasobject else array.tobytes()
    elif isinstance(value, Mapping):
        for key in sorted(value, key=repr):
            yield repr(key).encode()
            yield from _of_value(value[key], seen)
    elif isinstance(value, list | tuple | set | frozenset):
        yield type(value).__name__.encode()
        for item in sorted(value, key=repr) if isinstance(value, set | frozenset) else value:
            yield from _of_value(item, seen)
    elif hasattr(value, "to_numpy"):  # a table or column of pandas
        yield repr([*getattr(value, "columns", ())]).encode()
        yield from _of_value(value.to_numpy(), seen)
    elif isinstance(value, types.ModuleType | type):
        yield value.__name__.encode()
    elif callable(value) and _is_users(value):
        yield from _of_function(value, seen)
    elif (is_dataclass(value) or _is_users(value)) and id(value) not in seen:
        seen.add(id(value))
        yield type(value).__qualname__.encode()
        yield from _of_value(_parts(value), seen)
    else:
        yield type(value).__qualname__.encode()


def _is_users(value: Any) -> bool:
    """Whether it is defined outside the installed packages."""
    value = getattr(value, "py_func", value)
    home = inspect.getmodule(value if callable(value) and hasattr(value, "__code__") else type(value))
    path = getattr(home, "__file__", None)
    if home is None or home.__name__ in ("__main__", "builtins"):
        return home is None or home.__name__ == "__main__"
    return path is not None and "site-packages" not in path and home.__name__.split(".")[0] not in _STANDARD


_STANDARD = {"numpy", "scipy", "math", "functools", "numba"}
