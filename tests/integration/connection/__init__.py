"""Connections of our own, against libzmq and against raw sockets that misbehave."""
