"""Remote calls between Python processes over ZeroMQ, MessagePack and gevent."""
