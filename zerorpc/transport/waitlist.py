"""Who waits for room in a backlog, and how they are let on: in order, one after the other.

Each is at work before the next is looked at, so that what it sends counts. Woken all together, a
thousand would find room for one, and wait again.
"""

from __future__ import annotations

import sys
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import gevent

Wake = Callable[[], Any]
HasRoom = Callable[["bytes | None"], bool]


class Waitlist:
    """Functions to be called when there is room: for a peer, or for all where there is but one."""

    __slots__ = ("_waiting",)

    def __init__(self) -> None:
        # Ordered, and left in the middle at no cost: who waits with a timeout may give up.
        self._waiting: dict[bytes | None, OrderedDict[Wake, None]] = {}

    def __bool__(self) -> bool:
        return bool(self._waiting)

    def add(self, wake: Wake, identity: bytes | None) -> None:
        """Have `wake` called once, by `let_on`, behind those that wait for the same."""
        self._waiting.setdefault(identity, OrderedDict())[wake] = None

    def is_awaited(self, identity: bytes | None) -> bool:
        """Tell whether somebody waits for the same: who comes later is to wait behind."""
        return bool(self._waiting.get(identity))

    def discard(self, wake: Wake, identity: bytes | None) -> None:
        """Have it called no more, if it was not yet."""
        waiting = self._waiting.get(identity)
        if waiting is not None and wake in waiting:
            del waiting[wake]
            self._forget_if_empty(identity)

    def _forget_if_empty(self, identity: bytes | None) -> None:
        if not self._waiting.get(identity, True):
            del self._waiting[identity]

    def let_on(self, has_room: HasRoom) -> bool:
        """Wake from the front while there is room; in the hub only, as that switches greenlets.

        Returns whether there is room left, and some who wait: they are to have it at another turn.
        """
        is_left = False
        for identity, waiting in list(self._waiting.items()):
            # Once round: who sends and waits again must not keep the loop to itself.
            for _ in range(len(waiting)):
                if not has_room(identity):
                    break
                if waiting:  # some may have given up while those before them ran
                    _call(waiting.popitem(last=False)[0])
            is_left = is_left or (bool(waiting) and has_room(identity))
            self._forget_if_empty(identity)
        return is_left

    def wait(self) -> None:
        """Wait, in the greenlet that calls, until there may be room for it."""
        wake = gevent.getcurrent().switch
        self.add(wake, None)
        try:
            gevent.get_hub().switch()
        finally:
            # Interrupted, it will wait for something else, and is not to be woken for this.
            self.discard(wake, None)


def _call(wake: Wake) -> None:
    try:
        wake()
    except BaseException:
        # A greenlet of `spawn_raw` ends here with what it raises. The others still have to be
        # woken, so it is reported as gevent reports callbacks that fail.
        gevent.get_hub().handle_error(wake, *sys.exc_info())
