"""The log through Python's `logging`: what comes in, and what stands in the file."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from zerorpc_daemon.journal import EventLog, Journal
from zerorpc_daemon.settings import Log
from zerorpc_daemon.writer import LineWriter


@pytest.fixture(autouse=True)
def _logging_as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    logging.captureWarnings(False)
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "log"


def lines(journal: Journal, file: Path) -> list[dict[str, Any]]:
    journal.drain(10.0)
    return [json.loads(line) for line in file.read_text().splitlines()]


def test_events_have_fields_and_other_records_their_logger(file: Path) -> None:
    journal = Journal(Log(file=file))
    EventLog("hub").info("worker joined", worker="w1")
    EventLog("hub").debug("not asked for")
    logging.getLogger("zerorpc.server").warning("%d calls", 3)
    joined, other = lines(journal, file)
    assert (joined["event"], joined["level"], joined["worker"]) == ("worker joined", "info", "w1")
    assert (other["event"], other["logger"]) == ("3 calls", "zerorpc.server")


def test_exceptions_are_told_with_their_traceback(file: Path) -> None:
    journal = Journal(Log(file=file))
    try:
        raise KeyError("x")
    except KeyError as error:
        EventLog("hub").exception("handled", channel=7)
        kept = error
    EventLog("hub").exception("later", exc=kept)
    handled, later = lines(journal, file)
    assert (handled["error"], handled["channel"]) == ("KeyError: 'x'", 7)
    assert later["traceback"].startswith("Traceback (most recent call last)")


def test_a_record_that_cannot_be_formed_is_told_as_it_is(file: Path) -> None:
    journal = Journal(Log(file=file))
    logging.getLogger("x").warning("%d of %d", 1)  # noqa: PLE1206 - what is tested
    assert lines(journal, file)[0]["event"].startswith("%d of %d (")


def test_repeated_lines_are_held_back_but_those_for_debugging(file: Path) -> None:
    journal = Journal(Log(file=file, level="debug"))
    log = EventLog("hub")
    for number in range(50):
        log.warning("refused", client=number)
        log.debug("seen", client=number)
    events = [line["event"] for line in lines(journal, file)]
    assert (events.count("refused"), events.count("seen")) == (10, 50)
    assert journal.statistics()["suppressed"] == 40


def test_level_form_and_file_can_be_changed(file: Path, tmp_path: Path) -> None:
    journal = Journal(Log(file=file, level="error"))
    log = EventLog("hub")
    log.info("early")
    other = tmp_path / "other"
    journal.apply(Log(file=other, level="info", format="console"))
    log.info("late", worker="w1")
    journal.drain(10.0)
    assert file.read_text() == ""
    assert other.read_text().endswith(" INFO    late worker=w1\n")


def test_what_cannot_be_opened_leaves_the_old_file(file: Path, tmp_path: Path) -> None:
    journal = Journal(Log(file=file))
    with pytest.raises(FileNotFoundError):
        journal.apply(Log(file=tmp_path / "no" / "log", level="error"))
    EventLog("hub").info("still here")
    assert lines(journal, file)[0]["event"] == "still here"


def test_a_moved_file_is_made_anew_at_the_right_line(file: Path) -> None:
    journal = Journal(Log(file=file))
    log = EventLog("hub")
    log.info("old")
    moved = file.rename(file.with_suffix(".1"))
    log.info("still old")
    journal.reopen()
    log.info("new")
    assert [line["event"] for line in lines(journal, file)] == ["new"]
    assert len(moved.read_text().splitlines()) == 2


def test_a_full_disk_costs_lines_and_nothing_else() -> None:
    writer = LineWriter(Path("/dev/full"))
    writer.write("lost")
    assert writer.flush(10.0)
    assert (writer.failed, writer.written) == (1, 0)
