"""Each file of deploy/ is right by its own format's rules, and says the same as the others."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from tests.deploy.running import DEPLOY, adapted
from tests.programs import ROOT, require
from zerorpc_daemon.loading import load
from zerorpc_hub.config import Config

KUBERNETES = DEPLOY / "kubernetes" / "hub.yaml"
# The oldest that is still around, and the newest that the schemas know.
RELEASES = ("1.27", "1.34")
PORTS = {1111, 2222, 9470}


def test_every_file_is_looked_at_here() -> None:
    files = {path.relative_to(DEPLOY).as_posix() for path in DEPLOY.rglob("*") if path.is_file()}
    assert files == {
        *("README.md", "Dockerfile", "compose.yaml", "hub.yml", "kubernetes/hub.yaml"),
        *("haproxy.cfg", "stunnel/peer.conf", "stunnel/server.conf"),
        "systemd/zerorpc-hub.service",
    }


def test_the_readme_lists_them() -> None:
    named = set(re.findall(r"`([\w./-]+)`", (DEPLOY / "README.md").read_text()))
    assert all((DEPLOY / name).exists() or (ROOT / name).exists() for name in named)
    files = {path.relative_to(DEPLOY).as_posix() for path in DEPLOY.rglob("*") if path.is_file()}
    assert files - named == {"README.md"}


def test_the_hub_s_file_is_one() -> None:
    config = load(str(DEPLOY / "hub.yml"), Config)
    assert {port_of(each) for each in (*config.in_, *config.out[0].bind)} == {1111, 2222}


def port_of(endpoint: str) -> int:
    return int(endpoint.rpartition(":")[2])


# -- systemd -------------------------------------------------------------------------------------


def test_those_of_the_unit_s_group_can_connect_to_its_unix_sockets() -> None:
    unit = (DEPLOY / "systemd" / "zerorpc-hub.service").read_text()
    settings = dict(re.findall(r"^(\w+)=(.+)$", unit, re.MULTILINE))
    # A socket is made with all permissions but those that the umask takes away.
    assert 0o777 & ~int(settings["UMask"], 8) == 0o770
    group = settings["Group"]
    for text in (unit, (ROOT / "docs" / "operations.md").read_text()):
        assert f"groupadd --system {group}" in text
        assert f"usermod --append --groups {group} USER" in text


@pytest.fixture
def analyze() -> str:
    """The path of systemd-analyze; no part of a system without systemd, so nothing to demand."""
    path = shutil.which("systemd-analyze")
    if path is None:
        pytest.skip("no systemd here")
    return path


def test_the_unit_is_exposed_little(analyze: str) -> None:
    unit = DEPLOY / "systemd" / "zerorpc-hub.service"
    words = [analyze, "security", "--offline=true", "--threshold=15", "--no-pager", str(unit)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_unit_is_one_that_systemd_takes(analyze: str, tmp_path: Path) -> None:
    command = str(Path(sys.executable).parent / "zerorpc-hub")
    unit = adapted(
        DEPLOY / "systemd" / "zerorpc-hub.service",
        {"/opt/zerorpc/bin/zerorpc-hub": command},
        tmp_path,
    )
    done = subprocess.run(
        [analyze, "verify", "--man=no", str(unit)], capture_output=True, text=True, check=False
    )
    ours = [line for line in done.stderr.splitlines() if "zerorpc" in line]
    assert (done.returncode, ours) == (0, []), done.stderr


# -- containers ----------------------------------------------------------------------------------


def instructions() -> list[tuple[str, str]]:
    """Return those of the Dockerfile, each on one line."""
    text = re.sub(r"^#.*\n", "", (DEPLOY / "Dockerfile").read_text(), flags=re.MULTILINE)
    lines = re.sub(r"\\\n\s*", " ", text).strip().split("\n")
    pairs = [line.partition(" ") for line in lines if line.strip()]
    return [(name, rest.strip()) for name, _, rest in pairs]


def test_the_dockerfile_knows_its_words_and_files() -> None:
    found = instructions()
    words = "FROM WORKDIR COPY RUN ENV USER EXPOSE STOPSIGNAL HEALTHCHECK ENTRYPOINT CMD"
    assert {name for name, _ in found} <= set(words.split())
    assert found[0][0] == "FROM"
    stages = {rest.split(" AS ")[1] for name, rest in found if name == "FROM" and " AS " in rest}
    ignored = (ROOT / ".dockerignore").read_text().split("\n")
    for rest in (rest for name, rest in found if name == "COPY"):
        *sources, _ = shlex.split(rest)
        if sources[0].startswith("--from="):
            assert sources[0].removeprefix("--from=") in stages
            continue
        for source in sources:
            assert (ROOT / source).exists(), source
            assert f"!{source}" in ignored, f"{source} is kept out by .dockerignore"


def test_the_image_runs_the_hub_as_nobody() -> None:
    found = dict(instructions())
    assert json.loads(found["ENTRYPOINT"]) == ["zerorpc-hub"]
    assert json.loads(found["CMD"]) == ["/etc/zerorpc/hub.yml"]
    assert set(map(int, found["EXPOSE"].split())) == PORTS
    assert found["USER"].split(":")[0] != "0"
    check = json.loads(found["HEALTHCHECK"].partition("CMD")[2])
    assert check[:2] == ["python", "-c"]
    compile(check[2], "HEALTHCHECK", "exec")
    newest = re.findall(r"Python :: (3\.\d+)", (ROOT / "pyproject.toml").read_text())[-1]
    assert found["FROM"] == f"python:{newest}-slim"


def test_the_compose_file_fits_its_schema_and_the_rest() -> None:
    file = DEPLOY / "compose.yaml"
    words = ["--builtin-schema", "vendor.compose-spec", str(file)]
    done = subprocess.run(
        [sys.executable, "-m", "check_jsonschema", *words],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    services = yaml.safe_load(file.read_text())["services"]
    build = services["hub"]["build"]
    assert (DEPLOY / build["context"] / build["dockerfile"]).samefile(DEPLOY / "Dockerfile")
    assert (DEPLOY / services["hub"]["volumes"][0].split(":")[0]).exists()
    grace = int(services["hub"]["stop_grace_period"].removesuffix("s"))
    assert grace > load(str(DEPLOY / "hub.yml"), Config).drain_timeout


# -- Kubernetes ----------------------------------------------------------------------------------


def manifests() -> dict[str, dict[str, Any]]:
    """Return them by kind and name."""
    found = yaml.safe_load_all(KUBERNETES.read_text())
    return {f"{each['kind']}/{each['metadata']['name']}": each for each in found}


@pytest.mark.parametrize("release", RELEASES)
def test_the_manifests_fit_their_schemas(release: str) -> None:
    for manifest in manifests().values():
        kubernetes_validate.validate(manifest, release, strict=True)


def test_the_manifests_fit_each_other(tmp_path: Path) -> None:
    found = manifests()
    hubs = found["StatefulSet/zerorpc-hub"]["spec"]
    pod = hubs["template"]
    labels = pod["metadata"]["labels"]
    (container,) = pod["spec"]["containers"]
    named = {each["name"]: each["containerPort"] for each in container["ports"]}
    assert set(named.values()) == PORTS
    for service in ("zerorpc-hub", "zerorpc-hub-workers"):
        spec = found[f"Service/{service}"]["spec"]
        assert spec["selector"].items() <= labels.items()
        assert all(named[port["targetPort"]] == port["port"] for port in spec["ports"])
    workers = found[f"Service/{hubs['serviceName']}"]["spec"]
    # A hub without a worker is not ready, and one that is not ready must still be found.
    assert (workers["clusterIP"], workers["publishNotReadyAddresses"]) == ("None", True)
    budget = found["PodDisruptionBudget/zerorpc-hub"]["spec"]
    for selector in (hubs["selector"], budget["selector"]):
        assert selector["matchLabels"].items() <= labels.items()
    assert budget["maxUnavailable"] < hubs["replicas"]
    for probe, path in (("readinessProbe", "/readyz"), ("livenessProbe", "/healthz")):
        assert container[probe]["httpGet"] == {"path": path, "port": "admin"}
    volumes = {each["name"] for each in pod["spec"]["volumes"]}
    assert {each["name"] for each in container["volumeMounts"]} == volumes
    file = tmp_path / "hub.yml"
    file.write_text(found["ConfigMap/zerorpc-hub"]["data"]["hub.yml"])
    config = load(str(file), Config)
    # Probes come from outside of the pod, so that a token must guard the rest.
    assert config.admin.bind == "*:9470"
    mounts = {each["name"]: each["mountPath"] for each in container["volumeMounts"]}
    assert container["args"] == [f"{mounts['config']}/hub.yml"]
    assert str(config.admin.token_file) == f"{mounts['admin']}/token"
    pause = int(container["lifecycle"]["preStop"]["exec"]["command"][1])
    assert pod["spec"]["terminationGracePeriodSeconds"] > pause + config.drain_timeout


# -- proxies -------------------------------------------------------------------------------------


def test_haproxy_takes_its_file() -> None:
    words = [require("haproxy"), "-c", "-f", str(DEPLOY / "haproxy.cfg")]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "WARNING" not in done.stdout + done.stderr
