"""Which of many inputs are worth keeping: those that reach something which shorter ones do not.

libFuzzer's own merge starts its program anew without Python's arguments, so this is done here.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from types import FrameType
from typing import Any

import zerorpc

_PACKAGE = str(Path(zerorpc.__file__).parent)

Arc = tuple[str, int, int]


def reached(target: Callable[[bytes], None], blob: bytes) -> set[Arc]:
    """The steps from line to line that an input makes inside the library."""
    arcs: set[Arc] = set()

    def enter(frame: FrameType, _event: str, _argument: Any) -> Any:
        name = frame.f_code.co_filename
        if not name.startswith(_PACKAGE):
            return None
        last = 0

        def step(frame: FrameType, event: str, _argument: Any) -> Any:
            nonlocal last
            if event == "line":
                arcs.add((name, last, frame.f_lineno))
                last = frame.f_lineno
            return step

        return step

    before = sys.gettrace()
    sys.settrace(enter)
    try:
        target(blob)
    finally:
        sys.settrace(before)
    return arcs


def worth_keeping(
    target: Callable[[bytes], None], known: Iterable[bytes], found: Iterable[bytes]
) -> list[bytes]:
    """The inputs among those found that reach more than the known and the shorter ones."""
    seen: set[Arc] = set()
    for blob in known:
        seen |= reached(target, blob)
    kept = []
    for blob in sorted(set(found), key=lambda blob: (len(blob), blob)):
        arcs = reached(target, blob)
        if not arcs <= seen:
            seen |= arcs
            kept.append(blob)
    return kept
