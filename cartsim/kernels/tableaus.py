"""Coefficients of the step methods, as data that check themselves when imported.

Rosenbrock methods are in the form that avoids matrix products (Hairer & Wanner, Solving ODEs II, IV.7): stage
i solves (1/(gamma h) I - J) U_i = f(t + c_i h, y + sum a_ij U_j) + sum (C_ij / h) U_j + h d_i df/dt, then
y1 = y + sum b_i U_i and the error estimate is U_s. Dense output with K_q = sum H[q][i] U_i:
y(t + theta h) = (1 - theta) y + theta (y1 + (1 - theta)(K_1 + theta (K_2 + theta K_3))).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

Row = tuple[float, ...]


def _has_order(
    weights: np.ndarray, alpha: np.ndarray, gamma: np.ndarray, order: int, theta: float = 1.0
) -> bool:
    """The order conditions up to 4 at the fraction theta of a step (Hairer & Wanner II, table IV.7.1)."""
    one, beta = np.ones(len(weights)), alpha + gamma
    nodes, slopes = alpha @ one, beta @ one
    conditions = (
        (1, one, 1),
        (2, slopes, 2),
        (3, nodes**2, 3),
        (3, beta @ slopes, 6),
        (4, nodes**3, 4),
        (4, nodes * (alpha @ slopes), 8),
        (4, beta @ nodes**2, 12),
        (4, beta @ (beta @ slopes), 24),
    )
    return all(
        abs(weights @ vector - theta**power / density) < 1e-9
        for power, vector, density in conditions
        if power <= order
    )


@dataclass(frozen=True)
class RosenbrockTableau:
    """A stiffly accurate Rosenbrock method whose last stage is the embedded error estimate."""

    name: str
    source: str
    order: int
    embedded_order: int
    gamma: float
    c: Row
    d: Row
    a: tuple[Row, ...]
    C: tuple[Row, ...]
    dense: tuple[Row, ...]

    @property
    def stages(self) -> int:
        return len(self.a)

    @property
    def b(self) -> Row:
        """Weights of y1: the last stage's argument plus U_s itself (stiffly accurate)."""
        return (*self.a[-1], 1.0)

    def _gamma_matrix(self) -> np.ndarray:
        """Gamma of the classical form, from Gamma^-1 = I / gamma - C."""
        size = self.stages
        inverse = np.eye(size) / self.gamma
        for i, row in enumerate(self.C):
            inverse[i, : len(row)] -= row
        return np.linalg.inv(inverse)

    def _dense_weights(self, theta: float) -> np.ndarray:
        """Weights of the U_i in y(t + theta h) - y(t)."""
        bend = np.zeros(self.stages)
        for power, row in enumerate(self.dense):
            bend[: len(row)] += theta**power * np.array(row)
        return theta * (np.array(self.b) + (1.0 - theta) * bend)

    def __post_init__(self) -> None:
        gamma = self._gamma_matrix()
        a = np.zeros((self.stages, self.stages))
        for i, row in enumerate(self.a):
            a[i, : len(row)] = row
        weights = np.array(self.b) @ gamma
        faults = {
            "row i has i entries": [len(r) for r in self.a] != list(range(self.stages)),
            "C has the shape of a": [len(r) for r in self.C] != [len(r) for r in self.a],
            "dense rows have at most one entry a stage": any(len(r) > self.stages for r in self.dense),
            "c are the row sums of a Gamma": not np.allclose(
                (a @ gamma).sum(axis=1), self.c, rtol=0, atol=1e-11
            ),
            "d are the row sums of Gamma": not np.allclose(gamma.sum(axis=1), self.d, rtol=0, atol=1e-11),
            "stiffly accurate: the last two rows of a agree": self.a[-1] != (*self.a[-2], 1.0),
            f"order conditions up to {min(self.order, 4)}": not _has_order(
                weights, a @ gamma, gamma, self.order
            ),
            f"dense output is of order {len(self.dense) + 1}": not all(
                _has_order(self._dense_weights(x) @ gamma, a @ gamma, gamma, len(self.dense) + 1, x)
                for x in (0.3, 0.8)
            ),
        }
        broken = [text for text, wrong in faults.items() if wrong]
        if broken:
            raise ValueError(f"tableau {self.name} breaks: {'; '.join(broken)}")


@dataclass(frozen=True)
class ExplicitTableau:
    """An explicit Runge-Kutta pair with the coefficients of its continuous extension in Hairer's form."""

    name: str
    source: str
    order: int
    embedded_order: int
    c: Row
    a: tuple[Row, ...]
    error: Row
    dense: Row

    @property
    def stages(self) -> int:
        return len(self.a)

    def __post_init__(self) -> None:
        b = np.array([*self.a[-1], 0.0])
        faults = {
            "row i has i entries": [len(r) for r in self.a] != list(range(self.stages)),
            "rows of a sum to c": any(abs(sum(r) - c) > 1e-13 for r, c in zip(self.a, self.c, strict=True)),
            "order 1..5 of the quadrature": any(
                abs(b @ np.array(self.c) ** (k - 1) - 1 / k) > 1e-13 for k in range(1, 6)
            ),
            "error weights sum to 0": abs(sum(self.error)) > 1e-15,
            "dense weights sum to 0": abs(sum(self.dense)) > 1e-13,
        }
        broken = [text for text, wrong in faults.items() if wrong]
        if broken:
            raise ValueError(f"tableau {self.name} breaks: {'; '.join(broken)}")


