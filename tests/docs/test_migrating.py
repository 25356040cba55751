"""docs/migrating.md leaves out no bug of stock, and stays right about signatures."""

from __future__ import annotations

import inspect
import re
from pathlib import Path
from typing import Any

import pytest

import zerorpc

PAGE = Path(__file__).parents[2] / "docs" / "migrating.md"
BUGS = 34

# What stock 0.6.3 takes, in its order and with its defaults.
STOCK: dict[str, list[tuple[str, Any]]] = {
    "Server": [
        ("methods", None),
        ("name", None),
        ("context", None),
        ("pool_size", None),
        ("heartbeat", 5),
    ],
    "Client": [
        ("connect_to", None),
        ("context", None),
        ("timeout", 30),
        ("heartbeat", 5),
        ("passive_heartbeat", False),
    ],
    "Pusher": [("context", None), ("zmq_socket", zerorpc.zmq.PUSH)],
    "Puller": [("methods", None), ("context", None), ("zmq_socket", zerorpc.zmq.PULL)],
    "Publisher": [("context", None)],
    "Subscriber": [("methods", None), ("context", None)],
}


def test_every_bug_has_its_row() -> None:
    rows = [int(number) for number in re.findall(r"^\| B(\d+) \|", PAGE.read_text(), re.MULTILINE)]
    assert sorted(rows) == list(range(1, BUGS + 1))


@pytest.mark.parametrize("name", STOCK)
def test_what_is_new_comes_after_by_keyword(name: str) -> None:
    parameters = list(inspect.signature(getattr(zerorpc, name)).parameters.values())
    stock = STOCK[name]
    assert [(each.name, each.default) for each in parameters[: len(stock)]] == stock
    assert all(each.kind is each.KEYWORD_ONLY for each in parameters[len(stock) :])
