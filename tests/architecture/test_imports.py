"""Imports point one way, and only a few modules may touch the world."""

from __future__ import annotations

import ast
from graphlib import TopologicalSorter

from tests.architecture.source import CODE, LIBRARY, TESTS, Source, sources

# What each part of the library may import of the library: docs/architecture.md draws it. A part is
# a module or a whole package of zerorpc/.
ALLOWED: dict[str, set[str]] = {
    "zerorpc.version": set(),
    "zerorpc.errors": set(),
    "zerorpc.wire": {"zerorpc.errors"},
    "zerorpc.channel": {"zerorpc.wire", "zerorpc.errors"},
    "zerorpc.multiplexer": {"zerorpc.channel", "zerorpc.wire", "zerorpc.errors"},
}

SANS_IO = (
    "zerorpc.errors",
    "zerorpc.wire",
    "zerorpc.zmtp",
    "zerorpc.channel",
    "zerorpc.multiplexer",
    "zerorpc.methods",
)
WORLD = {"socket", "select", "selectors", "gevent", "greenlet", "zmq", "redis", "time", "logging"}
WORLD |= {"random", "secrets", "uuid", "threading", "os", "subprocess", "asyncio", "signal"}

# Who may hold what is gevent's or ZeroMQ's.
GEVENT_OR_ZMQ = ("zerorpc.transport",)

# The one lazy import of each optional dependency, whose absence names the extra to install.
LAZY: dict[str, set[str]] = {}

SOCKETLESS = ("tests/unit/", "tests/property/")


def part_of(module: str) -> str:
    """Return the module or package right below zerorpc/ that a dotted name lies in."""
    return ".".join(module.split(".")[:2])


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


def is_within(module: str, packages: tuple[str, ...]) -> bool:
    return any(module == each or module.startswith(f"{each}.") for each in packages)


def test_each_part_has_its_arrows() -> None:
    missing = sorted(set(arrows()) - set(ALLOWED))
    assert not missing, f"say in ALLOWED of {__file__} what these may import: {missing}"


def test_arrows_point_one_way() -> None:
    upward = [
        f"{part} imports {name}"
        for part, others in arrows().items()
        for name in sorted(others - ALLOWED.get(part, set()))
    ]
    assert not upward, f"hand it in as an argument or move it to where both may look: {upward}"


def test_no_arrow_is_left_over() -> None:
    found = arrows()
    unused = [
        f"{part} -> {name}"
        for part, allowed in ALLOWED.items()
        for name in sorted(allowed - found.get(part, set()))
    ]
    assert not unused, f"take these out of ALLOWED, nobody needs them: {unused}"


def test_imports_make_no_cycle() -> None:
    files = sources(*LIBRARY)
    modules = {each.module for each in files}
    graph = {each.module: inner_imports(each, modules) for each in files}
    assert list(TopologicalSorter(graph).static_order())


def test_library_knows_nothing_of_daemons() -> None:
    found = [
        f"{each.name}:{line}"
        for each in sources(*LIBRARY)
        for name, line in each.imports()
        if name.split(".")[0] in {"daemons", "tests"} or name.startswith("zerorpc_")
    ]
    assert not found, f"the library stands alone; move what both need into it: {found}"


def test_decisions_are_sans_io() -> None:
    found = [
        f"{each.name}:{line} {name}"
        for each in sources(*LIBRARY)
        if each.module in SANS_IO
        for name, line in each.imports()
        if name.split(".")[0] in WORLD
    ]
    assert not found, f"take time, ids and bytes as arguments, return what is to be done: {found}"


def test_gevent_and_zeromq_stay_in_the_transport() -> None:
    found = [
        f"{each.name}:{line} {name}"
        for each in sources(*LIBRARY)
        if not is_within(each.module, GEVENT_OR_ZMQ)
        for name, line in each.imports()
        if name.split(".")[0] in {"gevent", "greenlet", "zmq"}
    ]
    assert not found, f"ask zerorpc/transport/ for it, other drivers must be able to do it: {found}"


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
