"""What comes before a socket is closed: waiting for what is queued, and for nothing else."""

from __future__ import annotations

import logging

import gevent

from zerorpc.transport.pump import Pump
from zerorpc.transport.threads import is_interrupted

_log = logging.getLogger("zerorpc.transport")


def flush(pump: Pump, timeout: float) -> bool:
    """Wait until everything queued has gone to ZeroMQ, at most `timeout` seconds."""
    if is_interrupted(pump.lock):
        return False
    with gevent.Timeout(timeout, False):  # type: ignore[arg-type]  # False means: no exception
        while pump.queued and pump.unusable is None:
            pump.flush_now()
            if pump.queued:
                pump.waitlist.wait()
    return not pump.queued


def finish(pump: Pump, patience: float) -> None:
    """Close a pump when all that is queued has left, at most `patience` seconds from now.

    As long again it may take on the network. What has not left by then is lost, and said so.
    """
    if pump.unusable is not None:
        return
    # The hub cannot wait, as which it is called by what a signal or the collector has interrupted.
    if gevent.getcurrent() is pump.hub or is_interrupted(pump.lock):
        pump.thread.call(gevent.spawn, finish, pump, patience)
        return
    flush(pump, patience)
    if pump.queued:
        _log.warning("closed with %d messages that were not sent", pump.queued)
    pump.close(patience)
