"""Records what a peer sends: `python -m tests.data.capture stock` rewrites stock.jsonl.

A raw ROUTER/DEALER proxy stands between a client and a server of real peers and writes down what
the one asked for says.  PUSH and PUB sockets talk straight to a recording PULL or SUB.  Of each
scenario only the first few events of a kind are kept: the corpus shows forms, not volumes.

Stock was recorded with a peer on Python 3.10 (`PYTHON=python3.10 install.sh DIR`, then
`ZERORPC_PEERS=DIR`): on later ones its introspection answers with errors only.
"""

from __future__ import annotations

import json
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import msgpack
import zmq

from tests.data.captured import Captured
from tests.interop.pairs import Direction, Pair, Peers, connect, new_tag
from tests.interop.peer_process import INSTALLED, PATIENCE, ROOT, PeerError

HERE = Path(__file__).parent
KEPT_PER_KIND = 2
BEAT = 1.0  # short, so that a call of a second and a half shows a heartbeat of both ends
VERSIONS = {"stock": "0.6.3", "node": "0.9.8", "ours": "main"}

# Only a few for pairs of different peers, which show how each echoes the other's ids.
GREETINGS: list[tuple[str, list[Any]]] = [
    ("hello", ["wörld ☃"]),
    ("fail", ["naïve"]),
    ("count", [3]),
    ("count", [250]),
    ("sleep", [1.5]),
]
ALL: list[tuple[str, list[Any]]] = [
    *GREETINGS,
    ("nothing", []),
    ("echo", [[0, -1, 127, 128, -33, 65536, -(2**31), 2**40]]),
    ("echo", [[None, True, 1.5, b"\x00\xff", {"key": [{}, []]}]]),
    ("echo", ["x" * 300]),
    ("hello", []),
    ("unsendable", []),
    ("count", [0]),
    ("break_off", [2, "mid-stream"]),
    ("_zerorpc_ping", []),
    ("_zerorpc_inspect", []),
]
ALL_PYTHON: list[tuple[str, list[Any]]] = [
    *ALL,
    ("echo", [[2**64 - 1, -(2**63)]]),
    ("no_such_method", []),
    ("_zerorpc_name", []),
    ("_zerorpc_list", []),
    ("_zerorpc_help", ["hello"]),
    ("_zerorpc_args", ["add"]),
]


def _neutral(frame: bytes) -> bytes:
    """Replace this machine's paths in tracebacks by others of the same length."""
    for private in map(str, (INSTALLED, ROOT, sys.base_prefix, Path.home())):
        public = "/srv" + "x" * (len(private) - 4)
        frame = frame.replace(private.encode(), public.encode())
    return frame


class Recorder:
    """Writes down messages of PEER, the first few of each kind in each scenario."""

    def __init__(self, peer: str) -> None:
        self.peer = peer
        self._seen: Counter[tuple[str, str, str]] = Counter()
        self._opened_in: dict[Any, str] = {}
        self.scenario = ""
        self.senders: set[str] = set()
        self.entries: list[Captured] = []

    def record(self, sender: str, frames: list[bytes]) -> None:
        """Take down one message."""
        header, name, _args = msgpack.unpackb(frames[-1], strict_map_key=False)
        kind = name if "response_to" in header else "request"
        # Late events of one scenario still come in the next.
        channel = header.get("response_to", header["message_id"])
        scenario = self._opened_in.setdefault(channel, self.scenario)
        self._seen[scenario, sender, kind] += 1
        if sender in self.senders and self._seen[scenario, sender, kind] <= KEPT_PER_KIND:
            self.entries.append(
                Captured(
                    f"{scenario}: {kind}",
                    sender,
                    self.peer,
                    VERSIONS[self.peer],
                    tuple(map(_neutral, frames)),
                )
            )


