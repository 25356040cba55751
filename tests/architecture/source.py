"""The project's Python files as the rules see them: paths, syntax trees, tokens and lengths."""

from __future__ import annotations

import ast
import io
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

ROOT = Path(__file__).parents[2]
LIBRARY = ("zerorpc",)
CODE = ("zerorpc", "zerorpc_commands", "daemons", "demo", "benchmarks", "fuzz")
TESTS = ("tests",)
# Folders below a tree that hold no source of ours.
FOREIGN = {"node_modules", "__pycache__"}

Function = ast.FunctionDef | ast.AsyncFunctionDef
Documented = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Source:
    """One Python file."""

    path: Path

    @property
    def name(self) -> str:
        """The path from the project's root, for messages."""
        return self.path.relative_to(ROOT).as_posix()

    @property
    def module(self) -> str:
        """The dotted name under which it is imported."""
        parts = self.path.relative_to(ROOT).with_suffix("").parts
        if parts[0] == "daemons":
            parts = parts[2:]  # daemons/hub/ is on the path, as the root is
        return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)

    @cached_property
    def text(self) -> str:
        """All of it."""
        return self.path.read_text()

    @cached_property
    def tree(self) -> ast.Module:
        """Its syntax."""
        return ast.parse(self.text, self.name)

    @property
    def length(self) -> int:
        """Its number of lines."""
        return self.text.count("\n")

    def imports(self) -> Iterator[tuple[str, int]]:
        """Yield the dotted name of whatever it imports, at any depth, with the line."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                for alias in node.names:
                    yield alias.name, node.lineno
            elif isinstance(node, ast.ImportFrom):
                origin = self._origin(node)
                for alias in node.names:
                    yield f"{origin}.{alias.name}", node.lineno

    def _origin(self, node: ast.ImportFrom) -> str:
        if not node.level:
            return node.module or ""
        package = self.module.split(".")
        if self.path.stem != "__init__":
            package = package[:-1]
        package = package[: len(package) - node.level + 1]
        return ".".join([*package, *([node.module] if node.module else [])])

    def functions(self) -> Iterator[Function]:
        """Yield every function and method, nested ones too."""
        for node in ast.walk(self.tree):
            if isinstance(node, Function):
                yield node

    def comment_lines(self) -> int:
        """Count the lines that carry a comment; instructions to tools are none."""
        return sum(
            token.type == tokenize.COMMENT
            and not token.string.startswith(("#!", "# noqa", "# type:", "# ruff:"))
            for token in self._tokens
        )

    def code_lines(self) -> int:
        """Count the lines with code on them: no comments, blank lines or docstrings."""
        layout = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT}
        layout |= {tokenize.DEDENT, tokenize.ENDMARKER, tokenize.ENCODING}
        lines: set[int] = set()
        for token in self._tokens:
            if token.type not in layout:
                lines.update(range(token.start[0], token.end[0] + 1))
        return len(lines - self._docstring_lines())

    @cached_property
    def _tokens(self) -> list[tokenize.TokenInfo]:
        return list(tokenize.generate_tokens(io.StringIO(self.text).readline))

    def _docstring_lines(self) -> set[int]:
        lines: set[int] = set()
        for node in ast.walk(self.tree):
            if isinstance(node, Documented):
                lines.update(docstring_span(node))
        return lines


def docstring_span(node: Documented) -> range:
    """Return the lines of a docstring, none where there is none."""
    first = node.body[0] if node.body else None
    if isinstance(first, ast.Expr) and ast.get_docstring(node, clean=False) is not None:
        return range(first.lineno, (first.end_lineno or first.lineno) + 1)
    return range(0)


def function_length(node: Function) -> int:
    """Count a function's lines from `def` to its end, without the docstring."""
    return (node.end_lineno or node.lineno) - node.lineno + 1 - len(docstring_span(node))


def packages() -> dict[str, str]:
    """Return the folder of each package of daemons/, by name."""
    found = sorted((ROOT / "daemons").glob("*/zerorpc_*/__init__.py"))
    return {each.parent.name: each.parent.relative_to(ROOT).as_posix() for each in found}


def sources(*trees: str) -> list[Source]:
    """Return the Python files of some of the project's top folders that exist."""
    paths = [path for tree in trees for path in sorted((ROOT / tree).rglob("*.py"))]
    return [Source(path) for path in paths if not FOREIGN & set(path.parts)]


def share(values: list[int], fraction: float) -> int:
    """Return the value that this fraction of them does not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * fraction))]
