"""What is written down explains itself and hides nothing."""

from __future__ import annotations

import ast
import re
import subprocess
from collections.abc import Iterator

import pytest

from tests.architecture.source import CODE, LIBRARY, ROOT, TESTS, Source, sources

HERE = "tests/architecture/"
SHORTCUTS = {
    r"\bTODO\b|\bFIXME\b|\bXXX\b": "do it now or file it; the code keeps no wishes",
    r"raise NotImplementedError": "leave out what does not exist yet",
    r"except (?:Base)?Exception(?: as \w+)?:\s*(?:#.*)?\n?\s*pass\b": "count it and say it",
    r"pragma: no cover": "test it, or take it out",
    r"(?m)^\s*def __del__": "it would switch greenlets inside the collector; use close() and with",
}
MACHINE = re.compile(r"(?<![\w.*$}])/(?:root|home|work|Users)/\w|\.\./shared\b")


@pytest.mark.parametrize("pattern", SHORTCUTS)
def test_no_shortcuts(pattern: str) -> None:
    found = [
        f"{each.name}:{each.text.count(chr(10), 0, hit.start()) + 1}"
        for each in sources(*CODE, *TESTS)
        if not each.name.startswith(HERE)
        for hit in re.finditer(pattern, each.text)
    ]
    assert not found, f"{SHORTCUTS[pattern]}: {found}"


def undocumented(source: Source) -> Iterator[str]:
    if ast.get_docstring(source.tree) is None:
        yield source.name
    for node in public_nodes(source.tree):
        if ast.get_docstring(node) is None:
            yield f"{source.name}:{node.lineno} {node.name}"


def public_nodes(
    scope: ast.Module | ast.ClassDef,
) -> Iterator[ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in scope.body:
        if not isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        if node.name.startswith("_") or any(map(is_exempt, node.decorator_list)):
            continue
        yield node
        if isinstance(node, ast.ClassDef):
            yield from public_nodes(node)


def is_exempt(decorator: ast.expr) -> bool:
    """Overloads and setters are documented by what they belong to."""
    return ast.unparse(decorator).rpartition(".")[2] in {"overload", "setter"}


def test_everything_public_has_a_docstring() -> None:
    found = [each for source in sources(*CODE) for each in undocumented(source)]
    assert not found, f"say in a sentence what it is for: {found}"


def test_test_files_say_what_they_prove() -> None:
    found = [each.name for each in sources(*TESTS) if ast.get_docstring(each.tree) is None]
    assert not found, f"begin the file with a sentence: {found}"


def test_comments_give_reasons_in_moderation() -> None:
    files = sources(*LIBRARY, "daemons")
    comments = sum(each.comment_lines() for each in files)
    density = 100 * comments / sum(each.code_lines() for each in files)
    assert 8 <= density <= 25, (
        f"{density:.1f} comment lines for 100 lines of code: below 8 reasons are "
        "missing, above 25 comments repeat the code"
    )


def tracked_files() -> list[str]:
    """Every file that belongs to the project, whether or not this copy came by git."""
    listing = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if listing.returncode:
        return [each.name for each in sources(*CODE, *TESTS)]
    return [name for name in listing.stdout.splitlines() if (ROOT / name).is_file()]


def test_no_paths_of_one_machine() -> None:
    found = []
    for name in tracked_files():
        text = (ROOT / name).read_bytes().decode("utf-8", "replace")
        if not name.startswith(HERE) and (hit := MACHINE.search(text)):
            found.append(f"{name}:{text.count(chr(10), 0, hit.start()) + 1}")
    assert not found, f"use $HOME, a path relative to the file, or tmp_path: {found}"
