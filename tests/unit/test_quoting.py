"""What a peer sent, in a log and on a terminal."""

from __future__ import annotations

from zerorpc.quoting import excerpt, printable


def test_control_characters_are_escaped() -> None:
    assert printable("a\n\x1b[31mb\u2028") == "a\\n\\x1b[31mb\\u2028"
    assert printable("naïve ✓") == "naïve ✓"
    assert printable("a\nb\r", keep="\n") == "a\nb\\r"


def test_an_excerpt_is_one_line_of_bounded_length() -> None:
    assert excerpt("short\nERROR root: forged") == "short\\nERROR root: forged"
    long = excerpt("\n" * 100_000)
    assert len(long) < 1000
    assert long.endswith("... (100000 characters)")
