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
    fanout = Fanout(10, 1000)
    subscriber(fanout, "a", b"")
    subscriber(fanout, "b", b"")
    assert heard(fanout, b"1", b"2") == [("a", b"1"), ("b", b"1"), ("a", b"2"), ("b", b"2")]


def test_prefixes_choose_and_are_counted() -> None:
    fanout = Fanout(10, 1000)
    one = subscriber(fanout, "one", b"x", b"x", b"y")
    subscriber(fanout, "none")
    assert heard(fanout, b"xa", b"ya", b"za") == [("one", b"xa"), ("one", b"ya")]
    fanout.from_subscriber(one, [[b"\0x"], [b"\0y"]])
    assert heard(fanout, b"xa", b"ya") == [("one", b"xa")]
    fanout.from_subscriber(one, [[b"\0x"], [b"\0never asked for"]])
    assert heard(fanout, b"xa") == []


def test_who_does_not_keep_up_misses_messages_which_are_counted() -> None:
    fanout = Fanout(10, 1000)
    slow = subscriber(fanout, "slow", b"")
    subscriber(fanout, "quick", b"")
    slow.is_paused = True
    assert heard(fanout, b"1") == [("quick", b"1")]
    slow.is_paused = False
    assert heard(fanout, b"2") == [("slow", b"2"), ("quick", b"2")]
    assert (slow.missed, fanout.dropped["slow_subscriber"]) == (1, 1)


def test_whoever_is_gone_gets_nothing_and_what_is_no_subscription_is_counted() -> None:
    fanout = Fanout(10, 1000)
    gone = subscriber(fanout, "gone", b"")
    fanout.from_subscriber(gone, [[b"hello"], [b""], [b"\1", b"two frames"]])
    assert fanout.dropped == {"no_subscription": 3}
    fanout.remove_subscriber(gone)
    assert heard(fanout, b"1") == []
    assert (fanout.received, fanout.sent) == (1, 0)


def test_a_subscriber_has_so_many_prefixes_and_no_more() -> None:
    fanout = Fanout(3, 1000)
    one = subscriber(fanout, "one", b"a", b"b", b"c")
    # Neither repeating one nor giving up what was never asked for changes their number.
    assert fanout.from_subscriber(one, [[b"\1a"], [b"\0a"], [b"\0never asked for"]])
    assert fanout.from_subscriber(one, [[b"\0a"], [b"\1d"]])
    assert not fanout.from_subscriber(one, [[b"\1e"]])
    other = subscriber(fanout, "other")
    assert not fanout.from_subscriber(other, [[b"\1%d" % each] for each in range(1000)])
    assert len(other.prefixes) == 4


def test_prefixes_are_bounded_in_bytes_too() -> None:
    fanout = Fanout(10, 1000)
    one = subscriber(fanout, "one", b"a" * 600, b"a" * 600, b"b" * 400)
    assert fanout.from_subscriber(one, [[b"\0" + b"b" * 400], [b"\1" + b"c" * 400]])
    assert not fanout.from_subscriber(one, [[b"\1d"]])
    # Those that were taken over from another process count.
    heir = fanout.add_subscriber("heir")
    heir.prefixes = {b"a" * 1000: 2}
    assert not fanout.from_subscriber(heir, [[b"\1b"], [b"\1c"]])
    # Less is never too much, and a prefix counts until it is given up as often as it was asked for.
    assert fanout.from_subscriber(heir, [[b"\0" + b"a" * 1000]])
    assert not fanout.from_subscriber(heir, [[b"\1c"]])
    assert fanout.from_subscriber(heir, [[b"\0" + b"a" * 1000], [b"\1d"]])


def test_prefixes_are_put_together_for_a_message_and_not_for_each_subscription() -> None:
    fanout = Fanout(1000, 10_000)
    one = subscriber(fanout, "one", *(b"%d:" % each for each in range(1000)))

    def together() -> tuple[bytes, ...] | None:
        return one._any

    assert together() is None
    assert heard(fanout, b"999:", b"x") == [("one", b"999:")]
    before = together()
    assert len(before or ()) == 1000
    assert heard(fanout, b"0:") == [("one", b"0:")]
    assert together() is before
    fanout.from_subscriber(one, [[b"\0999:"]])
    assert together() is None
    assert heard(fanout, b"999:") == []
