"""Imports point one way, and only a few modules may touch the world."""

from __future__ import annotations

import ast
from graphlib import CycleError, TopologicalSorter

import pytest

from tests.architecture.parts import PARTS
from tests.architecture.source import CODE, LIBRARY, ROOT, TESTS, Source, sources

PAGE = "the table of parts in docs/architecture.md"
WORLD = {"socket", "select", "selectors", "gevent", "greenlet", "zmq", "redis", "time", "logging"}
WORLD |= {"random", "secrets", "uuid", "threading", "os", "subprocess", "asyncio", "signal"}

# The one lazy import of each optional dependency, whose absence names the extra to install.
LAZY: dict[str, set[str]] = {}

SOCKETLESS = ("tests/unit/", "tests/property/")


def part_of(module: str) -> str:
    """Return the module or package right below zerorpc/ that a dotted name lies in."""
    return ".".join(module.split(".")[1:2]) or module


def inner_imports(source: Source, modules: set[str]) -> set[str]:
    """Return the modules of the library that a file imports, each by its longest known name."""
    found = set()
    for name, _ in source.imports():
        known = name if name in modules else name.rpartition(".")[0]
        if known in modules:
            found.add(known)
    return found - {source.module}


def arrows() -> dict[str, set[str]]:
    """Return what each part of the library imports of other parts."""
    files = sources(*LIBRARY)
    modules = {each.module for each in files}
    found: dict[str, set[str]] = {}
    for each in files:
        here = part_of(each.module)
        found.setdefault(here, set()).update(map(part_of, inner_imports(each, modules)))
    return {part: others - {part} for part, others in found.items()}


def test_each_part_has_a_row() -> None:
    missing = sorted(set(arrows()) - set(PARTS))
    assert not missing, f"give these a row in {PAGE}: {missing}"
    gone = sorted(set(PARTS) - set(arrows()))
    assert not gone, f"take these out of {PAGE}: {gone}"


def test_arrows_point_one_way() -> None:
    upward = [
        f"{part} imports {name}"
        for part, others in arrows().items()
        if part in PARTS
        for name in sorted(others - PARTS[part].imports)
    ]
    assert not upward, f"hand it in as an argument or move it to where both may look: {upward}"


def test_no_arrow_is_left_over() -> None:
    found = arrows()
    unused = [
        f"{part} -> {name}"
        for part, row in PARTS.items()
        for name in sorted(row.imports - found.get(part, set()))
    ]
    assert not unused, f"take these out of {PAGE}, nobody needs them: {unused}"


def test_rows_stand_below_those_that_need_them() -> None:
    order = list(PARTS)
    wrong = [
        f"{part} stands above {other}"
        for part, row in PARTS.items()
        for other in row.imports
        if other in order and order.index(other) > order.index(part)
    ]
    assert not wrong, f"order {PAGE} from the bottom to the top: {wrong}"


def test_imports_make_no_cycle() -> None:
    files = sources(*LIBRARY)
    modules = {each.module for each in files}
    graph = {each.module: inner_imports(each, modules) for each in files}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(f"move what both sides need below both: {' -> '.join(error.args[1])}")


def test_library_knows_nothing_of_daemons() -> None:
    found = [
        f"{each.name}:{line}"
        for each in sources(*LIBRARY)
        for name, line in each.imports()
        if name.split(".")[0] in {"daemons", "tests"} or name.startswith("zerorpc_")
    ]
    assert not found, f"the library stands alone; move what both need into it: {found}"


def test_decisions_are_sans_io() -> None:
    pure = {part for part, row in PARTS.items() if row.is_sans_io}
    found = [
        f"{each.name}:{line} {name}"
        for each in sources(*LIBRARY)
        if part_of(each.module) in pure
        for name, line in each.imports()
        if name.split(".")[0] in WORLD
    ]
    assert not found, f"take time, ids and bytes as arguments, return what is to be done: {found}"


def test_gevent_and_zeromq_stay_where_they_are() -> None:
    holders = {
        part_of(each.module)
        for each in sources(*LIBRARY)
        for name, line in each.imports()
        if name.split(".")[0] in {"gevent", "greenlet", "zmq"}
    }
    documented = {part for part, row in PARTS.items() if row.holds}
    new, free = sorted(holders - documented), sorted(documented - holders)
    assert not new, f"ask zerorpc/transport/ for it, or give a reason in {PAGE}: {new}"
    assert not free, f"these are free of gevent and ZeroMQ; say so in {PAGE}: {free}"


def test_imports_stand_at_the_top() -> None:
    found = [
        f"{each.name}:{node.lineno}"
        for each in sources(*CODE)
        for function in each.functions()
        for node in ast.walk(function)
        if isinstance(node, ast.Import | ast.ImportFrom)
        and ast.unparse(node) not in LAZY.get(each.module, set())
    ]
    assert not found, f"import at the top, or list an optional dependency in LAZY: {found}"


def test_unit_and_property_tests_touch_no_world() -> None:
    unwanted = {"socket", "subprocess", "zmq", "unittest"}
    found = [
        f"{each.name}:{line} {name}"
        for each in sources(*TESTS)
        if each.name.startswith(SOCKETLESS)
        for name, line in each.imports()
        if name.split(".")[0] in unwanted
    ]
    assert not found, f"drive the state machine itself, or move it to tests/integration: {found}"


def test_unit_and_property_tests_never_sleep() -> None:
    found = [
        f"{each.name}:{node.lineno}"
        for each in sources(*TESTS)
        if each.name.startswith(SOCKETLESS)
        for node in ast.walk(each.tree)
        if isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2] == "sleep"
    ]
    assert not found, f"time is an argument here: pass another `now`: {found}"


def test_the_page_names_every_module_of_the_driver() -> None:
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    modules = [each.module.rpartition(".")[2] for each in sources("zerorpc/transport")]
    missing = sorted(name for name in modules if name != "transport" and f"`{name}`" not in page)
    assert not missing, f"say in docs/architecture.md, below the table, what these do: {missing}"