RODAS4 = RosenbrockTableau(
    name="rodas4",
    source="Hairer & Wanner, Solving ODEs II, RODAS (METH=1)",
    order=4,
    embedded_order=3,
    gamma=0.25,
    c=(0.0, 0.386, 0.21, 0.63, 1.0, 1.0),
    d=(0.25, -0.1043, 0.1035, -0.03620000000000023, 0.0, 0.0),
    a=(
        (),
        (1.544,),
        (0.9466785280815826, 0.2557011698983284),
        (3.314825187068521, 2.896124015972201, 0.9986419139977817),
        (1.221224509226641, 6.019134481288629, 12.53708332932087, -0.687886036105895),
        (1.221224509226641, 6.019134481288629, 12.53708332932087, -0.687886036105895, 1.0),
    ),
    C=(
        (),
        (-5.6688,),
        (-2.430093356833875, -0.2063599157091915),
        (-0.1073529058151375, -9.594562251023355, -20.47028614809616),
        (7.496443313967647, -10.24680431464352, -33.99990352819905, 11.7089089320616),
        (8.083246795921522, -7.981132988064893, -31.52159432874371, 16.31930543123136, -6.058818238834054),
    ),
    dense=(
        (10.12623508344586, -7.487995877610167, -34.80091861555747, -7.992771707568823, 1.025137723295662),
        (-0.6762803392801253, 6.087714651680015, 16.43084320892478, 24.76722511418386, -6.594389125716872),
    ),
)

RODAS5P = RosenbrockTableau(
    name="rodas5p",
    source="Steinebach 2023, Rodas5P (doi:10.1007/s10543-023-00967-x)",
    order=5,
    embedded_order=4,
    gamma=0.21193756319429014,
    c=(0.0, 0.6358126895828704, 0.4095798393397535, 0.9769306725060716, 0.4288403609558664, 1.0, 1.0, 1.0),
    d=(
        0.21193756319429014,
        -0.42387512638858027,
        -0.3384627126235924,
        1.8046452872882734,
        2.325825639765069,
        0.0,
        0.0,
        0.0,
    ),
    a=(
        (),
        (3.0,),
        (2.849394379747939, 0.45842242204463923),
        (-6.954028509809101, 2.489845061869568, -10.358996098473584),
        (2.8029986275628964, 0.5072464736228206, -0.3988312541770524, -0.04721187230404641),
        (
            -7.502846399306121,
            2.561846144803919,
            -11.627539656261098,
            -0.18268767659942256,
            0.030198172008377946,
        ),
        (
            -7.502846399306121,
            2.561846144803919,
            -11.627539656261098,
            -0.18268767659942256,
            0.030198172008377946,
            1.0,
        ),
        (
            -7.502846399306121,
            2.561846144803919,
            -11.627539656261098,
            -0.18268767659942256,
            0.030198172008377946,
            1.0,
            1.0,
        ),
    ),
    C=(
        (),
        (-14.155112264123755,),
        (-17.97296035885952, -2.859693295451294),
        (147.12150275711716, -1.41221402718213, 71.68940251302358),
        (165.43517024871676, -0.4592823456491126, 42.90938336958603, -5.961986721573306),
        (24.854864614690072, -3.0009227002832186, 47.4931110020768, 5.5814197821558125, -0.6610691825249471),
        (
            30.91273214028599,
            -3.1208243349937974,
            77.79954646070892,
            34.28646028294783,
            -19.097331116725623,
            -28.087943162872662,
        ),
        (
            37.80277123390563,
            -3.2571969029072276,
            112.26918849496327,
            66.9347231244047,
            -40.06618937091002,
            -54.66780262877968,
            -9.48861652309627,
        ),
    ),
    dense=(
        (
            25.948786856663858,
            -2.5579724845846235,
            10.433815404888879,
            -2.3679251022685204,
            0.524948541321073,
            1.1241088310450404,
            0.4272876194431874,
            -0.17202221070155493,
        ),
        (
            -9.91568850695171,
            -0.9689944594115154,
            3.0438037242978453,
            -24.495224566215796,
            20.176138334709044,
            15.98066361424651,
            -6.789040303419874,
            -6.710236069923372,
        ),
        (
            11.419903575922262,
            2.8879645146136994,
            72.92137995996029,
            80.12511834622643,
            -52.072871366152654,
            -59.78993625266729,
            -0.15582684282751913,
            4.883087185713722,
        ),
    ),
)

DORMAND_PRINCE = ExplicitTableau(
    name="dormand_prince",
    source="Dormand & Prince 1980; dense output: Hairer, Norsett & Wanner, Solving ODEs I, II.6",
    order=5,
    embedded_order=4,
    c=(0.0, 1 / 5, 3 / 10, 4 / 5, 8 / 9, 1.0, 1.0),
    a=(
        (),
        (1 / 5,),
        (3 / 40, 9 / 40),
        (44 / 45, -56 / 15, 32 / 9),
        (19372 / 6561, -25360 / 2187, 64448 / 6561, -212 / 729),
        (9017 / 3168, -355 / 33, 46732 / 5247, 49 / 176, -5103 / 18656),
        (35 / 384, 0.0, 500 / 1113, 125 / 192, -2187 / 6784, 11 / 84),
    ),
    error=(71 / 57600, 0.0, -71 / 16695, 71 / 1920, -17253 / 339200, 22 / 525, -1 / 40),
    dense=(
        -12715105075 / 11282082432,
        0.0,
        87487479700 / 32700410799,
        -10690763975 / 1880347072,
        701980252875 / 199316789632,
        -1453857185 / 822651844,
        69997945 / 29380423,
    ),
)
