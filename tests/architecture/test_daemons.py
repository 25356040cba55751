"""Daemons stand on the library and on what they share, never on each other; each has its table."""

from __future__ import annotations

from graphlib import CycleError, TopologicalSorter

import pytest

from tests.architecture.parts import Part, read
from tests.architecture.source import packages, sources
from tests.architecture.test_imports import WORLD

PACKAGES = packages()
SHARED = "zerorpc_daemon"
# What a package may see besides itself: what daemons share knows no daemon and hardly the library.
MAY_IMPORT = {SHARED: ("zerorpc.version",)}
ANY_DAEMON = ("zerorpc", SHARED)

pytestmark = pytest.mark.parametrize("package", PACKAGES)


def page(package: str) -> str:
    return f"the table below the heading `{package}` in docs/architecture.md"


def own_name(module: str, package: str) -> str:
    """Return the module right below a package that a dotted name lies in; itself for the root."""
    return module.removeprefix(package).strip(".").partition(".")[0] or package


def arrows(package: str) -> dict[str, set[str]]:
    """Return what each module of a package imports of the others."""
    files = sources(PACKAGES[package])
    modules = {own_name(each.module, package) for each in files}
    found: dict[str, set[str]] = {}
    for each in files:
        here = own_name(each.module, package)
        seen = found.setdefault(here, set())
        for name, _ in each.imports():
            if name.startswith(f"{package}."):
                inner = own_name(name, package)
                seen.add(inner if inner in modules else package)
        seen.discard(here)
    return found


def table(package: str) -> dict[str, Part]:
    return read(package)


def test_each_module_has_a_row(package: str) -> None:
    found, rows = set(arrows(package)), set(table(package))
    assert not found - rows, f"give these a row in {page(package)}: {sorted(found - rows)}"
    assert not rows - found, f"take these out of {page(package)}: {sorted(rows - found)}"


def test_arrows_are_those_of_the_table(package: str) -> None:
    rows = table(package)
    wrong = [
        f"{part} {verb} {name}"
        for part, others in arrows(package).items()
        if part in rows
        for verb, names in (
            ("imports", others - rows[part].imports),
            ("no longer imports", rows[part].imports - others),
        )
        for name in sorted(names)
    ]
    assert not wrong, f"correct {page(package)}, or hand it in as an argument: {wrong}"


def test_rows_stand_below_those_that_need_them(package: str) -> None:
    order = list(table(package))
    wrong = [
        f"{part} stands above {other}"
        for part, row in table(package).items()
        for other in row.imports & set(order)
        if order.index(other) > order.index(part)
    ]
    assert not wrong, f"order {page(package)} from the bottom to the top: {wrong}"


def test_imports_make_no_cycle(package: str) -> None:
    try:
        TopologicalSorter(arrows(package)).prepare()
    except CycleError as error:
        pytest.fail(f"move what both sides need below both: {' -> '.join(error.args[1])}")


def test_decisions_are_sans_io(package: str) -> None:
    pure = {part for part, row in table(package).items() if row.is_sans_io}
    found = [
        f"{each.name}:{line} {name}"
        for each in sources(PACKAGES[package])
        if own_name(each.module, package) in pure
        for name, line in each.imports()
        if name.split(".")[0] in WORLD
    ]
    assert not found, f"take time, ids and bytes as arguments, return what is to be done: {found}"


def test_gevent_and_zeromq_stay_where_they_are(package: str) -> None:
    holders = {
        own_name(each.module, package)
        for each in sources(PACKAGES[package])
        for name, _ in each.imports()
        if name.split(".")[0] in {"gevent", "greenlet", "zmq"}
    }
    documented = {part for part, row in table(package).items() if row.holds}
    assert holders == documented, f"the last column of {page(package)} says why, for each of these"


def test_packages_look_only_down(package: str) -> None:
    allowed = MAY_IMPORT.get(package, ANY_DAEMON)
    found = [
        f"{each.name}:{line} {name}"
        for each in sources(PACKAGES[package])
        for name, line in each.imports()
        if name.split(".")[0] == "zerorpc" or name.startswith(("zerorpc_", "tests", "daemons"))
        if not f"{name}.".startswith(tuple(f"{other}." for other in (package, *allowed)))
    ]
    assert not found, f"{package} may import of the project only {allowed}: {found}"
