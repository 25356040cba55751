"""Remote calls over ZeroMQ and MessagePack: `Server` exposes an object, `Client` calls it."""

from __future__ import annotations

from typing import Any

from zmq import green as zmq

from zerorpc import exceptions
from zerorpc.client import Client
from zerorpc.context import Context, fork_task_context
from zerorpc.errors import (
    ClosedError,
    EndpointError,
    LocalProtocolError,
    LostRemote,
    Overloaded,
    ProtocolError,
    RemoteError,
    RemoteProtocolError,
    TimeoutExpired,
    UnknownAnswer,
    ZerorpcError,
)
from zerorpc.limits import Limits
from zerorpc.methods import DecoratorBase, rep, stream
from zerorpc.oneway import Publisher, Puller, Pusher, Subscriber
from zerorpc.server import Server
from zerorpc.sockets import SocketBase
from zerorpc.version import __version__

__all__ = [
    "Client",
    "ClosedError",
    "Context",
    "DecoratorBase",
    "EndpointError",
    "Limits",
    "LocalProtocolError",
    "LostRemote",
    "Overloaded",
    "ProtocolError",
    "Publisher",
    "Puller",
    "Pusher",
    "RemoteError",
    "RemoteProtocolError",
    "Server",
    "SocketBase",
    "Subscriber",
    "TimeoutExpired",
    "UnknownAnswer",
    "ZerorpcError",
    "__version__",
    "exceptions",
    "fork_task_context",
    "rep",
    "stream",
    "zmq",
]

# Stock's middle layer, which other layers replace here, and names that leaked from its modules.
# Programs seldom use them; those that do get told where to look instead of a bare AttributeError.
_GONE = {
    "Events": "zerorpc.transport.Pump moves frames, zerorpc.wire.Codec makes events of them",
    "Event": "zerorpc.wire.Event is an event",
    "Channel": "zerorpc.channel.Channel is a conversation, zerorpc.transport.Driver drives it",
    "ChannelMultiplexer": "zerorpc.multiplexer.Multiplexer routes events to channels",
    "ChannelBase": "zerorpc.channel.Channel is the only kind of channel",
    "HeartBeatOnChannel": "zerorpc.channel.Channel has the heartbeat built in",
    "BufferedChannel": "zerorpc.channel.Channel has the flow control built in",
    "ServerBase": "subclass zerorpc.Server, or pass it an object",
    "ClientBase": "use zerorpc.Client",
    "Sender": "use zerorpc.Pusher or zerorpc.transport.Pump",
    "Receiver": "use zerorpc.Puller or zerorpc.transport.Pump",
    "SequentialSender": "use zerorpc.Pusher or zerorpc.transport.Pump",
    "SequentialReceiver": "use zerorpc.Puller or zerorpc.transport.Pump",
    "ReqRep": "zerorpc.patterns.ReqRep is that pattern",
    "ReqStream": "zerorpc.patterns.ReqStream is that pattern",
    "patterns_list": "zerorpc.patterns.BY_NAME holds the patterns",
    "core": "its classes are zerorpc.Client, zerorpc.Server and the like",
    "events": "zerorpc.wire makes events of bytes",
    "channel_base": "zerorpc.channel holds the only kind of channel",
    "heartbeat": "zerorpc.channel has the heartbeat built in",
    "decorators": "zerorpc.rep and zerorpc.stream are the decorators",
    "socket": "zerorpc.SocketBase is what has endpoints",
    "gevent_zmq": "zerorpc.zmq is the gevent-aware pyzmq",
    "gevent": "import gevent itself",
    "msgpack": "import msgpack itself",
}


def __getattr__(name: str) -> Any:
    """Explain what took the place of names that stock zerorpc has and this library has not."""
    if name in _GONE:
        raise AttributeError(f"zerorpc.{name} is not part of this library: {_GONE[name]}")
    raise AttributeError(f"module 'zerorpc' has no attribute {name!r}")
