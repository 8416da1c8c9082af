"""The text of one integration step: stage combinations as contiguous loops, then the error of each lane."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from cartsim.kernels.tableaus import ExplicitTableau, RosenbrockTableau
from cartsim.spec.model import Model
from cartsim.spec.printing import Layout, number


def _combination(weights: Sequence[float], values: Sequence[str], start: str = "") -> str:
    """start + sum of weight × value, zeros left out, as text."""
    terms = [start] if start else []
    for weight, value in zip(weights, values, strict=False):
        if weight != 0.0:
            terms.append(value if weight == 1.0 else f"{number(weight)} * {value}")
    return " + ".join(terms) or "0.0"


def _vectors(layout: Layout, names: Iterable[str]) -> list[str]:
    return [f"w[{layout.slots[name]} + k]" for name in names]


def _lane_values(layout: Layout, names: Iterable[str], offset: int) -> list[str]:
    """One state of each named vector, `offset` numbers into it."""
    return [f"w[{layout.slots[name] + offset} + lane]" for name in names]


def _over_all(layout: Layout, size: int, lines: Iterable[str]) -> list[str]:
    return [f"    for k in range({size * layout.lanes}):", *(f"        {line}" for line in lines)]


def _stage_time(layout: Layout, fraction: float) -> list[str]:
    time, step, stage = (layout.slots[name] for name in ("TIME", "STEP", "STAGE_TIME"))
    return [
        f"    for lane in range({layout.lanes}):",
        f"        w[{stage} + lane] = w[{time} + lane] + {number(fraction)} * w[{step} + lane]",
    ]


def rosenbrock_step(
    model: Model, tableau: RosenbrockTableau, layout: Layout, slopes: Sequence[int], reads_time: bool
) -> list[str]:
    """Kernels `advance` (one step of all lanes), `dense` and `interpolate` (its dense output)."""
    size = len(model.states)
    layout.take("INVERSE_ALL", size)
    layout.take("SLOPE_ALL", size if slopes else 0)
    slot = layout.slots
    stages = [f"U{i}" for i in range(tableau.stages)]
    lines = [
        "@kernel",
        "def advance(w):",
        "    factor(w)",
        f"    for n in range({size}):",
        f"        for lane in range({layout.lanes}):",
        f"            w[{slot['INVERSE_ALL']} + n * {layout.lanes} + lane] = w[{slot['INVERSE']} + lane]",
    ]
    for i in slopes:
        target = slot["SLOPE_ALL"] + i * layout.lanes
        lines.append(f"    for lane in range({layout.lanes}):")
        lines.append(
            f"        w[{target} + lane] = w[{slot[f'slope {i}']} + lane] * w[{slot['STEP']} + lane]"
        )
    fresh = f"w[{slot['X']} + k]"  # the stage just solved is kept in the loop that reads it first
    for i in range(tableau.stages):
        known = [*_vectors(layout, stages[: max(i - 1, 0)]), "u"]
        work = [f"u = {fresh}", f"w[{slot[stages[i - 1]]} + k] = u"] if i > 0 else []
        if i > 0:
            work.append(f"w[{slot['STAGE']} + k] = {_argument(layout, tableau, i, known)}")
        right = []
        if any(tableau.C[i]):
            right.append(f"({_combination(tableau.C[i], known)}) * w[{slot['INVERSE_ALL']} + k]")
        if slopes and tableau.d[i] != 0.0:
            right.append(f"{number(tableau.d[i])} * w[{slot['SLOPE_ALL']} + k]")
        work.append(f"w[{slot['B']} + k] = {' + '.join(right) or '0.0'}")
        lines += _over_all(layout, size, work)
        if i > 0:  # the first stage's rates come with the factors
            lines += _stage_time(layout, tableau.c[i]) if reads_time else []
            lines.append("    rhs(w)")
        lines.append("    backsolve(w)")
    # Stiffly accurate: y1 is the last stage's argument plus U_s.
    last = [f"u = {fresh}", f"w[{slot[stages[-1]]} + k] = u"]
    lines += _over_all(layout, size, [*last, f"w[{slot['NEXT']} + k] = w[{slot['STAGE']} + k] + u"])
    lines.append("    judge(w)")
    return ["\n".join(lines), *_rosenbrock_dense(model, tableau, layout, stages)]


def _argument(layout: Layout, tableau: RosenbrockTableau, i: int, known: Sequence[str]) -> str:
    """y + sum a_ij U_j; where row i only adds to row i - 1, from the argument that is already there."""
    row, before = tableau.a[i], tableau.a[i - 1]
    if i > 1 and row[: len(before)] == before:
        weights = (0.0,) * len(before) + row[len(before) :]
        return _combination(weights, known, f"w[{layout.slots['STAGE']} + k]")
    return _combination(row, known, f"w[{layout.slots['STATE']} + k]")


def _rosenbrock_dense(
    model: Model, tableau: RosenbrockTableau, layout: Layout, stages: Sequence[str]
) -> list[str]:
    """Kernels `dense` (the K_q of all lanes) and `interpolate`."""
    size = len(model.states)
    names = [f"K{q}" for q in range(len(tableau.dense))]
    lines = [
        f"w[{layout.take(name, size)} + k] = {_combination(row, _vectors(layout, stages))}"
        for name, row in zip(names, tableau.dense, strict=True)
    ]

    def formula(offset: int) -> str:
        return _rosenbrock_curve(*_lane_values(layout, ("STATE", "NEXT", *names), offset))

    dense = "\n".join(["@kernel", "def dense(w):", *_over_all(layout, size, lines)])
    return [dense, _interpolate_kernel(model, layout, formula)]


def _rosenbrock_curve(before: str, after: str, *bends: str) -> str:
    """The dense output at theta, as text."""
    polynomial = bends[-1]
    for bend in reversed(bends[:-1]):
        polynomial = f"({bend} + theta * {polynomial})"
    return f"(1.0 - theta) * {before} + theta * ({after} + (1.0 - theta) * {polynomial})"


def _interpolate_kernel(model: Model, layout: Layout, formula: Callable[[int], str]) -> str:
    """Kernel `interpolate`: states of every lane at its own THETA into VALUE, tiny negatives counted."""
    slot = layout.slots
    body = [f"theta = w[{slot['THETA']} + lane]", "negatives = 0.0"]
    for n, state in enumerate(model.states):
        body.append(f"value = {formula(n * layout.lanes)}")
        if state.positive:
            body += ["negatives += 1.0 if value < 0.0 else 0.0", "value = 0.0 if value < 0.0 else value"]
        body.append(f"w[{slot['VALUE'] + n * layout.lanes} + lane] = value")
    body.append(f"w[{slot['NEGATIVES']} + lane] = negatives")
    loop = [f"    for lane in range({layout.lanes}):", *(f"        {line}" for line in body)]
    return "\n".join(["@kernel", "def interpolate(w):", *loop])


def explicit_step(model: Model, tableau: ExplicitTableau, layout: Layout, *, autonomous: bool) -> list[str]:
    """Kernels `advance` and `interpolate` of an explicit Runge-Kutta pair; stages are slopes k_i."""
    size = len(model.states)
    layout.take("STEP_ALL", size)
    slot = layout.slots
    stages = [f"U{i}" for i in range(tableau.stages)]
    step = f"w[{slot['STEP_ALL']} + k]"
    lines = [
        "@kernel",
        "def advance(w):",
        f"    for n in range({size}):",
        f"        for lane in range({layout.lanes}):",
        f"            w[{slot['STEP_ALL']} + n * {layout.lanes} + lane] = w[{slot['STEP']} + lane]",
    ]
    for i, stage in enumerate(stages):
        increment = f" + {step} * ({_combination(tableau.a[i], _vectors(layout, stages))})" if i else ""
        lines += _over_all(layout, size, [f"w[{slot['STAGE']} + k] = w[{slot['STATE']} + k]{increment}"])
        lines += [] if autonomous else _stage_time(layout, tableau.c[i])
        lines.append("    rhs(w)")
        lines += _over_all(layout, size, [f"w[{slot[stage]} + k] = w[{slot['F']} + k]"])
    error = _combination(tableau.error, _vectors(layout, stages))
    lines += _over_all(
        layout,
        size,
        [f"w[{slot['NEXT']} + k] = w[{slot['STAGE']} + k]", f"w[{slot['STAGE']} + k] = {step} * ({error})"],
    )
    lines.append("    judge(w)")
    return ["\n".join(lines), *_explicit_dense(model, tableau, layout, stages)]


def _explicit_dense(
    model: Model, tableau: ExplicitTableau, layout: Layout, stages: Sequence[str]
) -> list[str]:
    """Kernels `dense` and `interpolate` in Hairer's form of the continuous extension."""
    size = len(model.states)
    step = f"w[{layout.slots['STEP_ALL']} + k]"
    state, after = f"w[{layout.slots['STATE']} + k]", f"w[{layout.slots['NEXT']} + k]"
    r3, r4, r5 = (f"w[{layout.take(name, size)} + k]" for name in ("R3", "R4", "R5"))
    first, last = (f"w[{layout.slots[stages[i]]} + k]" for i in (0, -1))
    lines = [
        f"{r3} = {step} * {first} - ({after} - {state})",
        f"{r4} = ({after} - {state}) - {step} * {last} - {r3}",
        f"{r5} = {step} * ({_combination(tableau.dense, _vectors(layout, stages))})",
    ]

    def formula(offset: int) -> str:
        return _explicit_curve(*_lane_values(layout, ("STATE", "NEXT", "R3", "R4", "R5"), offset))

    dense = "\n".join(["@kernel", "def dense(w):", *_over_all(layout, size, lines)])
    return [dense, _interpolate_kernel(model, layout, formula)]


