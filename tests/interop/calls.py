"""Interactions with one answer: values of every kind, and every way to be refused."""

from __future__ import annotations

from tests.interop.pairs import (
    ANY_PORT,
    BEAT,
    Direction,
    Pair,
    Peers,
    connect,
    listen,
    new_tag,
)

TEXT = "naïve ☃ 日本語 \N{PILE OF POO}\nsecond line"

VALUES = [
    None,
    True,
    [0, 1, -1, 127, 128, -32, -33, -129, 65535, 2**31 - 1, -(2**31), 2**32, 2**53],
    [0.0, 1.5, -2.25e10],
    TEXT,
    "",
    b"",
    bytes(range(256)),
    [],
    {},
    [1, [2, {"three": [None, {"four": b"\x04"}]}], "five"],
    {"ключ": "значение", "": [[], {}]},
    "x" * 70_000,
    b"\xff" * 1_000_000,
]
# JavaScript has one kind of number, so only Python peers can be asked to keep these.
LARGE_INTEGERS = [2**53 + 1, 2**63 - 1, 2**64 - 1, -(2**63)]


def values_survive(pair: Pair) -> None:
    """Each kind of value comes back as it was sent."""
    for value in VALUES:
        assert pair.call("echo", value) == value


def large_integers_survive(pair: Pair) -> None:
    """Integers up to 64 bits come back whole."""
    assert pair.call("echo", LARGE_INTEGERS) == LARGE_INTEGERS


def any_key_survives(pair: Pair) -> None:
    """Map keys need not be text; stock refuses to read others (B19)."""
    value = {1: "int", b"two": "bytes", "three": "text", -(2**40): {2: 3}}
    assert pair.call("echo", value) == value


def call_returns(pair: Pair) -> None:
    """A call returns the method's result, of None too."""
    assert pair.call("hello", TEXT) == "hello, " + TEXT
    assert pair.call("add", 2, 3) == 5
    assert pair.call("nothing") is None


def concurrent_calls_return(pair: Pair) -> None:
    """Calls in flight together each get their own answer, and none waits for a long one."""
    long = pair.call_later("sleep", 0.3)
    short = [pair.call_later("add", number, number) for number in range(200)]
    assert [answer.result(60) for answer in short] == [2 * number for number in range(200)]
    assert long.result(60) == "slept"


def method_raises(pair: Pair) -> None:
    """Name, message and traceback of a remote exception reach the caller."""
    error = pair.refusal("fail", TEXT)
    assert error.name == ("TypeError" if pair.direction.server == "node" else "ValueError")
    assert error.msg == TEXT
    assert "fail" in error.traceback


def node_method_refuses_otherwise(pair: Pair) -> None:
    """The other two ways in which a node method fails: by a text, and by throwing."""
    error = pair.refusal("fail_with_text", TEXT)
    assert (error.name, error.msg) == ("Error", TEXT)
    error = pair.refusal("throw_error", TEXT)
    assert (error.name, error.msg) == ("RangeError", TEXT)


def unknown_method(pair: Pair) -> None:
    """A Python server names the method that it has not; a node server says nothing at all."""
    if pair.direction.server == "node":
        assert pair.refusal("no_such_method", timeout=1).kind == "TimeoutExpired"
    else:
        error = pair.refusal("no_such_method", 1, 2)
        assert error.name == "NameError"
        assert "no_such_method" in error.msg


def wrong_number_of_arguments(pair: Pair) -> None:
    """Too few arguments are the remote's TypeError."""
    assert pair.refusal("hello").name == "TypeError"


def unsendable_result(pair: Pair) -> None:
    """A result that MessagePack cannot carry is an error, not silence."""
    error = pair.refusal("unsendable")
    assert error.name == "TypeError"
    assert "object" in error.msg


def call_times_out(pair: Pair) -> None:
    """A slow answer ends the call, and only that one."""
    assert pair.refusal("sleep", 3, timeout=1).kind == "TimeoutExpired"
    assert pair.call("add", 1, 1) == 2


def slow_call_outlives_heartbeats(pair: Pair) -> None:
    """An answer may take longer than a silent peer is trusted: heartbeats vouch for it."""
    assert pair.call("sleep", 7) == "slept"


def client_binds(peers: Peers, direction: Direction) -> None:
    """The client may be the end that binds, and a server the one that connects."""
    client, server = peers.client(direction), peers.server(direction)
    name = new_tag()
    endpoint = connect(client, name, ANY_PORT, BEAT, how="bind")
    listen(server, BEAT, how="connect", endpoint=endpoint)
    pair = Pair(direction, client, server, name)
    assert pair.call("hello", TEXT) == "hello, " + TEXT
    assert pair.call("count", 250) == list(range(250))
    client.ask("close", name=name)


def context_travels(peers: Peers, direction: Direction) -> None:
    """What a caller's middleware puts into the header reaches the middleware of the callee."""
    pair = peers.fresh_pair(direction)
    pair.client.ask("trace", value="from the caller")
    pair.server.ask("trace", value="from the callee")
    assert pair.call("add", 1, 1) == 2
    assert pair.call("count", 3) == [0, 1, 2]
    assert pair.refusal("fail", TEXT).msg == TEXT
    assert pair.call("notes") == ["trace_id from the caller"] * 4
    pair.client.quit()
    pair.server.quit()
