"""Which connections stand, told from the little that libzmq's monitor reports.

Pure: it is told of descriptors, and touches nothing.
"""

from __future__ import annotations


class Standing:
    """The connections of one socket, each by its descriptor, from its beginning to its end.

    That a handshake succeeded is reported without saying whose it was. Nearly always only one is
    going on. While there are others, an end counts as that of one that did not succeed: if that is
    wrong, it is put right with the end of the handshakes, three seconds later at most.
    """

    def __init__(self) -> None:
        self._beginning: set[int] = set()
        self._standing: set[int] = set()
        self._succeeded = 0  # of those that are beginning

    def begin(self, descriptor: int, *, is_only: bool = False) -> bool:
        """Take note of a new connection; tells whether one that stood is gone for it.

        With `is_only` the socket has no other: its handshakes so far were given up in silence.
        """
        if is_only:
            self._beginning.clear()
        is_reused = descriptor in self._standing
        self._standing.discard(descriptor)
        self._beginning.add(descriptor)
        self._settle()
        return is_reused

    def succeed(self) -> None:
        """Take note of a handshake that succeeded, whosever it was."""
        self._succeeded += 1
        self._settle()

    def end(self, descriptor: int) -> bool:
        """Take note of the end of a connection; tells whether it stood."""
        has_stood = descriptor in self._standing
        self._standing.discard(descriptor)
        self._beginning.discard(descriptor)
        self._settle()
        return has_stood

    def _settle(self) -> None:
        if 0 < len(self._beginning) <= self._succeeded:
            self._succeeded -= len(self._beginning)
            self._standing |= self._beginning
            self._beginning.clear()
