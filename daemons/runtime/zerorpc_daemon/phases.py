"""The life of a daemon as a table: what to do about each event in each phase.

Sans-IO. The runtime reports what happened, a signal or the end of something it began, and does what
comes back. Everything that is not in the table is ignored on purpose.
"""

from __future__ import annotations

from enum import Enum


class Phase(Enum):
    """Where a daemon is in its life."""

    STARTING = "starting"
    RUNNING = "running"
    DRAINING = "draining"
    ENDED = "ended"


class Event(Enum):
    """What can happen to it."""

    STARTED = "started"
    FAILED = "failed to start"
    STOP = "asked to stop"
    RELOAD = "asked to reload"
    REOPEN = "asked to reopen its logs"
    UPGRADE = "asked to replace itself"
    DRAINED = "nothing left in progress"
    TOO_LATE = "drain_timeout is over"


class Action(Enum):
    """What is to be done about it."""

    NOTHING = "nothing"
    ANNOUNCE = "announce that it is ready"
    DRAIN = "begin to drain"
    END = "end, all is done"
    CUT_OFF = "end, and cut off what is in progress"
    FAIL = "end with an error"
    RELOAD = "reload"
    REOPEN = "reopen the logs"
    UPGRADE = "replace the process"
    LATER = "do it once it runs"


_TABLE: dict[tuple[Phase, Event], tuple[Action, Phase]] = {
    (Phase.STARTING, Event.STARTED): (Action.ANNOUNCE, Phase.RUNNING),
    (Phase.STARTING, Event.FAILED): (Action.FAIL, Phase.ENDED),
    # Nobody was told that it is ready, so nothing is in progress.
    (Phase.STARTING, Event.STOP): (Action.END, Phase.ENDED),
    (Phase.STARTING, Event.RELOAD): (Action.LATER, Phase.STARTING),
    (Phase.STARTING, Event.REOPEN): (Action.REOPEN, Phase.STARTING),
    (Phase.STARTING, Event.UPGRADE): (Action.LATER, Phase.STARTING),
    (Phase.RUNNING, Event.STOP): (Action.DRAIN, Phase.DRAINING),
    (Phase.RUNNING, Event.RELOAD): (Action.RELOAD, Phase.RUNNING),
    (Phase.RUNNING, Event.REOPEN): (Action.REOPEN, Phase.RUNNING),
    (Phase.RUNNING, Event.UPGRADE): (Action.UPGRADE, Phase.RUNNING),
    (Phase.DRAINING, Event.DRAINED): (Action.END, Phase.ENDED),
    (Phase.DRAINING, Event.TOO_LATE): (Action.CUT_OFF, Phase.ENDED),
    # The second one: whoever sends it does not want to wait.
    (Phase.DRAINING, Event.STOP): (Action.CUT_OFF, Phase.ENDED),
    (Phase.DRAINING, Event.REOPEN): (Action.REOPEN, Phase.DRAINING),
}


class LifeCycle:
    """Knows the phase, and what is to be done next."""

    def __init__(self) -> None:
        self.phase = Phase.STARTING
        self._later: list[Event] = []

    def on(self, event: Event) -> Action:
        """Take in what happened and return what to do about it."""
        action, self.phase = _TABLE.get((self.phase, event), (Action.NOTHING, self.phase))
        if action is Action.LATER and event not in self._later:
            self._later.append(event)
        return action

    def postponed(self) -> list[Event]:
        """Return, once, the events that came before their time, to be reported again."""
        later, self._later = self._later, []
        return later
