"""Which connections stand, told from the little that libzmq's monitor reports.

Pure: it is told of descriptors, and touches nothing.
"""

from __future__ import annotations


class Standing:
    """The connections of one socket, each by its descriptor, from its beginning to its end.

    That a handshake succeeded is reported without saying whose it was. Nearly always only one is
    going on. While there are others, an end counts as that of one that did not succeed: if that is
    wrong, it shows when another succeeds, or with the end of the handshakes after three seconds.
    """

    def __init__(self) -> None:
        self._beginning: set[int] = set()
        self._standing: set[int] = set()
        self._succeeded = 0  # of those that are beginning
        self._doubtful = 0  # ends that may have been of one that stood

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

    def succeed(self) -> bool:
        """Take note of a handshake that succeeded, whosever it was.

        Tells whether one that stood has gone before, and was taken for another.
        """
        if self._doubtful and not self._beginning:
            self._doubtful -= 1
            return True  # this one stands already, in the place of the other
        # Where none is beginning, its beginning is told later, by another thread.
        self._succeeded += 1
        self._settle()
        return False

    def end(self, descriptor: int) -> bool:
        """Take note of the end of a connection; tells whether it stood."""
        has_stood = descriptor in self._standing
        if has_stood:
            self._doubtful = 0
        elif descriptor in self._beginning and self._succeeded:
            self._doubtful += 1
        self._standing.discard(descriptor)
        self._beginning.discard(descriptor)
        self._settle()
        return has_stood

    def _settle(self) -> None:
        if 0 < len(self._beginning) <= self._succeeded:
            self._succeeded -= len(self._beginning)
            self._standing |= self._beginning
            self._beginning.clear()
