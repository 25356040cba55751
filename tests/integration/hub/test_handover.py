"""What one process gives to the next arrives whole, with as many descriptors as there are."""

from __future__ import annotations

import os
import threading
from typing import Any

import pytest

from zerorpc_hub import handover
from zerorpc_hub.handover import OldEnd, take


def given(end: OldEnd, state: dict[str, Any], descriptors: list[int]) -> threading.Thread:
    """Give in a thread, as another process would."""

    def give() -> None:
        assert end.asked() == handover.VERSION
        end.give(state, descriptors)

    thread = threading.Thread(target=give)
    thread.start()
    return thread


def inherited(end: OldEnd) -> dict[str, str]:
    """Return the environment of a process that has inherited its end."""
    return {name: str(os.dup(int(value))) for name, value in end.environment.items()}


@pytest.mark.parametrize("count", [0, 1, 200, 450])
def test_everything_arrives(count: int) -> None:
    end = OldEnd()
    environment = {**inherited(end), "OTHER": "stays"}
    read, write = os.pipe()
    state = {"large": b"x" * (3 << 20), "number": 1.5, "path": "\udcff", "keys": {b"k": None}}
    thread = given(end, state, [write] * count)
    taken = take(environment)
    thread.join()
    assert taken is not None
    assert taken[0] == state
    assert len(taken[1]) == count
    assert environment == {"OTHER": "stays"}
    for number, descriptor in enumerate(taken[1]):
        assert not os.get_inheritable(descriptor)
        os.write(descriptor, b"%d" % (number % 10))
        os.close(descriptor)
    os.close(write)
    assert len(os.read(read, 1000)) == count
    os.close(read)
    end.close()


def test_who_is_nobodys_heir_gets_nothing() -> None:
    assert take({"OTHER": "stays"}) is None


def test_both_ends_notice_that_the_other_is_gone() -> None:
    end = OldEnd()
    environment = inherited(end)
    end.close()
    with pytest.raises(OSError, match=r"in the middle|reset|[Bb]roken"):
        take(environment)
    end = OldEnd()
    end._other.close()
    assert end.asked() is None
    end.close()
