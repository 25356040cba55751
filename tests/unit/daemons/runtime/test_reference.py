"""docs/configuration.md is made from the models, and current."""

from __future__ import annotations

from tests.programs import ROOT
from tests.unit.daemons.runtime.models import Mill
from zerorpc_daemon.reference import installed, page
from zerorpc_daemon.settings import Settings

ROWS = """\
| `in` | text or list of text | required | Where sacks come in. |
| `out` | text or section | `""` | Where \\| flour goes out. |
| `out.connect` | list of text | required |  |
| `type` | `wind`, `water` | `wind` |  |
| `queue` | section |  | What waits to be ground. |
| `queue.max` | whole number ≥ 1 | `100` | How many sacks may wait. |
| `queue.timeout` | seconds ≥ 0 | `10` | How long one may wait. |
| `stones` | mapping of names to section | `{}` | A queue for each stone. |
| `stones.NAME.max` | whole number ≥ 1 | `100` | How many sacks may wait. |
| `stones.NAME.timeout` | seconds ≥ 0 | `10` | How long one may wait. |
| `limit` | bytes ≥ 0 | `1048576` |  |
| `is_fine` | true or false | `false` |  |
| `name` | text | `mill` |  |
"""


def test_a_page_has_a_row_for_each_key_the_daemon_s_own_first() -> None:
    text = page({"zerorpc-mill": [Mill]})
    assert "\n## zerorpc-mill\n\nA mill that grinds what comes in.\n\nIts configuration" in text
    table = text.split("|---|---|---|---|\n")[1]
    assert table.startswith(ROWS)
    assert "| `admin.bind` | HOST:PORT | `127.0.0.1:9499` | Where it listens. |\n" in table
    assert "| `log.file` | text | none | Appended to, " in table


def test_the_page_is_current() -> None:
    written = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")
    assert written == page(installed()), (
        "run: .venv/bin/python -m zerorpc_daemon.reference > docs/configuration.md"
    )


def test_every_setting_is_described() -> None:
    models = installed() | {"settings": [Settings]}
    bare = [row for row in page(models).split("\n") if row.startswith("| `") and "|  |" in row[-4:]]
    assert not bare, f"give these a description, or their section a docstring: {bare}"
