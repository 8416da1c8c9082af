"""Fewer divisions in the same formulas: shared reciprocals, and one division for several of them.

A division of eight numbers costs as much as some twenty products, and half of a step's time goes into
divisions. a / b becomes a (1 / b), so that all that is divided by b shares one reciprocal; and 1 / b and
1 / d that do not need each other become d / (b d) and b / (b d) (Montgomery 1987, Math Comp 48:243).
"""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence

from cartsim.spec.expression import LEAVES, Graph, Node, ordered

TOGETHER = 4
# A state above 1e60 ends its solve as runaway: products of so many, times parameters, cannot overflow.
HIGHEST_DEGREE = 4


def by_reciprocals(graph: Graph, roots: Sequence[Node]) -> list[Node]:
    """The same formulas with every quotient as a product with a reciprocal."""
    made: dict[int, Node] = {}
    for node in ordered(roots):
        args = [made[arg.key] for arg in node.args]
        if node.op == "div" and not _is_one(args[0]):
            made[node.key] = args[0] * (1.0 / args[1])
        else:
            made[node.key] = graph.make(node.op, *args) if args else node
    return [made[root.key] for root in roots]


def with_merged_reciprocals(
    graph: Graph, roots: Sequence[Node], known: Container[int] = (), *, together: int = TOGETHER
) -> list[Node]:
    """The same formulas with one division for up to `together` reciprocals that do not need each other.

    `known` are keys of nodes that are computed elsewhere. Left alone is a reciprocal inside a branch of
    `where`, which may be zero or infinite there without harm, and one whose product might overflow.
    """
    order = ordered(roots, known)
    depth = _division_depth(order, known)
    always, degree = _outside_branches(roots, known), _degrees(order)
    members: dict[int, list[Node]] = {}
    for node in order:
        if _is_reciprocal(node) and node.key in always and node.key not in known:
            members.setdefault(depth[node.key], []).append(node)
    group_of = {
        node.key: group
        for nodes in members.values()
        for group in _tame_groups(nodes, degree, together)
        for node in group
    }
    made: dict[int, Node] = {}
    # all denominators of one depth come before the first reciprocal of it
    for node in sorted(order, key=lambda n: (depth[n.key], _is_reciprocal(n) and n.key not in known)):
        if node.op in LEAVES or node.key in known:
            made[node.key] = node
        elif node.key in group_of and node.key not in made:
            group = group_of[node.key]
            inverses = _inverses([made[one.args[1].key] for one in group])
            made |= {one.key: inverse for one, inverse in zip(group, inverses, strict=True)}
        elif node.key not in made:
            made[node.key] = graph.make(node.op, *(made[arg.key] for arg in node.args))
    return [made[root.key] for root in roots]


def _inverses(values: list[Node], inverse: Node | None = None) -> list[Node]:
    """1 / v of every value from `inverse`, that of their product, or from the one division that gives it."""
    inverse = 1.0 / _product(values) if inverse is None else inverse
    if len(values) == 1:
        return [inverse]
    first, last = values[: len(values) // 2], values[len(values) // 2 :]
    return [*_inverses(first, inverse * _product(last)), *_inverses(last, inverse * _product(first))]


def _product(values: list[Node]) -> Node:
    if len(values) == 1:
        return values[0]
    return _product(values[: len(values) // 2]) * _product(values[len(values) // 2 :])


def _tame_groups(members: list[Node], degree: Mapping[int, int], together: int) -> list[list[Node]]:
    """Reciprocals in order, in groups whose denominators' degrees add up to no more than is safe."""
    groups: list[list[Node]] = []
    room = 0
    for node in members:
        own = degree[node.args[1].key]
        if groups and len(groups[-1]) < together and own <= room:
            groups[-1].append(node)
            room -= own
        else:
            groups.append([node])
            room = HIGHEST_DEGREE - own
    return groups


def _degrees(order: Sequence[Node]) -> dict[int, int]:
    """How high a power of the states each formula can grow like; `exp` and powers count as too high."""
    degree: dict[int, int] = {}
    for node in order:
        args = [degree.get(arg.key, 0) for arg in node.args]
        if node.op in LEAVES:
            degree[node.key] = int(node.op == "state")
        elif node.op == "mul":
            degree[node.key] = sum(args)
        elif node.op in ("exp", "pow"):
            degree[node.key] = HIGHEST_DEGREE + 1
        else:
            degree[node.key] = args[0] if node.op == "div" else max(args)
    return degree


def _outside_branches(roots: Sequence[Node], known: Container[int]) -> set[int]:
    """Keys of what is needed whichever way any condition goes."""
    found: set[int] = set()
    stack = list(roots)
    while stack:
        node = stack.pop()
        if node.key not in found and node.key not in known:
            found.add(node.key)
            stack.extend(node.args[:1] if node.op == "where" else node.args)
    return found


def _division_depth(order: Sequence[Node], known: Container[int]) -> dict[int, int]:
    """How many reciprocals stand below each node, one upon the other."""
    depth: dict[int, int] = {}
    for node in order:
        below = (
            []
            if node.key in known
            else [depth[a.key] + (_is_reciprocal(a) and a.key not in known) for a in node.args]
        )
        depth[node.key] = max(below, default=0)
    return depth


def _is_one(node: Node) -> bool:
    return node.op == "const" and node.value == 1.0


def _is_reciprocal(node: Node) -> bool:
    return node.op == "div" and _is_one(node.args[0])
