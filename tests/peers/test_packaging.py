"""What packaging/ holds has the shape that its readers want, and its configurations are good."""

import base64
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

PACKAGING = Path(__file__).parents[2] / "packaging"
KUBERNETES = PACKAGING / "kubernetes"


def manifests():
    files = yaml.safe_load((KUBERNETES / "kustomization.yaml").read_text())["resources"]
    documents = [
        document
        for file in files
        for document in yaml.safe_load_all((KUBERNETES / file).read_text())
    ]
    return {(one["kind"], one["metadata"]["name"]): one for one in documents}


def pod():
    return manifests()["Deployment", "vestibule"]["spec"]["template"]["spec"]


def secret(name):
    """A secret of the kind that its name says: the address of a database, or 32 bytes in Base64."""
    if "database" in name.lower():
        return "postgres://vestibule@db.example.com/vestibule"
    return base64.b64encode(bytes(32)).decode()


def check(config, folder, environment):
    """Runs `vestibule check` where every secret that the configuration names exists."""
    text = config.read_text().replace("/etc/vestibule/secrets", str(folder))
    (folder / "config.yaml").write_text(text)
    for name in re.findall(r"env:(\w+)", text):
        environment = {**environment, name: secret(name)}
    for path in re.findall(r"file:([^\"\s\]]+)", text):
        Path(path).write_text(secret(path))
    command = [os.environ["VESTIBULE_BIN"], "check", "--config", folder / "config.yaml"]
    return subprocess.run(command, capture_output=True, text=True, env=environment)


@pytest.mark.parametrize("example", ["compose/config.yaml", "kubernetes/config.yaml"])
def test_the_configurations_are_good(example, tmp_path):
    checked = check(PACKAGING / example, tmp_path, {})
    assert checked.returncode == 0, checked.stderr


def test_every_manifest_is_listed():
    listed = yaml.safe_load((KUBERNETES / "kustomization.yaml").read_text())["resources"]
    written = {file.name for file in KUBERNETES.glob("*.yaml")}
    assert set(listed) == written - {"kustomization.yaml", "config.yaml"}


def test_the_pod_is_probed_where_the_gateway_answers():
    [container] = pod()["containers"]
    config = yaml.safe_load((KUBERNETES / "config.yaml").read_text())
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    assert config["listeners"][0]["address"].endswith(f":{ports['http']}")
    assert config["admin"]["address"].endswith(f":{ports['admin']}")
    paths = {"startupProbe": "/ready", "readinessProbe": "/ready", "livenessProbe": "/live"}
    for probe, path in paths.items():
        assert container[probe]["httpGet"] == {"path": path, "port": "admin"}


def test_the_pod_has_time_to_drain():
    config = yaml.safe_load((KUBERNETES / "config.yaml").read_text())
    drain = int(config["server"]["drain_timeout"].removesuffix("s"))
    [container] = pod()["containers"]
    pause = container["lifecycle"]["preStop"]["sleep"]["seconds"]
    assert pod()["terminationGracePeriodSeconds"] > drain + pause


def test_the_pod_may_do_nothing_but_serve():
    [container] = pod()["containers"]
    assert pod()["securityContext"]["runAsNonRoot"] is True
    assert pod()["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert pod()["automountServiceAccountToken"] is False
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    dockerfile = (PACKAGING.parent / "Dockerfile").read_text()
    assert f"USER {pod()['securityContext']['runAsUser']}:" in dockerfile


def test_selectors_select_the_pod_and_no_other():
    found = manifests()
    label = {"app.kubernetes.io/name": "vestibule"}
    assert found["PodDisruptionBudget", "vestibule"]["spec"]["selector"]["matchLabels"] == label
    assert found["NetworkPolicy", "vestibule"]["spec"]["podSelector"]["matchLabels"] == label
    monitored = found["ServiceMonitor", "vestibule"]["spec"]["selector"]["matchLabels"]
    assert monitored.items() <= found["Service", "vestibule-admin"]["metadata"]["labels"].items()
    # A disruption budget that no replica count can meet would stop every upgrade of a node.
    budget = found["PodDisruptionBudget", "vestibule"]["spec"]["minAvailable"]
    assert budget < found["Deployment", "vestibule"]["spec"]["replicas"]


def test_compose_mounts_files_that_exist():
    compose = yaml.safe_load((PACKAGING / "compose/compose.yaml").read_text())
    for name, service in compose["services"].items():
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            if source.startswith(".") and "environment" not in source:
                assert (PACKAGING / "compose" / source).exists(), f"{name}: {source}"
        for port in service.get("ports", []):
            assert port.startswith("127.0.0.1:"), f"{name} is published beyond loopback"
    assert compose["services"]["gateway"]["read_only"] is True


def test_the_unit_is_confined():
    unit = PACKAGING / "systemd/vestibule.service"
    analyze = shutil.which("systemd-analyze")
    assert analyze, "Debian's package systemd has it"
    command = [analyze, "security", "--offline=true", "--no-pager", unit]
    said = subprocess.run(command, capture_output=True, text=True).stdout
    exposure = re.search(r"Overall exposure level for \S+: ([0-9.]+)", said)
    assert float(exposure.group(1)) < 2.0, said
