"""What `--server` can name, and what is said of a name that leads nowhere."""

from __future__ import annotations

import sys
import urllib.parse
from collections.abc import Iterator
from pathlib import Path

import pytest

from zerorpc.cli.outcome import Mistake
from zerorpc.cli.target import check_exposes, load

SERVICE = """
class Service:
    def hello(self): return "hello"
class Demanding:
    def __init__(self, name): pass
def make(): return Service()
service = Service()
"""


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """The working directory, as a user has it; imports leave nothing behind."""
    before, path, names = Path.cwd(), list(sys.path), set(sys.modules)
    sys_path_entry = str(tmp_path)
    sys.path.insert(0, sys_path_entry)
    yield tmp_path
    sys.path[:] = path
    for name in set(sys.modules) - names:
        if name.startswith("cli_"):
            del sys.modules[name]
    assert Path.cwd() == before


def told(path: str) -> str:
    with pytest.raises(Mistake) as caught:
        check_exposes(load(path), path)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_module() -> None:
    module = load("urllib.parse")
    assert module is urllib.parse
    check_exposes(module, "urllib.parse")


@pytest.mark.parametrize("name", ["Service", "make", "service"])
def test_an_object_of_a_module_is_made_if_it_can_be_called(folder: Path, name: str) -> None:
    (folder / "cli_service.py").write_text(SERVICE)
    assert load(f"cli_service.{name}").hello() == "hello"  # type: ignore[attr-defined]


def test_an_attribute_of_an_object(folder: Path) -> None:
    (folder / "cli_nested.py").write_text("class Outer:\n    class Inner:\n        x = 1\n")
    assert load("cli_nested.Outer.Inner").x == 1  # type: ignore[attr-defined]


def test_a_submodule_of_a_package(folder: Path) -> None:
    (folder / "cli_package").mkdir()
    (folder / "cli_package" / "__init__.py").write_text("def shadow(): return 7\n")
    (folder / "cli_package" / "part.py").write_text("def f(): pass\n")
    (folder / "cli_package" / "shadow.py").write_text("raise RuntimeError\n")
    assert load("cli_package.part").__name__ == "cli_package.part"  # type: ignore[attr-defined]
    assert load("cli_package.shadow") == 7


def test_what_exposes_nothing_names_its_modules() -> None:
    assert told("urllib") == (
        '"urllib" exposes nothing: it has no public function or class; did you mean one of its'
        " modules: urllib.error, urllib.parse, urllib.request, urllib.response,"
        " urllib.robotparser?"
    )


def test_a_value_is_no_service() -> None:
    assert told("string.digits") == (
        '"string.digits" is a value (str); a module, class or object is wanted'
    )
    assert told("math.pi").endswith("a value (float); a module, class or object is wanted")


def test_an_unknown_module() -> None:
    assert told("urlib.parse").startswith('no module named "urlib"; did you mean "urllib"')


def test_an_unknown_object() -> None:
    assert told("json.JSONDecodr").startswith(
        'json has no "JSONDecodr"; did you mean "JSONDecoder"'
    )
    assert told("urllib.parze") == 'urllib has no "parze"; did you mean "parse"?'


def test_a_file_name_is_no_module() -> None:
    assert told("pkg/service.py").endswith('; did you mean "pkg.service"?')
    assert "the module comes first" in told("tcp://localhost:2222")


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("import cli_missing_thing", "No module named 'cli_missing_thing'"),
        ("1 / 0", "ZeroDivisionError: division by zero"),
        ("def", "SyntaxError: invalid syntax"),
        ("raise RuntimeError('two\\nlines')", "RuntimeError: two lines"),
        ("import sys; sys.exit('bye')", "SystemExit: bye"),
    ],
)
def test_a_module_that_fails_to_import(folder: Path, source: str, expected: str) -> None:
    (folder / "cli_broken.py").write_text(source)
    message = told("cli_broken")
    assert message.startswith('importing "cli_broken" failed: ')
    assert expected in message
    assert "cli_broken.py" in message


def test_a_class_that_wants_arguments(folder: Path) -> None:
    (folder / "cli_service.py").write_text(SERVICE)
    assert told("cli_service.Demanding").startswith(
        'calling "cli_service.Demanding" without arguments failed: TypeError: '
    )


@pytest.mark.parametrize("path", ["cli_service.py", "./cli_service.py", "/cli_service.py"])
def test_the_name_of_a_file_is_understood(folder: Path, path: str) -> None:
    (folder / "cli_service.py").write_text(SERVICE)
    assert told(path).endswith('; did you mean "cli_service"?')


@pytest.mark.parametrize(
    ("source", "expected"),
    [("{'a': len, 'b': 3}", "method 'b' is not callable: 3"), ("{3: len}", "str, not 3")],
)
def test_a_dict_of_what_are_no_methods(folder: Path, source: str, expected: str) -> None:
    (folder / "cli_service.py").write_text(f"service = {source}")
    message = told("cli_service.service")
    assert message.startswith('"cli_service.service": ')
    assert message.endswith(expected)
