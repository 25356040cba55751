"""Uses everything, with gevent's monkey patches or without: `python -m ... patched [FORM]`.

FORM is "none", "first" (before anything else is imported) or "late" (after the library was).
Prints "ok" when all of it held.
"""

from __future__ import annotations

import sys

from gevent import monkey

if sys.argv[1] == "first":
    monkey.patch_all()

import threading
import time

import gevent

import zerorpc

if sys.argv[1] == "late":
    monkey.patch_all()

ANY_PORT = "tcp://127.0.0.1:*"
PATIENCE = 20.0


def use_all() -> None:
    """Serve, call, stream, push and publish."""
    notes: list[int] = []
    with (
        zerorpc.Server({"add": lambda a, b: a + b, "count": zerorpc.stream(range)}) as server,
        zerorpc.Puller({"note": notes.append}) as puller,
        zerorpc.Client() as client,
        zerorpc.Pusher() as pusher,
    ):
        client.connect(server.bind(ANY_PORT))
        pusher.connect(puller.bind(ANY_PORT))
        running = [gevent.spawn(server.run), gevent.spawn(puller.run)]
        calls = [gevent.spawn(client.add, number, 1) for number in range(200)]
        assert [call.get(timeout=PATIENCE) for call in calls] == list(range(1, 201))
        assert list(client.count(3000)) == list(range(3000))
        assert client.add(1, 2, async_=True).get(timeout=PATIENCE) == 3
        pusher.note(1)
        with gevent.Timeout(PATIENCE):
            while not notes:
                gevent.sleep(0.001)
        server.stop()
        puller.stop()
        gevent.joinall(running, timeout=PATIENCE, raise_error=True)


def beat_while_blocked() -> None:
    """Keep a call alive while this process blocks, whatever `sleep` is."""
    interval = 0.1
    with (
        zerorpc.Server({"wait": gevent.sleep}, heartbeat=interval) as server,
        zerorpc.Client(heartbeat=interval) as client,
    ):
        client.connect(server.bind(ANY_PORT))
        running = gevent.spawn(server.run)
        waiting = gevent.spawn(client.wait, 6 * interval)
        gevent.sleep(interval)
        monkey.get_original("time", "sleep")(4 * interval)
        waiting.get(timeout=PATIENCE)
        server.stop()
        running.get(timeout=PATIENCE)


def use_all_in_a_thread() -> None:
    """Do it in what `threading` calls a thread; a greenlet, if patched."""
    failures: list[BaseException] = []

    def work() -> None:
        try:
            use_all()
        except BaseException as error:
            failures.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join(3 * PATIENCE)
    assert not thread.is_alive()
    assert not failures, failures


def main() -> None:
    """Use everything."""
    is_patched = sys.argv[1] != "none"
    assert monkey.is_module_patched("socket") == is_patched
    use_all()
    beat_while_blocked()
    use_all_in_a_thread()
    began = time.monotonic()
    use_all()
    assert time.monotonic() - began < PATIENCE
    assert monkey.is_module_patched("socket") == is_patched, "the library patched by itself"
    print("ok")


if __name__ == "__main__":
    main()
