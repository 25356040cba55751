"""The exceptions under the module name that stock zerorpc has them under; see `errors`."""

from __future__ import annotations

from zerorpc.errors import LostRemote, RemoteError, TimeoutExpired

__all__ = ["LostRemote", "RemoteError", "TimeoutExpired"]
