"""Every command and snippet of README.md and docs/ does what the page says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.docs.run_page import ROOT, run_page

PAGES = [ROOT / "README.md", ROOT / "CHANGES.md", *sorted((ROOT / "docs").rglob("*.md"))]
PAGES += sorted(ROOT.glob("daemons/*/README.md"))
_LINK = re.compile(r"\]\((?!\w+:|#)([^)#\s]+)")


def name_of(page: Path) -> str:
    return str(page.relative_to(ROOT))


@pytest.mark.timeout(300)
@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_page_runs_as_printed(page: Path, tmp_path: Path) -> None:
    run_page(page, tmp_path)


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_lead_to_files(page: Path) -> None:
    broken = [link for link in _LINK.findall(page.read_text()) if not (page.parent / link).exists()]
    assert not broken, f"{name_of(page)} links to what is not there: {broken}"
