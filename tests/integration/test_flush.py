"""Sending from a greenlet that does not wait, at the moment when there comes to be room."""

from __future__ import annotations

import gevent
import zmq

import zerorpc
from tests.integration.running import wait_until
from zerorpc.transport import Pump
from zerorpc.transport.endpoints import Endpoints


class LatePump(Pump):
    """One whose connection comes to stand right after it has tried to send."""

    late = False

    def _send_queued(self) -> None:
        super()._send_queued()
        while self.late and not int(self.socket.getsockopt(zmq.EVENTS)) & zmq.POLLOUT:
            pass


def test_room_that_comes_while_a_greenlet_flushes_is_used() -> None:
    context = zerorpc.Context.get_instance()
    receiver = zmq.Socket(context, zmq.PULL)
    endpoint = f"tcp://127.0.0.1:{receiver.bind_to_random_port('tcp://127.0.0.1')}"
    bounds = {"backlog_bytes": 1 << 20, "max_event_bytes": 1 << 20}
    pump = LatePump(context, zmq.PUSH, lambda _batch: None, **bounds)
    pump.send((b"waits",))
    wait_until(lambda: pump.queued and not pump._is_scheduled, "the loop has tried in vain")
    Endpoints(pump).connect(endpoint)
    pump.late = True
    pump.flush_now()
    pump.late = False
    wait_until(lambda: not pump.queued, "it has left")
    assert receiver.poll(20_000), "it has arrived"
    assert receiver.recv() == b"waits"
    pump.close()
    receiver.close()
    gevent.sleep(0)  # the loop's part of closing
