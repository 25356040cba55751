"""A file that cannot be used is one clear line; without a file there are the defaults."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.unit.daemons.runtime.models import Mill
from zerorpc_daemon.loading import MOST_BYTES, load
from zerorpc_daemon.problems import ConfigError
from zerorpc_daemon.settings import Settings


def refusal(file: str | Path) -> str:
    with pytest.raises(ConfigError) as caught:
        load(str(file), Settings)
    return str(caught.value)


def test_no_file_means_the_defaults_or_says_what_is_required() -> None:
    assert load(None, Settings) == Settings()
    with pytest.raises(ConfigError, match=r"^\(no file\): in: is required$"):
        load(None, Mill)


def test_a_file_is_read(tmp_path: Path) -> None:
    file = tmp_path / "mill.yml"
    file.write_text("\N{BOM}drain_timeout: 2m\n")
    assert load(str(file), Settings).drain_timeout == 120


def test_files_that_cannot_be_read_are_one_line(tmp_path: Path) -> None:
    assert refusal(tmp_path / "x").endswith("x: cannot be read: No such file or directory")
    assert refusal(tmp_path).endswith("cannot be read: Is a directory")


def test_a_pipe_without_a_writer_is_empty_and_waited_for_by_nobody(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert refusal(tmp_path / "pipe").endswith("pipe: is empty")


def test_bytes_that_are_not_utf_8_have_a_place(tmp_path: Path) -> None:
    file = tmp_path / "mill.yml"
    file.write_bytes(b"a: 1\nb: \xff\n")
    assert refusal(file).endswith("mill.yml:2:4: the byte 0xff is not UTF-8")


def test_what_is_too_large_is_not_looked_into(tmp_path: Path) -> None:
    file = tmp_path / "mill.yml"
    file.write_bytes(b"#" * (MOST_BYTES + 1))
    assert refusal(file).endswith("has more than 1048576 bytes")
