"""The corpus is whole, tells nothing of the machine that made it, and means what it says to us."""

from __future__ import annotations

from pathlib import Path

import msgpack
import pytest

from tests.data import PEERS, RECORDED, Captured, load
from zerorpc.errors import RemoteProtocolError
from zerorpc.multiplexer import Multiplexer
from zerorpc.wire import Codec

KINDS = {"OK", "ERR", "STREAM", "STREAM_DONE", "_zpc_more", "_zpc_hb"}


def _event(captured: Captured) -> list[object]:
    event: list[object] = msgpack.unpackb(captured.payload, strict_map_key=False)
    return event


def _verdict_of_a_server(captured: Captured) -> str:
    server = Multiplexer(Codec(), lambda: b"\0" * 32, is_server=True, interval=None)
    step = server.receive([[b"routing id", *captured.frames]], now=0.0)
    return next(iter(server.dropped), "ok" if step.opened else "silence")


@pytest.mark.parametrize("peer", RECORDED)
def test_every_kind_of_event_was_recorded(peer: str) -> None:
    names = {_event(captured)[1] for captured in load(peer)}
    assert names >= KINDS | {"hello", "_zerorpc_inspect"}
    assert ("_zpc_close" in names) == (peer == "ours")


@pytest.mark.parametrize("peer", PEERS)
def test_every_entry_is_described_once_per_message(peer: str) -> None:
    entries = load(peer)
    assert all(entry.what and entry.frames for entry in entries)
    assert {entry.sender for entry in entries} <= {"client", "server", "pusher", "publisher"}
    assert len({(entry.what, entry.frames) for entry in entries}) == len(entries)


@pytest.mark.parametrize("peer", RECORDED)
def test_nothing_tells_where_it_was_recorded(peer: str) -> None:
    private = (str(Path(__file__).parents[2]).encode(), str(Path.home()).encode() + b"/")
    assert not [entry.what for entry in load(peer) for path in private if path in entry.payload]


@pytest.mark.parametrize("peer", [*RECORDED, "v1", "v2"])
def test_every_decent_message_is_read(peer: str) -> None:
    codec = Codec()
    for captured in load(peer):
        event = codec.decode(captured.payload)
        assert isinstance(event.header, dict)
        assert event.name


def test_what_stock_packs_we_pack_alike() -> None:
    codec = Codec()
    for captured in load("stock"):
        assert codec.event(codec.decode(captured.payload)) == captured.payload, captured.what


@pytest.mark.parametrize("peer", [*RECORDED, "v1", "v2"])
def test_every_request_is_accepted(peer: str) -> None:
    requests = [one for one in load(peer) if "response_to" not in str(_event(one)[0])]
    assert requests
    for captured in requests:
        assert _verdict_of_a_server(captured) == "ok", captured.what


@pytest.mark.parametrize("captured", load("malformed"), ids=lambda captured: captured.what)
def test_malformed_messages_get_their_verdict(captured: Captured) -> None:
    assert _verdict_of_a_server(captured) == captured.verdict


def test_a_reason_is_given_for_what_cannot_be_decoded() -> None:
    reasons = set()
    for captured in load("malformed"):
        try:
            Codec().decode(captured.payload)
        except RemoteProtocolError as error:
            reasons.add(error.reason)
    assert reasons == {"malformed", "not_an_event", "bad_name", "too_many_containers"}