def _explicit_curve(before: str, after: str, c3: str, c4: str, c5: str) -> str:
    """The continuous extension at theta, as text."""
    bend = f"(1.0 - theta) * ({c3} + theta * ({c4} + (1.0 - theta) * {c5}))"
    return f"{before} + theta * (({after} - {before}) + {bend})"


def approach_kernel(
    model: Model, tableau: RosenbrockTableau | ExplicitTableau, layout: Layout, read: Sequence[int]
) -> str:
    """Kernel `approach`: states by their numbers `read` at THETA of a step into VALUE.

    Straight from the stages: all states' dense output at every step would cost more than the step.
    """
    stages = [f"U{i}" for i in range(tableau.stages)]
    body = [f"theta = w[{layout.slots['THETA']} + lane]"]
    for n in read:
        offset = n * layout.lanes
        (before, after), own = (_lane_values(layout, names, offset) for names in (("STATE", "NEXT"), stages))
        if isinstance(tableau, RosenbrockTableau):
            bends = [f"b{q}" for q in range(len(tableau.dense))]
            body += [f"{b} = {_combination(row, own)}" for b, row in zip(bends, tableau.dense, strict=True)]
            body.append(f"value = {_rosenbrock_curve(before, after, *bends)}")
        else:
            body += [
                f"step, change = w[{layout.slots['STEP']} + lane], {after} - {before}",
                f"c3 = step * {own[0]} - change",
                f"c4 = change - step * {own[-1]} - c3",
                f"c5 = step * ({_combination(tableau.dense, own)})",
                f"value = {_explicit_curve(before, after, 'c3', 'c4', 'c5')}",
            ]
        if model.states[n].positive:
            body.append("value = 0.0 if value < 0.0 else value")
        body.append(f"w[{layout.slots['VALUE'] + offset} + lane] = value")
    loop = [f"    for lane in range({layout.lanes}):", *(f"        {line}" for line in body)]
    return "\n".join(["@kernel", "def approach(w):", *loop])
