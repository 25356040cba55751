"""The mechanism that runs pages accepts what is so and refuses, with its line, what is not."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.docs.pages import blocks, commands, is_match, with_free_ports
from tests.docs.run_page import PageError, run_page

GOOD = """\
# A page

```python
# greet/hello.py
NAME = "pycon"
```

```console
$ echo one; echo two
one
...
$ cd greet && export WHO=you
$ cat hello.py | head -n 1
# greet/hel...
$ cat <<END
> hello $WHO
> END
hello you
$ sh -c 'echo gone >&2; exit 3'
gone
$ echo $?
3
$ (echo ready; exec sleep 60) &
ready
$ kill %1
$ sh -c 'trap "" TERM; echo deaf; while :; do sleep 1; done' &
deaf
$ make demo
...
$ pip install 'zerorpc-mesh[daemons]'
$ pip install '.[daemons]'
```

```python
from greet.hello import NAME

print("hello", NAME)
```

```text
hello py...
```

```python
>>> NAME.upper()
'PYCON'
>>> 1 / 0
Traceback (most recent call last):
ZeroDivisionError: ...
```

<!-- not run: there is no such program -->
```console
$ no-such-program
```
"""


def run(page: str, folder: Path) -> None:
    path = folder / "page.md"
    path.write_text(page)
    run_page(path, folder)


def test_good_page_passes(tmp_path: Path) -> None:
    run(GOOD, tmp_path)


@pytest.mark.parametrize(
    ("body", "complaint"),
    [
        ("```console\n$ echo one\ntwo\n```", r"page.md:2: expected:\ntwo\ngot:\none"),
        ("```console\n$ true\n$ false\n```", "page.md:3: exit status 1"),
        ("```console\n$ make no-such-target\n```", "page.md:2: .*no-such-target"),
        ("```console\n$ pip install zerorpc\n```", "page.md:2: zerorpc is not zerorpc-mesh"),
        ("```console\n$ if\n```", "page.md:2: exit status 2"),
        ("```bash\ntrue\n```", "page.md:2: write ```console"),
        ("```python\n\nassert False\n```", r"(?s)page.md:2: .*line 3, in <module>"),
        ("```python\nprint(1)\n```\n\n```text\n2\n```", r"page.md:2: expected:\n2\ngot:\n1"),
        ("```python\n>>> 1 + 1\n3\n```", r"(?s)page.md:2: .*Expected:\s+3\s+Got:\s+2"),
    ],
)
def test_bad_page_is_refused_with_its_line(body: str, complaint: str, tmp_path: Path) -> None:
    with pytest.raises(PageError, match=complaint):
        run(body, tmp_path)


def test_server_in_a_greenlet_runs_while_the_page_goes_on(tmp_path: Path) -> None:
    run(
        "```python\n"
        "from gevent.server import StreamServer\n"
        'server = StreamServer(("127.0.0.1", 0), lambda peer, _: peer.sendall(b"hello"))\n'
        "server.start()\n"
        'open("port", "w").write(str(server.server_port))\n'
        "```\n"
        "```console\n"
        "$ exec 3<>/dev/tcp/127.0.0.1/$(cat port) && cat <&3\n"
        "hello\n"
        "```\n",
        tmp_path,
    )


def test_ports_are_replaced_alike_everywhere() -> None:
    ports = iter([50001, 50002])
    page = "tcp://0:1234 tcp://localhost:1234, tcp://[::1]:99 tcp://*:4242/ at 12:1234"
    assert with_free_ports(page, lambda: next(ports)) == (
        "tcp://0:50001 tcp://localhost:50001, tcp://[::1]:99 tcp://*:50002/ at 12:1234"
    )


def test_wildcards() -> None:
    assert is_match("a...c", "abc")
    assert is_match("a\n...\nc", "a\nc")
    assert is_match("a\n...\nc", "a\nb\nb\nc\n")
    assert not is_match("a\n...\nc", "a\nb")
    assert not is_match("a", "a\nb")


def test_console_block_must_start_with_a_command() -> None:
    with pytest.raises(ValueError, match="line 2"):
        commands(blocks("```console\noutput\n```")[0])


def test_fences_of_four_hold_fences_of_three() -> None:
    (block,) = blocks("````text\n```python\n```\n````")
    assert (block.language, block.text) == ("text", "```python\n```")
