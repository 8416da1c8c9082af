"""Step methods a user can choose, each with its tolerance and limits."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cartsim.errors import SolveError
from cartsim.kernels.tableaus import DORMAND_PRINCE, RODAS4, RODAS5P, ExplicitTableau, RosenbrockTableau


@dataclass(frozen=True, kw_only=True)
class Method:
    """What all step methods share.

    `rtol` is the relative tolerance; the absolute one is `rtol` times each state's declared scale.
    `first_step` also bounds the step after a dose or switch; `fixed_step` > 0 turns step control off (for
    convergence studies). Times are in the model's unit, days for every shipped model. `lanes` patients are
    solved in step: 8 for cohorts and fits, 1 where single curves are asked for one after the other. The
    result has the same bits for any number; each number is compiled on its own. `in_step` makes every group
    of `lanes` rows take the steps of its first, for derivatives (see `cartsim.solve.sensitivities`).
    """

    rtol: float = 1e-6
    first_step: float = 0.02
    max_step: float = np.inf
    max_steps: int = 100_000
    fixed_step: float = 0.0
    lanes: int = 8
    in_step: bool = False

    def __post_init__(self) -> None:
        if not 1e-14 <= self.rtol <= 0.1:
            raise SolveError("relative tolerance out of range", value=self.rtol, limit="1e-14 to 0.1")
        if self.first_step <= 0 or self.max_step <= 0 or self.max_steps < 1 or self.fixed_step < 0:
            raise SolveError("step limits must be positive", value=self)
        if self.lanes not in (1, 2, 4, 8, 16):
            raise SolveError("lanes that fill no vector register", value=self.lanes, limit="1, 2, 4, 8 or 16")

    @property
    def tableau(self) -> RosenbrockTableau | ExplicitTableau:
        raise SolveError("choose Rodas4, Rodas5P or DormandPrince, not the abstract Method")

    def control(self, start: float) -> np.ndarray:
        """The numbers the driver reads, float64 (7,)."""
        limits = self.rtol, start, self.first_step, self.max_step, self.max_steps, self.fixed_step
        return np.array([*limits, self.in_step], dtype=np.float64)


class Rodas4(Method):
    """Stiff, order 4 (Hairer & Wanner): the default for tolerances looser than 1e-5."""

    tableau = RODAS4


class Rodas5P(Method):
    """Stiff, order 5 (Steinebach 2023): the default for tight tolerances and for fits."""

    tableau = RODAS5P


class DormandPrince(Method):
    """Explicit 5(4) pair for models that are not stiff."""

    tableau = DORMAND_PRINCE


def default_method(rtol: float = 1e-6) -> Method:
    """Rodas5P at rtol <= 1e-5, else Rodas4."""
    return Rodas5P(rtol=rtol) if rtol <= 1e-5 else Rodas4(rtol=rtol)
