"""The part of prometheus.yml on the page of operations is one that Prometheus can read."""

from __future__ import annotations

import re

import yaml

from tests.docs.run_page import ROOT
from zerorpc_hub.config import Admin

_BLOCK = re.compile(r"```yaml\n(scrape_configs:.*?)```", re.DOTALL)


def test_each_hub_is_scraped_at_its_admin_port() -> None:
    (text,) = _BLOCK.findall((ROOT / "docs" / "operations.md").read_text())
    (job,) = yaml.safe_load(text)["scrape_configs"]
    # Its path is the default one, /metrics, and so is the scheme; no other key is needed.
    assert set(job) == {"job_name", "authorization", "static_configs"}
    assert set(job["authorization"]) == {"credentials_file"}  # sent as a Bearer token
    (targets,) = (each["targets"] for each in job["static_configs"])
    assert {target.rpartition(":")[2] for target in targets} == {
        str(Admin().bind).rpartition(":")[2]
    }
