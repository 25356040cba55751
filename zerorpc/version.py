"""Who made this and which release it is; read by the build, so it imports nothing."""

from __future__ import annotations

__title__ = "zerorpc-mesh"
__version__ = "0.1.0"
__author__ = "The zerorpc-mesh authors"
__license__ = "MIT"
__copyright__ = "Copyright 2026 The zerorpc-mesh authors"
