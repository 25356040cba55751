"""Interactions without answers: push and pull, publish and subscribe."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.interop.calls import TEXT
from tests.interop.pairs import Direction, Peers, new_tag
from tests.interop.peer_process import Peer

MESSAGES: list[list[Any]] = [[1], [TEXT, b"\x00\xff"], [[1, {"a": None}]], []]


def _joined(
    peers: Peers, direction: Direction, kinds: tuple[str, str], speaker_binds: bool
) -> tuple[Peer, Peer, str]:
    """Open a speaking socket at the client's process and a listening one at the server's."""
    speaker, listener = peers.client(direction), peers.server(direction)
    name = new_tag()
    peers.join((speaker, kinds[0]), (listener, kinds[1]), name, speaker_binds)
    return speaker, listener, name


def _say_all(speaker: Peer, name: str) -> None:
    for message in MESSAGES:
        speaker.ask("say", name=name, method="hear", args=message)


def _close_both(speaker: Peer, listener: Peer, name: str) -> None:
    speaker.ask("close", name=name)
    listener.ask("close", name=name)


def push_pull(speaker_binds: bool) -> Callable[[Peers, Direction], None]:
    """Return the interaction in which every message pushed is heard once, in order."""

    def interact(peers: Peers, direction: Direction) -> None:
        speaker, listener, name = _joined(peers, direction, ("Pusher", "Puller"), speaker_binds)
        # A message for nobody costs only itself.
        speaker.ask("say", name=name, method="no_such_method", args=[])
        _say_all(speaker, name)
        heard = listener.ask("heard", name=name, number=len(MESSAGES), seconds=20)
        assert heard == MESSAGES
        _close_both(speaker, listener, name)

    return interact


def publish_subscribe(speaker_binds: bool) -> Callable[[Peers, Direction], None]:
    """Return the interaction in which what is published after joining is heard, in order."""

    def interact(peers: Peers, direction: Direction) -> None:
        speaker, listener, name = _joined(
            peers, direction, ("Publisher", "Subscriber"), speaker_binds
        )
        # What is published before the subscription arrived is lost by design: call until heard.
        calls = 0
        while not listener.ask("heard", name=name, number=1, seconds=0.1):
            speaker.ask("say", name=name, method="hear", args=["anybody there?"])
            calls += 1
            assert calls < 200
        _say_all(speaker, name)
        seconds, least = 20.0, 1 + len(MESSAGES)
        heard = listener.ask("heard", name=name, number=least, seconds=seconds)
        while heard[-1] != MESSAGES[-1]:
            heard = listener.ask("heard", name=name, number=len(heard) + 1, seconds=seconds)
        assert heard[-len(MESSAGES) :] == MESSAGES
        _close_both(speaker, listener, name)

    return interact
