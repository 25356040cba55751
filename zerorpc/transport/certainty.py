"""When the silence of a peer is certain: only after all was read that it may have sent.

Pure: it is told the time and what was found, and touches nothing.
"""

from __future__ import annotations

# A look that comes this late tells that the process stood still (stopped, or blocked by user code),
# and what its peers sent meanwhile may not have reached the socket yet.
_STALL_S = 0.1
# After this much longer, libzmq's thread has brought it there.
_CATCH_UP_S = 0.05


class Certainty:
    """Whether a look at silent peers may judge them."""

    def __init__(self) -> None:
        self._from = 0.0
        self._is_catching_up = False

    def is_given(self, late: float, now: float, *, is_drained: bool) -> bool:
        """Tell it of a look that came `late` seconds late, after reading what there was.

        Only the first look after a stall is in doubt: a process that is busy in slices is late for
        every one, and would else never notice that a peer is gone.
        """
        if late >= _STALL_S and not self._is_catching_up:
            self._from, self._is_catching_up = now + _CATCH_UP_S, True
        if not is_drained or now < self._from:
            return False
        self._is_catching_up = False
        return True
