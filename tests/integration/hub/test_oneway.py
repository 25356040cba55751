"""Types `pubsub` and `pipeline` through a running hub, with all that its two sides may be."""

from __future__ import annotations

import zmq.green as zmq

import zerorpc
from tests.integration.hub.conftest import Start
from tests.integration.running import Keep, begin, wait_until

LOCAL = "tcp://127.0.0.1:*"


class Ear:
    """Notes what it is told, or waits before each note if it is told to."""

    def __init__(self) -> None:
        self.notes: list[object] = []

    def hear(self, note: object) -> None:
        self.notes.append(note)


def listen(keep: Keep, kind: type[zerorpc.Puller], *endpoints: str, how: str = "connect") -> Ear:
    """Make a Puller or Subscriber that runs until the test ends."""
    ear = Ear()
    ear_socket = keep(kind(ear))
    getattr(ear_socket, how)(list(endpoints))
    begin(ear_socket.run)
    ear.endpoint = ear_socket.endpoints[0]  # type: ignore[attr-defined]
    return ear


def test_every_subscriber_hears_every_publisher(start: Start, keep: Keep) -> None:
    hub = start(f"type: pubsub\nin: ['{LOCAL}', 'tcp://[::1]:*']\nout: ['{LOCAL}', '{LOCAL}']\n")
    fronts, backs = (hub.statistics()[side] for side in ("in", "out"))
    ears = [listen(keep, zerorpc.Subscriber, each) for each in [*backs, backs[0]]]
    publishers = [keep(zerorpc.Publisher()) for _ in fronts]
    for publisher, front in zip(publishers, fronts, strict=True):
        publisher.connect(front)
    # What is said before a subscription has come is lost by design: speak until all have heard.
    for publisher, name in zip(publishers, "ab", strict=True):
        wait_until(
            lambda: publisher.hear(name) or all(name in ear.notes for ear in ears),  # noqa: B023
            f"all have heard {name}",
        )
    for number in range(500):
        publishers[number % 2].hear(number)
    for ear in ears:
        wait_until(lambda: len(numbers(ear)) == 500, "all has come")  # noqa: B023
        odd = [each for each in numbers(ear) if each % 2]
        assert odd == sorted(odd)


def test_each_message_goes_to_one_puller(start: Start, keep: Keep, tmp_path: object) -> None:
    front = f"ipc://{tmp_path}/in.sock"
    hub = start(f"type: pipeline\nin: ['{front}', '{LOCAL}']\nout: '{LOCAL}'\n")
    ears = [listen(keep, zerorpc.Puller, hub.endpoint("out")) for _ in range(3)]
    wait_until(lambda: hub.statistics()["pullers"] == 3, "all are there")
    for endpoint in hub.statistics()["in"]:
        pusher = keep(zerorpc.Pusher())
        pusher.connect(endpoint)
        for number in range(300):
            pusher.hear(number)
    wait_until(lambda: sum(len(ear.notes) for ear in ears) == 600, "all has come")
    assert [len(ear.notes) for ear in ears] == [200] * 3
    assert sorted(each for ear in ears for each in numbers(ear)) == sorted([*range(300)] * 2)


def test_the_hub_connects_to_a_puller_and_a_subscriber_that_listen(
    start: Start, keep: Keep
) -> None:
    for kind, speak in ((zerorpc.Puller, zerorpc.Pusher), (zerorpc.Subscriber, zerorpc.Publisher)):
        ear = listen(keep, kind, LOCAL, how="bind")
        name = "pipeline" if kind is zerorpc.Puller else "pubsub"
        where = ear.endpoint  # type: ignore[attr-defined]
        hub = start(f"type: {name}\nin: '{LOCAL}'\nout: {{connect: '{where}'}}\n")
        speaker = keep(speak())
        speaker.connect(hub.endpoint("in"))
        wait_until(lambda: speaker.hear("it") or ear.notes, "it is heard")  # noqa: B023


def test_a_subscriber_that_asks_for_too_much_is_hung_up_on(start: Start, keep: Keep) -> None:
    limits = "limits: {subscriptions: 3, subscription_bytes: 1 KiB}\n"
    hub = start(f"type: pubsub\nin: '{LOCAL}'\nout: '{LOCAL}'\n{limits}")
    back = hub.endpoint("out")
    ear = listen(keep, zerorpc.Subscriber, back)
    for asked in ([b"%d" % each for each in range(4)], [b"x" * 2000]):
        before = hub.statistics()["closed"].get("too_many_subscriptions", 0)
        greedy = keep(zmq.Context.instance().socket(zmq.SUB))
        greedy.linger = 0
        for prefix in asked:
            greedy.subscribe(prefix)
        greedy.connect(back)
        wait_until(
            lambda: hub.statistics()["closed"].get("too_many_subscriptions", 0) > before,  # noqa: B023
            "it is hung up on, and counted",
        )
        greedy.close()
    assert "peer" in hub.await_event("subscriber asks for too much")
    # Who asks for no more than it may notices nothing.
    publisher = keep(zerorpc.Publisher())
    publisher.connect(hub.endpoint("in"))
    wait_until(lambda: publisher.hear(1) or ear.notes, "it is heard")
    assert hub.statistics()["subscribers"] == 1


def numbers(ear: Ear) -> list[int]:
    return [each for each in ear.notes if isinstance(each, int)]
