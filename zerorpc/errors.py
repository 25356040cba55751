"""The exception tree: every way in which this library says no.

Knows nothing of sockets or greenlets. The names and constructor arguments of `LostRemote`,
`TimeoutExpired` and `RemoteError` are those of stock zerorpc, so `except` clauses written for it
keep working; the common base `ZerorpcError` and the rest are additions.
"""

from __future__ import annotations

from typing import Any, TypeVar

from zmq.error import ZMQError

Self = TypeVar("Self", bound="ZerorpcError")


class ZerorpcError(Exception):
    """Base of everything that this library raises on purpose."""

    def fresh(self: Self) -> Self:
        """Return the same error without the traceback that raising it has left.

        Whoever keeps an error that was raised keeps the frames of that traceback too, with every
        argument and payload in them.
        """
        # Not by the constructor: those here take other arguments than they pass on.
        copy = type(self).__new__(type(self), *self.args)
        copy.args = self.args  # an OSError takes them in `__init__` only
        copy.__dict__.update(self.__dict__)
        return copy


class ProtocolError(ZerorpcError):
    """The rules of the wire protocol were broken."""


class LocalProtocolError(ProtocolError):
    """This side was about to break the protocol, for example by too large an event."""


class RemoteProtocolError(ProtocolError):
    """The other side broke the protocol; costs it its own event, which is dropped and counted.

    `reason` is the key under which `statistics()` counts it.
    """

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(f"{reason}: {detail}" if detail else reason)
        self.reason = reason


class UnknownAnswer(RemoteProtocolError, RuntimeError):
    """The answer to a call is an event that no pattern knows; stock raises `RuntimeError` here."""


class LostRemote(ZerorpcError):
    """The other side is gone: its connection broke, or its heartbeat fell silent."""


class TimeoutExpired(ZerorpcError, TimeoutError):
    """No answer came in time; `timeout_s` is the limit in seconds."""

    def __init__(self, timeout_s: float, when: str | None = None) -> None:
        message = f"timeout after {timeout_s}s"
        super().__init__(f"{message}, when {when}" if when else message)
        self.timeout_s = timeout_s

    @classmethod
    def saying(cls, message: str, timeout_s: float = 0.0) -> TimeoutExpired:
        """Return one with the text that it had where it was made."""
        expired = cls(timeout_s)
        expired.args = (message,)
        return expired

    # Pickle would hand the finished message to the constructor as if it were the seconds.
    def __reduce__(self) -> tuple[Any, ...]:
        return TimeoutExpired.saying, (str(self), self.timeout_s)


class RemoteError(ZerorpcError):
    """The remote method raised; `name`, `msg` and `traceback` tell what and where.

    `hub` is the name of the hub that said so itself, None where a server did.
    """

    hub: str | None = None

    # The names of the parameters are stock's, some of whose users pass them by keyword.
    def __init__(self, name: str, human_msg: str, human_traceback: str | None) -> None:
        super().__init__(name, human_msg, human_traceback)
        self.name = name
        self.msg = human_msg
        self.traceback = human_traceback

    def __str__(self) -> str:
        """Return the remote traceback where there is one, else `name: msg`."""
        return self.traceback if self.traceback is not None else f"{self.name}: {self.msg}"


class Overloaded(ZerorpcError):
    """A hub refused the call because its queue is full: `queued` calls of at most `limit`.

    Or the client has too many open: so many, and so many it may have.
    """

    def __init__(self, message: str, queued: int | None = None, limit: int | None = None) -> None:
        super().__init__(message)
        self.queued = queued
        self.limit = limit


# Stock lets ZeroMQ's own error out where an endpoint is wrong, so programs catch that one.
class EndpointError(ZerorpcError, ZMQError):
    """An endpoint that nothing resolves, or that cannot be bound or connected.

    Also a `zmq.ZMQError`, which is what stock programs catch; `errno` is ZeroMQ's, or 0.
    """

    def __init__(self, message: str, errno: int = 0) -> None:
        ZMQError.__init__(self, errno, message)
        self.message = message

    def __str__(self) -> str:
        """Return the message alone, without ZeroMQ's own text of the error number."""
        return self.message


class ClosedError(ZerorpcError):
    """This side closed the object, so it can do no more."""
