"""Every subscriber gets what it wants of what publishers say, and no one waits for it."""

from __future__ import annotations

from zerorpc_hub.fanout import Fanout, Subscriber


def subscriber(fanout: Fanout, name: str, *prefixes: bytes) -> Subscriber:
    made = fanout.add_subscriber(name)
    fanout.from_subscriber(made, [[b"\1" + prefix] for prefix in prefixes])
    return made


def heard(fanout: Fanout, *messages: bytes) -> list[tuple[str, bytes]]:
    return [
        (peer, bytes(frames[0])) for peer, frames in fanout.from_publisher([[m] for m in messages])
    ]


def test_who_subscribed_to_everything_gets_everything_in_order() -> None:
    fanout = Fanout()
    subscriber(fanout, "a", b"")
    subscriber(fanout, "b", b"")
    assert heard(fanout, b"1", b"2") == [("a", b"1"), ("b", b"1"), ("a", b"2"), ("b", b"2")]


def test_prefixes_choose_and_are_counted() -> None:
    fanout = Fanout()
    one = subscriber(fanout, "one", b"x", b"x", b"y")
    subscriber(fanout, "none")
    assert heard(fanout, b"xa", b"ya", b"za") == [("one", b"xa"), ("one", b"ya")]
    fanout.from_subscriber(one, [[b"\0x"], [b"\0y"]])
    assert heard(fanout, b"xa", b"ya") == [("one", b"xa")]
    fanout.from_subscriber(one, [[b"\0x"], [b"\0never asked for"]])
    assert heard(fanout, b"xa") == []


def test_who_does_not_keep_up_misses_messages_which_are_counted() -> None:
    fanout = Fanout()
    slow = subscriber(fanout, "slow", b"")
    subscriber(fanout, "quick", b"")
    slow.is_paused = True
    assert heard(fanout, b"1") == [("quick", b"1")]
    slow.is_paused = False
    assert heard(fanout, b"2") == [("slow", b"2"), ("quick", b"2")]
    assert (slow.missed, fanout.dropped["slow_subscriber"]) == (1, 1)


def test_whoever_is_gone_gets_nothing_and_what_is_no_subscription_is_counted() -> None:
    fanout = Fanout()
    gone = subscriber(fanout, "gone", b"")
    fanout.from_subscriber(gone, [[b"hello"], [b""], [b"\1", b"two frames"]])
    assert fanout.dropped == {"no_subscription": 3}
    fanout.remove_subscriber(gone)
    assert heard(fanout, b"1") == []
    assert (fanout.received, fanout.sent) == (1, 0)
