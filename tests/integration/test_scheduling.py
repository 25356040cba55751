"""libzmq's I/O threads give way to the threads that send, unless the process chose otherwise."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

pytestmark = pytest.mark.skipif(
    sys.platform != "linux", reason="only Linux has SCHED_BATCH and tells of threads in /proc"
)

# Prints the scheduling policies of the threads that libzmq has started for one server.
PROGRAM = """
import json, os, pathlib, sys, time
policy = int(sys.argv[1])
os.sched_setscheduler(0, policy, os.sched_param(0))
import zerorpc
with zerorpc.Server({}) as server:
    server.bind("tcp://127.0.0.1:*")
    io = []
    # Such a thread gives itself its name, and its policy before that, when it first runs.
    while not io:
        tasks = pathlib.Path("/proc/self/task").iterdir()
        io = [int(task.name) for task in tasks if "/IO/" in (task / "comm").read_text()]
        time.sleep(0.001)
    print(json.dumps([os.sched_getscheduler(task) for task in io]))
"""


def io_policies(policy: int) -> list[int]:
    """Return the policies of the I/O threads in a process that runs under `policy`."""
    ran = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(policy)], check=True, capture_output=True, timeout=60
    )
    policies: list[int] = json.loads(ran.stdout)
    return policies


def test_io_threads_do_not_interrupt() -> None:
    assert io_policies(os.SCHED_OTHER) == [os.SCHED_BATCH]


def test_a_policy_that_the_process_chose_stays() -> None:
    assert io_policies(os.SCHED_IDLE) == [os.SCHED_IDLE]
