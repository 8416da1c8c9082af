"""Formulas as data: what a model's own `rhs` becomes when it is run on symbols, and how it is differentiated.

A `Node` behaves like a number. Every operation asks the `Graph` for the resulting node, and the graph returns
the same object for the same operation on the same arguments (hash-consing), so common subexpressions are
found for free and a formula of hundreds of terms is built in milliseconds.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Sequence
from typing import NoReturn

from cartsim.errors import ModelError

LEAVES = frozenset({"const", "state", "parameter", "time", "rate", "switch", "input"})
TRANSCENDENTAL = frozenset({"exp", "log", "pow"})
Number = float | int


class Node:
    """One operation or leaf of a formula; made by its `Graph` only."""

    __slots__ = ("args", "graph", "key", "op", "value")
    __array_ufunc__ = None  # NumPy scalars on the left hand the operation over to __radd__ and the like

    def __init__(self, graph: Graph, key: int, op: str, args: tuple[Node, ...], value: float) -> None:
        self.graph, self.key, self.op, self.args, self.value = graph, key, op, args, value

    def __add__(self, other: Node | Number) -> Node:
        return self.graph.make("add", self, other)

    def __radd__(self, other: Number) -> Node:
        return self.graph.make("add", other, self)

    def __sub__(self, other: Node | Number) -> Node:
        return self.graph.make("sub", self, other)

    def __rsub__(self, other: Number) -> Node:
        return self.graph.make("sub", other, self)

    def __mul__(self, other: Node | Number) -> Node:
        return self.graph.make("mul", self, other)

    def __rmul__(self, other: Number) -> Node:
        return self.graph.make("mul", other, self)

    def __truediv__(self, other: Node | Number) -> Node:
        return self.graph.make("div", self, other)

    def __rtruediv__(self, other: Number) -> Node:
        return self.graph.make("div", other, self)

    def __neg__(self) -> Node:
        return self.graph.make("neg", self)

    def __pos__(self) -> Node:
        return self

    def __abs__(self) -> Node:
        return self.graph.make("max", self, -self)

    def __pow__(self, exponent: Node | Number) -> Node:
        return self.graph.power(self, exponent)

    def __rpow__(self, base: Number) -> Node:
        return self.graph.power(self.graph.constant(base), self)

    def __lt__(self, other: Node | Number) -> Node:
        return self.graph.make("lt", self, other)

    def __gt__(self, other: Node | Number) -> Node:
        return self.graph.make("lt", other, self)

    def __le__(self, other: Node | Number) -> Node:
        return self.graph.make("le", self, other)

    def __ge__(self, other: Node | Number) -> Node:
        return self.graph.make("le", other, self)

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        raise ModelError(
            "an equality test on a state, parameter or time cannot be traced",
            remedy="use <, <=, > or >= inside where(condition, a, b)",
        )

    __hash__ = object.__hash__

    def __and__(self, other: Node) -> Node:
        return self.graph.make("and", self, other)

    def __or__(self, other: Node) -> Node:
        return self.graph.make("or", self, other)

    def __invert__(self) -> Node:
        return self.graph.make("not", self)

    def exp(self) -> Node:
        return self.graph.make("exp", self)

    def log(self) -> Node:
        return self.graph.make("log", self)

    def sqrt(self) -> Node:
        return self.graph.make("sqrt", self)

    def __bool__(self) -> NoReturn:
        raise ModelError(
            "a Python `if`, `and`, `or`, `min` or `max` on a state, parameter or time cannot be traced",
            remedy="use where(condition, a, b), minimum, maximum or after(t, time) from cartsim.spec.terms",
        )

    def __float__(self) -> NoReturn:
        raise ModelError(
            "a symbol cannot be turned into a plain number (math.exp, float, int)",
            remedy="use exp, log, sqrt, hill, power, ratio from cartsim.spec.terms",
        )

    __int__ = __index__ = __float__


class Graph:
    """All nodes of one model, each operation once; `switches` are the times named by `after`."""

    def __init__(self) -> None:
        self.nodes: dict[tuple, Node] = {}
        self.switches: list[Node] = []

    def _store(self, op: str, args: tuple[Node, ...], value: float = 0.0) -> Node:
        identity = (op, tuple(arg.key for arg in args), repr(value))
        node = self.nodes.get(identity)
        if node is None:
            node = self.nodes[identity] = Node(self, len(self.nodes), op, args, value)
        return node

    def constant(self, value: Number) -> Node:
        return self._store("const", (), float(value))

    def leaf(self, kind: str, index: int = 0) -> Node:
        """A state, parameter, time, input rate or switch flag, by its index."""
        return self._store(kind, (), index)

    def switch(self, time: Node) -> Node:
        """The 0/1 flag that is raised when the patient's clock reaches `time` (a function of parameters)."""
        keys = [known.key for known in self.switches]
        if time.key not in keys:
            self.switches.append(time)
            keys.append(time.key)
        return self.leaf("switch", keys.index(time.key))

    def make(self, op: str, *operands: Node | Number) -> Node:
        """The node of an operation, simplified where that is exact."""
        args = tuple(arg if isinstance(arg, Node) else self.constant(arg) for arg in operands)
        simpler = self._simplified(op, args)
        return self._store(op, args) if simpler is None else simpler

    def power(self, base: Node, exponent: Node | Number) -> Node:
        """base**exponent; small whole exponents become products."""
        if isinstance(exponent, Node) and exponent.op == "const":
            exponent = exponent.value
        if isinstance(exponent, Node) or exponent != int(exponent) or abs(exponent) > 8:
            return self.make("pow", base, exponent)
        count = abs(int(exponent))
        product, factor = self.constant(1.0), base
        while count:
            product = product * factor if count & 1 else product
            factor, count = factor * factor, count >> 1
        return product if exponent >= 0 else 1.0 / product

    def _simplified(self, op: str, args: tuple[Node, ...]) -> Node | None:
        """Exact rewrites only: zeros and ones of products and sums, double negation, constant branches."""
        first, second = args[0], args[1] if len(args) > 1 else None
        zero_first, zero_second = _is(first, 0.0), second is not None and _is(second, 0.0)
        one_first, one_second = _is(first, 1.0), second is not None and _is(second, 1.0)
        constants = all(arg.op == "const" for arg in args)
        if constants and op in _FOLD:
            return self.constant(_FOLD[op](*(arg.value for arg in args)))
        if op == "add" and (zero_first or zero_second):
            return second if zero_first else first
        if op == "sub" and (zero_first or zero_second):
            return self.make("neg", second) if zero_first else first
        if op == "mul" and (zero_first or zero_second):
            return self.constant(0.0)
        if op == "mul" and (one_first or one_second):
            return second if one_first else first
        if op == "div" and (zero_first or one_second):
            return first
        if op == "neg" and first.op == "neg":
            return first.args[0]
        if op == "where" and args[1] is args[2]:
            return args[1]
        return None


