"""The equations of a model file as a reader wants them: by the declared names, without the Python around."""

from __future__ import annotations

import ast
import inspect
import re
import textwrap
from collections.abc import Callable
from typing import Any

from cartsim.spec.model import Model


def about(model: Model) -> str:
    """What the model's file says of itself first: its limits, what is assumed. A line a paragraph."""
    module = inspect.getmodule(model.rhs)
    text = inspect.cleandoc(module.__doc__ or "") if module else ""
    return re.sub(r"(?<!\n)\n(?![\n\s*-])", " ", text)


def assumed_names(model: Model) -> list[str]:
    """Parameters whose values no publication gave."""
    return [p.name for p in model.parameters if p.source.citation == "assumed"]


def equations(model: Model) -> list[str]:
    """Lines such as `d tumor/dt = (growth - killing) * tumor`, with what they use before them.

    Parts of a model that stand in a file of their own follow under its name. A parameter keeps its `p.` where
    a state, and both where a line of the function itself, has the same name. Where the function cannot be
    read (made at run time), the list is empty.
    """
    return _lines(model.rhs, set(model.state_names) & set(model.parameter_names))


def _lines(function: Callable[..., Any], clash: set[str]) -> list[str]:
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    except (OSError, TypeError, SyntaxError):
        return []
    if not (tree.body and isinstance(tree.body[0], ast.FunctionDef)):
        return []
    own = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and _stored(node)}
    names = _Names(clash, own)
    lines: list[str] = []
    parts: list[tuple[str, Callable[..., Any]]] = []
    for statement in tree.body[0].body:
        if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant):
            continue  # the docstring
        if not isinstance(statement, ast.Return):
            lines += _text(names.visit(statement)).splitlines()
            continue
        for name, value in _derivatives(statement.value):
            part = None if name else _part(value, function)
            if part:
                given = ", ".join(f"{k.arg} = {_text(names.visit(k.value))}" for k in value.keywords if k.arg)
                lines.append(f"and the equations of {part[0]}" + (f", with {given}" if given else ""))
                parts.append(part)
            else:
                lines.append(f"d {name}/dt = {_text(names.visit(value))}" if name else _text(value))
    for helper in _helpers(tree.body[0], function):
        lines += _helper_lines(helper, clash)
    for title, part_function in parts:
        lines += ["", f"{title}:", *_lines(part_function, clash)]
    return lines


def _helpers(body: ast.FunctionDef, function: Callable[..., Any]) -> list[Callable[..., Any]]:
    """The model's own functions that a function calls by name, not the terms that all models share."""
    called = dict.fromkeys(node.func.id for node in ast.walk(body) if _calls_by_name(node))
    found = [function.__globals__.get(name) for name in called]
    return [f for f in found if inspect.isfunction(f) and not f.__module__.startswith("cartsim.spec")]


def _calls_by_name(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name)


def _helper_lines(helper: Callable[..., Any], clash: set[str]) -> list[str]:
    """`where room(y, p) = …`, its own lines before it; each of several results on a line."""
    try:
        body = ast.parse(textwrap.dedent(inspect.getsource(helper))).body[0]
    except (OSError, TypeError, SyntaxError):
        return []
    if not isinstance(body, ast.FunctionDef):
        return []
    names = _Names(clash, {n.id for n in ast.walk(body) if isinstance(n, ast.Name) and _stored(n)})
    call = f"{body.name}({', '.join(a.arg for a in (*body.args.args, *body.args.kwonlyargs))})"
    lines = ["", f"where {call}:"]
    for statement in body.body:
        if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant):
            continue
        if not isinstance(statement, ast.Return):
            lines += [f"  {line}" for line in _text(names.visit(statement)).splitlines()]
            continue
        for name, value in _derivatives(statement.value):
            lines.append(f"  {name + ' = ' if name else 'is '}{_text(names.visit(value))}")
    return lines


def _stored(node: ast.Name) -> bool:
    return isinstance(node.ctx, ast.Store)


def _derivatives(value: ast.expr | None) -> list[tuple[str, ast.expr]]:
    """(state, formula) of what `rhs` returns; the name is empty for parts and for what is no plain dict."""
    if isinstance(value, ast.Call) and isinstance(value.func, ast.Name) and value.func.id == "dict":
        return [("", item) for item in value.args] + [(k.arg or "", k.value) for k in value.keywords]
    if isinstance(value, ast.Dict):
        return [
            (str(key.value) if isinstance(key, ast.Constant) else "", item)
            for key, item in zip(value.keys, value.values, strict=True)
        ]
    return [] if value is None else [("", value)]


def _part(value: ast.expr, function: Callable[..., Any]) -> tuple[str, Callable[..., Any]] | None:
    """The title and the function of `**block.rhs(…)`."""
    if not isinstance(value, ast.Call):
        return None
    found: Any = None
    match value.func:
        case ast.Attribute(value=ast.Name(id=block), attr=attr):
            found = getattr(function.__globals__.get(block), attr, None)
        case ast.Name(id=block):
            found = function.__globals__.get(block)
    return (block.replace("_", " "), found) if inspect.isfunction(found) else None


def _text(node: ast.AST) -> str:
    return ast.unparse(ast.fix_missing_locations(node)).replace(" ** ", " ^ ")


class _Names(ast.NodeTransformer):
    """`y.tumor` and `p.kill` become tumor and kill where that is clear; numbers as a reader writes them."""

    def __init__(self, clash: set[str], own: set[str]) -> None:
        self.kept = {"p": clash | own, "y": own}

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        self.generic_visit(node)
        if isinstance(node.value, ast.Name) and node.attr not in self.kept.get(node.value.id, {node.attr}):
            return ast.Name(node.attr, node.ctx)
        return node

    def visit_Constant(self, node: ast.Constant) -> ast.AST:
        return ast.Name(f"{node.value:.12g}", ast.Load()) if isinstance(node.value, float) else node
