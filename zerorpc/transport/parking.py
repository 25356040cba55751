"""How the owner of a channel waits for what is not the channel's own: for room, or for its turn.

It wakes also when something about the channel has changed, which may be its end.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from zerorpc.channel import OPEN, Channel
from zerorpc.transport.rota import Rota
from zerorpc.transport.waitlist import Waitlist

Park = Callable[[Channel], None]


def wake(channel: Channel) -> None:
    """Wake whoever owns a channel *then*: who waited when this was scheduled may be elsewhere."""
    channel.wake()


def await_room(
    waitlist: Waitlist, channel: Channel, park: Park, identity: bytes | None = None
) -> None:
    """Wait, in line, until there may be room."""
    resume = partial(wake, channel)
    waitlist.add(resume, identity)
    try:
        park(channel)
    finally:
        # It may have been woken by something else, or interrupted.
        waitlist.discard(resume, identity)


def await_turn(rota: Rota, channel: Channel, park: Park) -> None:
    """Let everything else that the loop has to do come first."""
    resume = partial(wake, channel)
    rota.add(resume)
    try:
        # Credit that arrives wakes as well, but its turn has not come by that.
        while resume in rota and channel.state is OPEN:
            park(channel)
    finally:
        rota.discard(resume)
