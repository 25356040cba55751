"""The mill's command."""

from __future__ import annotations

import sys

from tests.integration.runtime.mill.config import Config
from tests.integration.runtime.mill.core import Mill
from zerorpc_daemon import Program, run

PROGRAM = Program("zerorpc-mill", Config, Mill, "Grinds what comes in.")


if __name__ == "__main__":
    sys.exit(run(PROGRAM))
