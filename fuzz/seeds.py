"""Inputs to begin with: what real peers sent, and what earlier runs found worth keeping.

`fuzz/corpus/TARGET.hex` has one saved input on each line.
"""

from __future__ import annotations

from pathlib import Path

from fuzz.sessions import handshake_seeds, traffic_seeds
from tests.data import PEERS, load

CORPUS = Path(__file__).parent / "corpus"
# Larger ones add time, not paths: the harness has its limits far below.
MOST_BYTES = 4096
_CALLED = b"%032x" % 0  # the id of the first channel that `harness.call` opens


def script(payloads: list[bytes], action: int) -> bytes:
    """A script for `harness.serve` and `harness.call` in which these payloads arrive in turn."""
    return b"".join(
        bytes([action]) + len(payload).to_bytes(2, "little") + payload for payload in payloads
    )


def conversations(payloads: list[bytes]) -> list[bytes]:
    """Scripts of a few messages that followed each other."""
    runs = [payloads[start : start + 4] for start in range(0, len(payloads), 4)]
    return [script(run, action) for run in runs for action in (0, 1, 5, 16)]


def captured() -> list[bytes]:
    """Every event of the captured corpus that is not too large."""
    payloads = [entry.payload for peer in PEERS for entry in load(peer)]
    return [payload for payload in payloads if len(payload) <= MOST_BYTES]


def saved(target: str) -> list[bytes]:
    """The inputs that earlier runs found."""
    path = CORPUS / f"{target}.hex"
    return [bytes.fromhex(line) for line in path.read_text().split()] if path.exists() else []


def save(target: str, inputs: list[bytes]) -> None:
    """Keep these inputs for later runs, sorted, so that a change of the corpus can be read."""
    lines = sorted((blob.hex() for blob in inputs), key=lambda line: (len(line), line))
    path = CORPUS / f"{target}.hex"
    path.write_text("".join(f"{line}\n" for line in lines)) if lines else path.unlink(True)


def answers(payloads: list[bytes]) -> list[bytes]:
    """The same events as answers on the first channel of a client."""
    marker = b"\xabresponse_to\xc4\x20"
    return [
        before + marker + _CALLED + after[32:]
        for before, found, after in (payload.partition(marker) for payload in payloads)
        if found
    ]


def of(target: str) -> list[bytes]:
    """All inputs to begin with for a target."""
    payloads = captured()
    if target == "serve":
        payloads = conversations(payloads)
    elif target == "call":
        payloads = conversations(answers(payloads))
    elif target == "handshake":
        payloads = handshake_seeds()
    elif target == "traffic":
        payloads = traffic_seeds(payloads)
    return payloads + saved(target)
