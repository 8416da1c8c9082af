"""Published and shipped models, one file each; a user's own file is loaded the same way."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from functools import cache
from pathlib import Path

from cartsim.errors import ModelError
from cartsim.spec.model import Model

FOLDER = Path(__file__).resolve().parent

CONSIDERED = {
    "Dwivedi 2014 (IL-6 receptor, STAT3 and CRP, doi:10.1038/psp.2013.64)": (
        "its explicit antibody binding is 7e6 a day stiff and its constants stand only in an SBML file; what "
        "it says of tocilizumab and CRP is in `bcma_myeloma`, with equilibrium occupancy"
    ),
    "Hosseini 2020 (bispecific engagers and IL-6, doi:10.1038/s41540-020-00145-7)": (
        "no CAR-T cells; peaks of its first dose stand two orders of magnitude above those of later doses"
    ),
    "Owens & Bozic 2021 (lymphodepletion, doi:10.1007/s11538-021-00869-5)": (
        "does not reproduce: patient 2 clears on day 21.6, not about day 30, and patients 3 and 4 have each "
        "other's outcome"
    ),
}
"""Published models that are not shipped, and why."""


def model_names() -> tuple[str, ...]:
    """Names of the shipped models: the files of this folder."""
    return tuple(sorted(path.stem for path in FOLDER.glob("*.py") if not path.stem.startswith("_")))


def load_model(name_or_path: str | Path) -> Model:
    """A shipped model by name, or a user's model from the path of its Python file.

    Raises
    ------
    ModelError
        If no such model or file exists, or the file does not define `MODEL`.
    """
    text = str(name_or_path)
    if text in model_names():
        return importlib.import_module(f"cartsim.models.{text}").MODEL
    path = Path(text).expanduser()
    if path.suffix == ".py" and path.is_file():
        resolved = path.resolve()
        return _load_file(resolved, resolved.stat().st_mtime_ns)
    raise ModelError(
        "no such model",
        value=text,
        limit=", ".join(model_names()),
        remedy="give one of these names or the path of a .py file that defines MODEL",
    )


@cache
def _load_file(path: Path, changed: int) -> Model:
    """Import a model file from anywhere; `changed` (its mtime) makes an edited file load anew."""
    name = f"cartsim_user_model_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except ModelError:
        raise
    except Exception as error:
        raise ModelError(
            f"model file {path} cannot be run", value=f"{type(error).__name__}: {error}"
        ) from error
    model = getattr(module, "MODEL", None)
    if not isinstance(model, Model):
        raise ModelError(f"model file {path} defines no MODEL = Model(…)")
    return model
