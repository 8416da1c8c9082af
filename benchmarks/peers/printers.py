"""A model's traced equations printed for other solvers: C, JAX and Antimony (SBML)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from cartsim.spec.expression import Node, ordered
from cartsim.spec.model import Model
from cartsim.study.speed_case import leaf_names

ARITHMETIC = {
    "add": "({} + {})",
    "sub": "({} - {})",
    "mul": "({} * {})",
    "div": "({} / {})",
    "neg": "(-{})",
    "lt": "({} < {})",
    "le": "({} <= {})",
}
C = ARITHMETIC | {
    "and": "({} && {})",
    "or": "({} || {})",
    "not": "(!{})",
    "exp": "exp({})",
    "log": "log({})",
    "sqrt": "sqrt({})",
    "pow": "pow({}, {})",
    "where": "({0} ? {1} : {2})",
    "min": "({1} < {0} || {1} != {1} ? {1} : {0})",
    "max": "({1} > {0} || {1} != {1} ? {1} : {0})",
}
JAX = ARITHMETIC | {
    "and": "({} & {})",
    "or": "({} | {})",
    "not": "(~{})",
    "exp": "jnp.exp({})",
    "log": "jnp.log({})",
    "sqrt": "jnp.sqrt({})",
    "pow": "({} ** {})",
    "where": "jnp.where({}, {}, {})",
    "min": "jnp.minimum({}, {})",
    "max": "jnp.maximum({}, {})",
}
ANTIMONY = ARITHMETIC | {
    "and": "({} && {})",
    "or": "({} || {})",
    "not": "(!{})",
    "exp": "exp({})",
    "log": "ln({})",
    "sqrt": "sqrt({})",
    "pow": "({} ^ {})",
    "where": "piecewise({1}, {0}, {2})",
    "min": "piecewise({1}, {1} < {0}, {0})",
    "max": "piecewise({1}, {1} > {0}, {0})",
}


def statements(
    nodes: Sequence[Node], names: dict[int, str], templates: Mapping[str, str], assign: str
) -> list[str]:
    """Assignments for the nodes used more than once; what is used once stays inside its user.

    `names` (key → text) is extended by every node; `assign` has the fields name and value.
    """
    users = Counter(arg.key for node in ordered(nodes) for arg in node.args)
    lines = []
    for node in ordered(nodes, names):
        if node.key in names:
            continue
        if node.op == "const":
            names[node.key] = f"({node.value!r})" if node.value < 0 else repr(node.value)
            continue
        text = templates[node.op].format(*(names[arg.key] for arg in node.args))
        if users[node.key] > 1 or (node.op not in ("lt", "le", "and", "or", "not") and len(text) > 400):
            lines.append(assign.format(name=f"v{node.key}", value=text))
            text = f"v{node.key}"
        names[node.key] = text
    return lines


def c_function(model: Model, head: str, targets: Mapping[str, Node]) -> str:
    """C function with the given head that stores every node at its target; y, p and t are in scope."""
    nodes = tuple(targets.values())
    names = leaf_names(model, nodes)
    lines = statements(nodes, names, C, "    const double {name} = {value};")
    stores = [f"    {target} = {names[node.key]};" for target, node in targets.items()]
    return "\n".join([head + " {", *lines, *stores, "}"]) + "\n"


def c_rhs(model: Model) -> str:
    """`static void model_rhs(double t, const double *y, double *dy, const double *p)`."""
    head = "static void model_rhs(double t, const double *y, double *dy, const double *p)"
    return c_function(model, head, {f"dy[{i}]": node for i, node in enumerate(model.traced.rhs)})


def c_jacobian(model: Model) -> str:
    """`static void model_jacobian(double t, const double *y, double **jac, const double *p)`, by column."""
    head = "static void model_jacobian(double t, const double *y, double **jac, const double *p)"
    entries = {f"jac[{j}][{i}]": node for (i, j), node in model.traced.jacobian.items()}
    return c_function(model, head, entries)


def jax_rhs(model: Model) -> str:
    """Python text of `rhs(t, y, p)` for JAX, which returns the stacked derivatives."""
    nodes = model.traced.rhs
    names = leaf_names(model, nodes)
    lines = statements(nodes, names, JAX, "    {name} = {value}")
    stacked = ", ".join(f"{names[node.key]} + zero" for node in nodes)
    head = ["def rhs(t, y, p):", "    zero = jnp.zeros(())"]
    return "\n".join([*head, *lines, f"    return jnp.stack([{stacked}])"]) + "\n"


def antimony(model: Model) -> str:
    """The model as Antimony text: states s0, s1 … with rate rules, parameters q0, q1 …, then switch flags."""
    nodes = model.traced.rhs
    names = {}
    for key, text in leaf_names(model, nodes, "s", "q").items():
        names[key] = "time" if text == "t" else text.replace("[", "").replace("]", "")
    lines = statements(nodes, names, ANTIMONY, "  {name} := {value};")
    rates = [f"  s{i}' = {names[node.key]};" for i, node in enumerate(nodes)]
    switches = len(model.traced.switches)
    numbers = [*model.values, *([0.0] * switches)]
    starts = [f"  s{i} = 0;" for i in range(len(nodes))]
    values = [f"  q{i} = {float(value)!r};" for i, value in enumerate(numbers)]
    return "\n".join(["model benchmark()", *values, *starts, *lines, *rates, "end"]) + "\n"
