"""Whatever stands in the place of whatever value: what is wrong is told, at its place."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from zerorpc_daemon.document import parse
from zerorpc_daemon.dumping import dump
from zerorpc_daemon.problems import ConfigError
from zerorpc_daemon.validation import validate
from zerorpc_hub.config import Config

POOL = {"out": [{"bind": ["tcp://*:3"], "weight": 2}], "methods": ["a_*"]}
HUB = {"in": ["tcp://*:1"], "out": [{"bind": ["tcp://*:2"]}], "pools": {"p": POOL}}
ADMIN = {"admin": {"bind": "127.0.0.1:9470", "token": "0123456789abcdef"}}
WRONG: tuple[Any, ...] = (None, True, -1, 1.5, "", "x", [], {}, {"x": 1}, [None])


def whole(text: str) -> dict[str, Any]:
    """Return a configuration with every key that it has."""
    return dict(yaml.safe_load(dump(validate(parse(text, "foo.yml"), Config))))


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield where in a configuration a value stands."""
    if path:
        yield path
    inner: Any = value.items() if isinstance(value, dict) else ()
    for key, each in enumerate(value) if isinstance(value, list) else inner:
        yield from places(each, (*path, key))


def changed(value: Any, path: tuple[Any, ...], other: Any) -> Any:
    """Return a configuration with another value at a place."""
    if not path:
        return other
    copy = value.copy()
    copy[path[0]] = changed(value[path[0]], path[1:], other)
    return copy


ONE = whole(yaml.dump({**HUB, **ADMIN}))
ONE["admin"]["token"] = ADMIN["admin"]["token"]
SEVERAL = {"hubs": {"a": HUB, "b": {"in": ["ipc://a"], "out": [{"connect": ["tcp://h:1"]}]}}}


@pytest.mark.parametrize("config", [ONE, SEVERAL], ids=["one", "several"])
def test_a_wrong_value_is_told_wherever_it_stands(config: dict[str, Any]) -> None:
    told = 0
    for path in places(config):
        for wrong in WRONG:
            text = yaml.dump(changed(config, path, wrong), allow_unicode=True)
            try:
                validate(parse(text, "foo.yml"), Config)
            except ConfigError as error:
                told += str(error).startswith("foo.yml:")
    assert told > 150


@pytest.mark.parametrize("bind", ["9470", "localhost", '""', '":9470"', '"a:99999"', "[x]"])
def test_an_admin_port_that_cannot_be_is_told_at_its_place(bind: str) -> None:
    text = f"in: tcp://*:1\nout: tcp://*:2\nadmin: {{bind: {bind}}}\n"
    with pytest.raises(ConfigError) as caught:
        validate(parse(text, "foo.yml"), Config)
    (problem,) = caught.value.problems
    assert str(problem).startswith("foo.yml:3:15: admin.bind: ")
    assert "should be" in str(problem)
