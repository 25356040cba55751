"""What a Markdown page asks a reader to run, as data; pure, so that it knows nothing of processes.

A page is run from top to bottom in one folder of its own:

- ```console: lines that start with `$ ` are commands of one shell session, `> ` continues one, the
  lines below are its output. `...` stands for any text, alone on a line for any lines; no lines at
  all: the output is not compared. A command must succeed unless the next one is `echo $?`. One that
  ends in `&` stays until the page ends, and its lines are waited for.
- ```python: run in one interpreter a page, so that a block continues the one above; `>>>` examples
  are compared like doctests. A ```text block right below says what the block prints.
- a block whose first line is a comment with just a file name (`# service.py`) becomes that file.
- `<!-- not run: REASON -->` on the line above a fence exempts it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

RUNNABLE = ("python", "console")
# These would look like commands to a reader and escape the test.
FORBIDDEN = ("bash", "sh", "shell", "shell-session", "zsh", "pycon", "py")

_FENCE = re.compile(r"^( *)(`{3,})([\w-]*)[^`]*$")
_FILE_NAME = re.compile(r"^(?:#|//|;) ([\w./-]+\.\w+)$")
_EXEMPTION = re.compile(r"^ *<!-- not run: (.+?) -->$")
_PORT = re.compile(
    r"(?P<host>(?:\w+://[\w.\-\[\]:*]*?|localhost|127\.0\.0\.1)):(?P<port>[1-9]\d{2,4})\b"
)


@dataclass(frozen=True, slots=True)
class Block:
    """One fenced block; `line` is that of its first line of content, counted from 1."""

    language: str
    text: str
    line: int
    exemption: str | None = None
    prints: str | None = None

    @property
    def file_name(self) -> str | None:
        """The file that this block shows, if its first line names one."""
        found = _FILE_NAME.match(self.text.partition("\n")[0])
        return found[1] if found else None


@dataclass(frozen=True, slots=True)
class Command:
    """One command of a console block with the output that the page shows for it."""

    text: str
    expected: tuple[str, ...]
    line: int
    may_fail: bool

    @property
    def is_background(self) -> bool:
        """Whether the page leaves it running."""
        return self.text.endswith("&") and not self.text.endswith("&&")


def blocks(page: str) -> list[Block]:
    """Return the fenced blocks of a page, each output joined to the block that prints it."""
    found: list[Block] = []
    last_end = 0
    lines = page.split("\n")
    for block, start, end in _fences(lines):
        is_below = not any(line.strip() for line in lines[last_end : start - 1])
        if block.language == "text" and found and is_below and _is_printing(found[-1]):
            above = found[-1]
            found[-1] = Block(above.language, above.text, above.line, above.exemption, block.text)
        else:
            found.append(block)
        last_end = end
    return found


def _is_printing(block: Block) -> bool:
    return block.language == "python" and block.file_name is None and block.prints is None


def _fences(lines: list[str]) -> Iterator[tuple[Block, int, int]]:
    """Yield each block with the numbers of its opening line and of the line after its end."""
    number = 0
    while number < len(lines):
        opening = _FENCE.match(lines[number])
        number += 1
        if opening is None:
            continue
        start, margin, fence = number, len(opening[1]), opening[2]
        while number < len(lines) and lines[number].strip() != fence:
            number += 1
        content = "\n".join(line[margin:] for line in lines[start:number])
        exemption = _EXEMPTION.match(lines[start - 2]) if start >= 2 else None
        reason = exemption[1] if exemption else None
        number += 1
        yield Block(opening[3], content, start + 1, reason), start, number


def commands(block: Block) -> list[Command]:
    """Split a console block into its commands."""
    found: list[tuple[str, list[str], int]] = []
    for number, line in enumerate(block.text.split("\n"), block.line):
        if line.startswith("$ "):
            found.append((line[2:].rstrip(), [], number))
        elif not found:
            raise ValueError(f"line {number}: a console block starts with a line `$ COMMAND`")
        elif line.startswith("> ") and not found[-1][1]:
            text, expected, start = found[-1]
            found[-1] = (f"{text}\n{line[2:]}", expected, start)
        else:
            found[-1][1].append(line.rstrip())
    asked = [text == "echo $?" for text, _, _ in found[1:]] + [False]
    return [
        Command(text, tuple(_without_blank_end(expected)), line, may_fail)
        for (text, expected, line), may_fail in zip(found, asked, strict=True)
    ]


def _without_blank_end(lines: list[str]) -> list[str]:
    while lines and not lines[-1]:
        lines = lines[:-1]
    return lines


def is_match(expected: str, got: str) -> bool:
    """Tell whether an output is the expected one, `...` standing for anything."""
    pattern = ""
    for line in expected.rstrip().split("\n"):
        if line.strip() == "...":
            pattern += r"(?:.*\n)*?"
        else:
            pattern += ".*?".join(re.escape(part) for part in line.rstrip().split("...")) + "\n"
    lines = [line.rstrip() for line in got.rstrip().split("\n")]
    return re.fullmatch(pattern, "\n".join(lines) + "\n") is not None


def with_free_ports(page: str, free_port: Callable[[], int]) -> str:
    """Replace each port of a page by a free one, the same one everywhere on the page.

    Pages keep the memorable ports of the text, and the machine that runs them may use those for
    something else.
    """
    chosen: dict[str, int] = {}

    def replaced(found: re.Match[str]) -> str:
        port = found["port"]
        while port not in chosen:
            # The system may offer again what it offered a moment ago.
            if (offered := free_port()) not in chosen.values():
                chosen[port] = offered
        return f"{found['host']}:{chosen[port]}"

    return _PORT.sub(replaced, page)
