"""Bytes that wait for a connection to take them; sans-IO.

Pieces come as a codec makes them, mostly small, and are offered as a system call wants them: few,
and together no more than it may take. Small ones are put together, large ones never copied.

Where messages begin is remembered: of one that was not even begun, the other side knows nothing,
so that it may be sent to somebody else.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator

Piece = bytes | memoryview

# A frame's flag.
_COMMAND = 4

# Pieces up to this size are copied together; larger ones stay where they are.
_JOIN_BYTES = 16384
_RUN_BYTES = 65536
_SMALL_BYTES = 512
# What is offered at once: more than a socket's buffer takes, and half of what the system allows.
_OFFER_BYTES = 1 << 20
_OFFER_PIECES = 512


def joined(pieces: list[Piece]) -> bytes | None:
    """Return all pieces as one, or None where that would copy too much."""
    size = sum(map(len, pieces))
    # Many small ones are put together in any case, here or later.
    if size > _RUN_BYTES and size > _SMALL_BYTES * len(pieces):
        return None
    return b"".join(pieces)


class Outbox:
    """What the other side has not taken yet, in order; `size` is its bytes."""

    __slots__ = ("_pieces", "_starts", "_taken", "size")

    def __init__(self) -> None:
        self._pieces: deque[Piece] = deque()
        # Where messages begin, as `_taken` counts; those that were begun are not in it any more.
        self._starts: deque[int] = deque()
        self._taken = 0  # bytes since the beginning
        self.size = 0

    def __bool__(self) -> bool:
        return bool(self._pieces)

    @property
    def whole(self) -> int:
        """How many messages are here of which no byte was taken."""
        return len(self._starts)

    @property
    def beside_largest(self) -> int:
        """How many bytes there are beside the largest message, where that is no small one.

        What another process left counts as one.
        """
        return self.size - max(map(len, self._pieces), default=0)

    def add(self, pieces: list[Piece]) -> None:
        """Put the pieces of whole messages behind what is there; see `starts`."""
        end = self._taken + self.size
        self._starts.extend(end + start for start in starts(pieces))
        for piece in _merged(pieces):
            self._pieces.append(piece)
            self.size += len(piece)

    def put(self, data: bytes, begins: Iterable[int]) -> None:
        """Put bytes in which messages begin at these offsets behind what is there."""
        end = self._taken + self.size
        self._starts.extend(end + begin for begin in begins)
        if data:
            self._pieces.append(data)
            self.size += len(data)

    def begins(self) -> list[int]:
        """Return the offsets in `content` at which messages begin of which no byte was taken."""
        return [start - self._taken for start in self._starts]

    def offer(self) -> list[Piece]:
        """Return as much from the front as is worth handing over at once."""
        pieces: list[Piece] = []
        size = 0
        for piece in self._pieces:
            pieces.append(piece)
            size += len(piece)
            if size >= _OFFER_BYTES or len(pieces) == _OFFER_PIECES:
                break
        return pieces

    def take(self, size: int) -> None:
        """Forget so many bytes at the front: they were taken."""
        self.size -= size
        self._taken += size
        while self._starts and self._starts[0] < self._taken:
            self._starts.popleft()
        while size:
            piece = self._pieces.popleft()
            if len(piece) > size:
                self._pieces.appendleft(memoryview(piece)[size:])
                return
            size -= len(piece)

    def rest(self) -> bytes:
        """Return the messages of which no byte was taken, one behind the other."""
        if not self._starts:
            return b""
        begun = self._starts[0] - self._taken
        rest: list[Piece] = []
        for piece in self._pieces:
            if begun < len(piece):
                rest.append(memoryview(piece)[begun:] if begun else piece)
            begun = max(0, begun - len(piece))
        return b"".join(rest)

    def content(self) -> bytes:
        """Return all of it."""
        return b"".join(self._pieces)


def starts(pieces: list[Piece]) -> Iterator[int]:
    """Yield the offsets at which messages begin.

    `pieces` come in pairs: a message as `zmtp.encode` makes it, or a command, which is no message,
    with an empty body.
    """
    offset = 0
    for index in range(0, len(pieces), 2):
        head = pieces[index]
        if not head[0] & _COMMAND:
            yield offset
        offset += len(head) + len(pieces[index + 1])


def _merged(pieces: Iterable[Piece]) -> Iterator[Piece]:
    run: list[Piece] = []
    size = 0
    for piece in pieces:
        is_large = len(piece) >= _JOIN_BYTES
        if run and (is_large or size >= _RUN_BYTES):
            yield b"".join(run)
            run, size = [], 0
        if is_large:
            yield piece
        elif piece:
            run.append(piece)
            size += len(piece)
    if run:
        yield b"".join(run)
