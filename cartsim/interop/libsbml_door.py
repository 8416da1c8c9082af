"""The one place where python-libsbml enters; it is optional."""

from __future__ import annotations

from typing import Any

from cartsim.errors import CartsimError


def libsbml() -> Any:
    """The module, or CartsimError with the remedy."""
    try:
        import libsbml as found
    except ImportError as error:
        raise CartsimError("python-libsbml is not installed", remedy="pip install 'cartsim[sbml]'") from error
    return found