def _is(node: Node, value: float) -> bool:
    return node.op == "const" and node.value == value


_FOLD = {
    "add": lambda a, b: a + b,
    "sub": lambda a, b: a - b,
    "mul": lambda a, b: a * b,
    "neg": lambda a: -a,
}


def ordered(roots: Iterable[Node], known: Container[int] = ()) -> list[Node]:
    """All nodes below the roots, arguments before their users; nothing below the keys in `known`."""
    seen: set[int] = set()
    order: list[Node] = []
    stack: list[tuple[Node, bool]] = [(root, False) for root in reversed(list(roots))]
    while stack:
        node, ready = stack.pop()
        if ready:
            order.append(node)
        elif node.key not in seen:
            seen.add(node.key)
            stack.append((node, True))
            if node.key in known:
                continue
            stack.extend((arg, False) for arg in reversed(node.args) if arg.key not in seen)
    return order


def leaves_below(roots: Sequence[Node]) -> dict[int, frozenset[tuple[str, int]]]:
    """For every node below the roots: the leaves it depends on, as (kind, index)."""
    below: dict[int, frozenset[tuple[str, int]]] = {}
    for node in ordered(roots):
        if node.op in LEAVES:
            below[node.key] = frozenset() if node.op == "const" else frozenset({(node.op, int(node.value))})
        else:
            below[node.key] = frozenset().union(*(below[arg.key] for arg in node.args))
    return below


def surely_positive(node: Node) -> bool:
    """Whether a node is above zero by its form: a positive constant, or the larger of one and anything."""
    if node.op == "max":
        return any(surely_positive(arg) for arg in node.args)
    return node.op == "const" and node.value > 0.0


def derivative(root: Node, leaf: Node) -> Node:
    """d root / d leaf by the rules of calculus; a switch flag and a comparison count as constants."""
    graph = root.graph
    zero = graph.constant(0.0)
    slope: dict[int, Node] = {}
    for node in ordered([root]):
        if node is leaf:
            slope[node.key] = graph.constant(1.0)
        elif node.op in LEAVES or node.op in ("lt", "le", "and", "or", "not"):
            slope[node.key] = zero
        else:
            slope[node.key] = _rule(node, [slope[arg.key] for arg in node.args])
    return slope[root.key]


def _rule(node: Node, d: list[Node]) -> Node:
    """The derivative of one operation from its arguments and their derivatives `d`."""
    graph, args = node.graph, node.args
    if node.op != "where" and all(_is(slope, 0.0) for slope in d):
        return graph.constant(0.0)
    match node.op:
        case "add":
            return d[0] + d[1]
        case "sub":
            return d[0] - d[1]
        case "neg":
            return -d[0]
        case "mul":
            return d[0] * args[1] + args[0] * d[1]
        case "div":
            return (d[0] - node * d[1]) / args[1]
        case "exp":
            return node * d[0]
        case "log":
            return d[0] / args[0]
        case "sqrt":
            return d[0] / (2.0 * node)
        case "where":
            return graph.make("where", args[0], d[1], d[2])
        case "min":
            return graph.make("where", args[0] < args[1], d[0], d[1])
        case "max":
            return graph.make("where", args[1] < args[0], d[0], d[1])
        case "pow":
            # x**n / x costs less than x**(n - 1), but is 0/0 at zero.
            lower = node / args[0] if surely_positive(args[0]) else graph.power(args[0], args[1] - 1.0)
            by_base = args[1] * lower * d[0]
            return by_base if _is(d[1], 0.0) else by_base + node * args[0].log() * d[1]
    raise ModelError("an operation without a derivative rule", value=node.op)
