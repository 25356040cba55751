"""Reloads that are refused: what they had opened already is gone, and all is as it was."""

from __future__ import annotations

import gc
import socket
from collections.abc import Iterator
from typing import Any, NoReturn

import pytest

from zerorpc_daemon.core import Refused, Replace
from zerorpc_daemon.journal import EventLog
from zerorpc_hub.config import Config
from zerorpc_hub.core import HubCore
from zerorpc_hub.queueing import CallTraffic

ANY = "tcp://127.0.0.1:*"
ONE: dict[str, Any] = {"in": ANY, "out": ANY}


@pytest.fixture
def core() -> Iterator[HubCore]:
    """A hub "a" that runs in this process."""
    thresholds = gc.get_threshold()
    core = HubCore(of(a=ONE), EventLog("test"))
    core.start()
    yield core
    core.close()
    # As it was before the core looked for garbage less often.
    gc.unfreeze()
    gc.set_threshold(*thresholds)


@pytest.fixture
def taken() -> Iterator[str]:
    """Return an endpoint at which somebody else listens."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield f"tcp://127.0.0.1:{listening.getsockname()[1]}"


def of(**hubs: dict[str, Any]) -> Config:
    return Config.model_validate({"hubs": hubs})


def traffics() -> int:
    """How many hubs there are in this process, as far as anything knows of them."""
    gc.unfreeze()  # what a core puts aside as it starts
    gc.collect()
    return sum(isinstance(each, CallTraffic) for each in gc.get_objects())


def test_nothing_is_left_of_hubs_that_could_not_be_opened(core: HubCore, taken: str) -> None:
    before = traffics()
    for _ in range(3):
        with pytest.raises(Refused, match="another program listens there already"):
            core.reload(of(a=ONE, b=ONE, c={"in": ANY, "out": taken}))
    assert traffics() == before
    assert list(core.proxies) == ["a"]


def test_a_place_goes_to_no_other_hub_and_no_other_spelling(core: HubCore) -> None:
    (place,) = core.statistics()["hubs"]["a"]["in"]
    port = place.rpartition(":")[2]
    core.reload(of(a={"in": [ANY, place.replace("127.0.0.1", "127.0.0.2")], "out": ANY}))
    moves = {
        place: {"b": {"in": place, "out": ANY}},
        f"tcp://localhost:{port}": {"a": {"in": f"tcp://localhost:{port}", "out": ANY}},
        f"tcp://*:{port}": {"a": {"in": ANY, "out": f"tcp://*:{port}"}},
    }
    for endpoint, hubs in moves.items():
        with pytest.raises(Refused) as caught:
            core.reload(of(**hubs))
        said = f"cannot bind {endpoint}: hub 'a' itself listens there, as {place}; another name"
        assert str(caught.value).startswith(said)
    core.reload(of(a=ONE))
    core.reload(of(b={"in": ANY, "out": ANY}))
    assert list(core.proxies) == ["b"]


class NoMemory(Replace):
    """A process that cannot be replaced."""

    def __call__(self, *_: object) -> NoReturn:
        raise OSError("no memory")


def test_an_upgrade_that_fails_leaves_what_was_in_force(core: HubCore) -> None:
    other = {**ONE, "queue": {"max": 1}}
    with pytest.raises(OSError, match="no memory"):
        core.upgrade(of(a=other, b=ONE), NoMemory())
    assert list(core.proxies) == ["a"]
    assert core.statistics()["hubs"]["a"]["pools"]["default"]["queue_max"] == 10_000
    with pytest.raises(OSError, match="no memory"):
        core.upgrade(of(b=other), NoMemory())
    assert list(core.proxies) == ["a"]


PUBSUB: dict[str, Any] = {**ONE, "type": "pubsub"}


def test_statistics_list_no_endpoint_of_a_reload_that_was_refused(
    core: HubCore, taken: str
) -> None:
    core.reload(of(a=ONE, news=PUBSUB))
    before = listed(core)
    wider = {"in": [ANY, ANY], "out": [ANY, ANY, taken]}
    for hubs in ({"a": wider, "news": PUBSUB}, {"a": ONE, "news": {**PUBSUB, **wider}}):
        with pytest.raises(Refused):
            core.reload(of(**hubs))
        assert listed(core) == before
    core.reload(of(a={"in": [ANY, ANY], "out": [ANY, ANY]}, news=PUBSUB))
    assert {hub: len(endpoints) for hub, endpoints in listed(core).items()} == {"a": 4, "news": 2}


def listed(core: HubCore) -> dict[str, list[str]]:
    """Return the endpoints that statistics tell of, by hub."""
    return {name: list(hub["by_endpoint"]) for name, hub in core.statistics()["hubs"].items()}
