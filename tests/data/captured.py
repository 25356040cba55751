"""What one entry of the corpus is, in memory and as a line of JSON."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Captured:
    """One message as it lay on the wire, without the routing frames of a ROUTER.

    `sender` is "client", "server", "pusher" or "publisher".  `verdict` is "ok" if a receiver takes
    the message, else the reason under which it drops it.
    """

    what: str
    sender: str
    peer: str
    version: str
    frames: tuple[bytes, ...]
    verdict: str = "ok"

    @property
    def payload(self) -> bytes:
        """The event itself, which is always the last frame."""
        return self.frames[-1]

    @classmethod
    def from_plain(cls, plain: dict[str, Any]) -> Captured:
        """Return the entry that a line of JSON describes."""
        frames = tuple(bytes.fromhex(frame) for frame in plain["frames"])
        return cls(**{**plain, "frames": frames})

    def to_plain(self) -> dict[str, Any]:
        """Return what `from_plain` takes."""
        return {
            "what": self.what,
            "sender": self.sender,
            "peer": self.peer,
            "version": self.version,
            "frames": [frame.hex() for frame in self.frames],
        }