@contextmanager
def proxied(recorder: Recorder, endpoint: str) -> Iterator[str]:
    """Stand between one client and the server at ENDPOINT; yields where the client connects."""
    context = zmq.Context()
    front, back = context.socket(zmq.ROUTER), context.socket(zmq.DEALER)
    stop, stopped = context.socket(zmq.PAIR), context.socket(zmq.PAIR)
    stopped.bind("inproc://stop")
    stop.connect("inproc://stop")
    back.connect(endpoint)
    port = front.bind_to_random_port("tcp://127.0.0.1")

    def forward() -> None:
        client = b""
        poller = zmq.Poller()
        for socket in (front, back, stopped):
            poller.register(socket, zmq.POLLIN)
        while stopped not in (ready := dict(poller.poll())):
            if front in ready:
                client, *frames = front.recv_multipart()
                recorder.record("client", frames)
                back.send_multipart(frames)
            if back in ready:
                frames = back.recv_multipart()
                recorder.record("server", frames)
                front.send_multipart([client, *frames])

    thread = threading.Thread(target=forward)
    thread.start()
    yield f"tcp://127.0.0.1:{port}"
    stop.send(b"")
    thread.join(PATIENCE)
    context.destroy(linger=0)


def record_calls(recorder: Recorder, peers: Peers, direction: Direction) -> None:
    """Let a client and a server go through the scenarios that both can."""
    both = {direction.client, direction.server}
    calls = GREETINGS if len(both) > 1 else ALL if "node" in both else ALL_PYTHON
    endpoint = peers.endpoint(direction, BEAT)
    ends = {"client": direction.client, "server": direction.server}
    recorder.senders = {end for end, peer in ends.items() if peer == recorder.peer}
    with proxied(recorder, endpoint) as front:
        client, name = peers.client(direction), f"through the recorder to {direction.server}"
        connect(client, name, front, BEAT)
        pair = Pair(direction, client, peers.server(direction), name)
        for method, args in calls:
            recorder.scenario = f"{direction}, {method}({', '.join(map(repr, args))})"[:90]
            with suppress(PeerError):
                pair.call(method, *args)
        if direction.client == "ours":
            recorder.scenario = f"{direction}, stream closed early"
            with pair.stream("produce", new_tag(), 10_000) as stream:
                stream.take(3)
                stream.drop()
            pair.call("add", 1, 1)  # comes behind what closed the stream
        client.ask("close", name=name)


def record_messages(recorder: Recorder, peers: Peers, peer: str) -> None:
    """Let a Pusher and a Publisher speak into a PULL and a SUB."""
    direction = Direction(peer, peer)
    with ExitStack() as stack:
        context = stack.enter_context(zmq.Context())
        for kind, listening in (("Pusher", zmq.PULL), ("Publisher", zmq.SUB)):
            socket = stack.enter_context(context.socket(listening))
            if listening == zmq.SUB:
                socket.subscribe(b"")
            port = socket.bind_to_random_port("tcp://127.0.0.1")
            endpoint = f"tcp://127.0.0.1:{port}"
            speaker = peers.client(direction)
            speaker.ask("speak", name=kind, kind=kind, how="connect", endpoint=endpoint)
            recorder.scenario = kind
            recorder.senders = {kind.lower()}
            # A publisher drops what it says before it knows of the subscription.
            while not socket.poll(100):
                speaker.ask("say", name=kind, method="hear", args=["wörld", b"\x00", [1, {}]])
            recorder.record(kind.lower(), socket.recv_multipart())
            speaker.ask("close", name=kind)


def main(peer: str) -> None:
    """Record PEER alone and with each other peer, and write its file."""
    recorder, peers = Recorder(peer), Peers()
    others = [other for other in VERSIONS if other != peer]
    directions = [Direction(peer, peer)]
    directions += [each for o in others for each in (Direction(peer, o), Direction(o, peer))]
    for direction in directions:
        record_calls(recorder, peers, direction)
    if peer != "node":
        record_messages(recorder, peers, peer)
    peers.close()
    lines = [json.dumps(entry.to_plain(), ensure_ascii=False) for entry in recorder.entries]
    (HERE / f"{peer}.jsonl").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main(sys.argv[1])
