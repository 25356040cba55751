"""Iterators over the items of a stream, at the end that asked for it.

Any greenlet may consume one. A generator that was never started does not run its `finally` when it
is dropped, so each is started before anyone gets it: however it ends, its channel is closed.
Each keeps its `owner`, the sockets of its client, from being closed as dropped.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from zerorpc.channel import Channel
from zerorpc.context import Context
from zerorpc.errors import ZerorpcError
from zerorpc.patterns import end_of
from zerorpc.wire import STREAM, Event


def items(channel: Channel, first: Event, owner: object) -> Iterator[Any]:
    """Return an iterator over a stream whose first event is `first`."""
    return _started(_items(channel, first, owner))


def hooked_items(
    channel: Channel, first: Event, request: Event, context: Context, owner: object
) -> Iterator[Any]:
    """Return an iterator that tells the middleware of `context` how the call `request` ended."""
    return _started(_hooked_items(channel, first, request, context, owner))


def _started(iterator: Iterator[Any]) -> Iterator[Any]:
    # As far as `yield None`, the first statement inside its `try`.
    next(iterator)
    return iterator


def _items(channel: Channel, event: Event, _owner: object) -> Iterator[Any]:
    take = channel.take
    try:
        yield None
        while event.name == STREAM:
            yield event.args
            # What has come already needs no waiting and, mostly, no new promise: one call an item.
            if channel.unread and channel.until_grant > 1:
                event = take() or event  # never None, as there is something unread
            else:
                event = _wait(channel)
        end_of(event)
    finally:
        channel.home.let_go(channel)


def _hooked_items(
    channel: Channel, event: Event, request: Event, context: Context, _owner: object
) -> Iterator[Any]:
    try:
        yield None
        while event.name == STREAM:
            # Not told of a GeneratorExit: who closes an iterator early wants to know no more.
            yield event.args
            try:
                event = _wait(channel)
            except BaseException as error:  # a kill or a Timeout of gevent's, too
                context.hook_client_after_request(request, None, error)
                raise
        failure: BaseException | None = None
        try:
            end_of(event)
        except ZerorpcError as error:
            failure = context.hook_client_handle_remote_error(event) or error
        context.hook_client_after_request(request, event, failure)
        if failure is not None:
            raise failure
    finally:
        channel.home.let_go(channel)


def _wait(channel: Channel) -> Event:
    channel.home.pump.check_usable()  # someone may have carried the iterator to another thread
    event: Event = channel.home.wait(channel)
    return event
