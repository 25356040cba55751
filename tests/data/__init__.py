"""A corpus of messages: captured from every peer that can be run, and made by hand where none can.

`load("stock")`, `load("node")` and `load("ours")` are what `capture.py` recorded; `load("v1")` and
`load("v2")` stand for peers of Python 2's days, `load("malformed")` for hostile ones.  Codec tests,
fuzzing and benchmarks share it.  Knows MessagePack only to make frames, and nothing of our codec.
"""

from __future__ import annotations

import json
from pathlib import Path

from tests.data import handmade
from tests.data.captured import Captured

HERE = Path(__file__).parent
RECORDED = ("stock", "node", "ours")
PEERS = (*RECORDED, "v1", "v2", "malformed")

__all__ = ["PEERS", "RECORDED", "Captured", "load"]


def load(peer: str) -> list[Captured]:
    """Return all messages that PEER, one of `PEERS`, has sent."""
    if peer in RECORDED:
        lines = (HERE / f"{peer}.jsonl").read_text().splitlines()
        return [Captured.from_plain(json.loads(line)) for line in lines]
    made: list[Captured] = {
        "v1": handmade.version_1,
        "v2": handmade.version_2,
        "malformed": handmade.malformed,
    }[peer]()
    return made
