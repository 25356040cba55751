"""`python -m zerorpc`, the same as the command `zerorpc-client`."""

from __future__ import annotations

import sys

from zerorpc.cli import main

if __name__ == "__main__":
    sys.exit(main())
