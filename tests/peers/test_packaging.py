"""What packaging/ holds has the shape that its readers want, and its configurations are good."""

import base64
import os
import posixpath
import re
import shutil
import subprocess
import tomllib
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
    text = config.read_text().replace("/etc/vestibule-secrets", str(folder))
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


def test_probes_wait_longer_than_the_gateway_for_its_store():
    look = (PACKAGING.parent / "src/admin/store_look.rs").read_text()
    [patience] = re.findall(r"const PATIENCE: Duration = Duration::from_millis\((\d+)\);", look)
    patience = int(patience) / 1000
    [container] = pod()["containers"]
    chart = (PACKAGING / "helm/templates/deployment.yaml").read_text()
    for name in ["startupProbe", "readinessProbe", "livenessProbe"]:
        # As long as that again for a machine that is busy.
        assert container[name]["timeoutSeconds"] >= 2 * patience, name
    own = [str(probe["timeoutSeconds"]) for name, probe in container.items() if name.endswith("Probe")]
    assert re.findall(r"timeoutSeconds: (\d+)", chart) == own
    dockerfile = (PACKAGING.parent / "Dockerfile").read_text()
    [image] = re.findall(r"HEALTHCHECK .*--timeout=(\d+)s", dockerfile)
    assert int(image) >= 2 * patience


def test_the_pod_has_time_to_drain():
    config = yaml.safe_load((KUBERNETES / "config.yaml").read_text())
    times = [config["server"][key] for key in ("shutdown_delay", "drain_timeout")]
    delay, drain = [int(time.removesuffix("s")) for time in times]
    [container] = pod()["containers"]
    probe = container["readinessProbe"]
    assert delay > probe["periodSeconds"] * probe["failureThreshold"]
    assert pod()["terminationGracePeriodSeconds"] > delay + drain


def test_the_pod_sees_changes_of_its_configuration():
    [container] = pod()["containers"]
    mounts = {mount["name"]: mount for mount in container["volumeMounts"]}
    assert all("subPath" not in mount for mount in mounts.values()), "never updated"
    path = container["args"][container["args"].index("--config") + 1]
    assert path == mounts["config"]["mountPath"] + "/config.yaml"
    settings = yaml.safe_load((KUBERNETES / "kustomization.yaml").read_text())
    # Under another name with each change, it would stay behind with the pods of the old one.
    assert settings["generatorOptions"]["disableNameSuffixHash"] is True
    mounted = mounts["secrets"]["mountPath"]
    assert not mounted.startswith(mounts["config"]["mountPath"] + "/"), "read-only"
    config = (KUBERNETES / "config.yaml").read_text()
    named = re.findall(r"file:([^\"\s\]}]+)", config)
    assert named and all(path.startswith(mounted + "/") for path in named)


# Where kustomize writes labels with `includeSelectors`, if there is a `matchLabels` already.
SELECTORS = {
    "NetworkPolicy": [
        ["spec", "podSelector"],
        ["spec", "ingress", "from", "podSelector"],
        ["spec", "egress", "to", "podSelector"],
    ],
    "PodDisruptionBudget": [["spec", "selector"]],
}


def nodes(node, path):
    """All that a path of keys leads to, through lists."""
    if isinstance(node, list):
        return [found for one in node for found in nodes(one, path)]
    if not path:
        return [node] if isinstance(node, dict) else []
    return nodes(node[path[0]], path[1:]) if isinstance(node, dict) and path[0] in node else []


def rendered():
    """The manifests as kustomize applies them."""
    settings = yaml.safe_load((KUBERNETES / "kustomization.yaml").read_text())
    found = manifests()
    for (kind, _), manifest in found.items():
        for label in settings["labels"]:
            for path in SELECTORS.get(kind, []):
                for selector in nodes(manifest, path):
                    if "matchLabels" in selector:
                        selector["matchLabels"].update(label["pairs"])
    return found


def selects(selector, labels):
    """Whether a label selector selects what has these labels."""
    wanted = selector.get("matchLabels", {}).items()
    rules = selector.get("matchExpressions", [])
    assert all(rule["operator"] == "In" for rule in rules)
    return wanted <= labels.items() and all(
        labels.get(rule["key"]) in rule["values"] for rule in rules
    )


def test_prometheus_reaches_the_admin_port_and_others_do_not():
    policy = rendered()["NetworkPolicy", "vestibule"]["spec"]
    own = {"app.kubernetes.io/name": "vestibule"}
    assert selects(policy["podSelector"], own)
    [admin] = [rule for rule in policy["ingress"] if rule["ports"] == [{"port": "admin"}]]

    def reaches(labels):
        return any(selects(peer["podSelector"], labels) for peer in admin["from"])

    assert reaches({"app.kubernetes.io/name": "prometheus"})
    assert reaches({"vestibule/admin-client": "true"})
    assert not reaches({"vestibule/admin-client": "false"})
    assert not reaches(own)
    assert not reaches({})


def test_prometheus_scrapes_as_a_viewer():
    kubernetes = yaml.safe_load((KUBERNETES / "config.yaml").read_text())["admin"]
    [endpoint] = manifests()["ServiceMonitor", "vestibule"]["spec"]["endpoints"]
    credentials = endpoint["authorization"]["credentials"]
    [viewer] = [one for one in kubernetes["tokens"] if one["token"].endswith(credentials["key"])]
    assert viewer["role"] == "viewer"
    # Whoever reads this secret reads no other.
    assert credentials["name"] == "vestibule-metrics"

    compose = yaml.safe_load((PACKAGING / "compose/compose.yaml").read_text())
    config = yaml.safe_load((PACKAGING / "compose/config.yaml").read_text())["admin"]
    scrapes = yaml.safe_load((PACKAGING / "compose/prometheus.yaml").read_text())
    [scrape] = scrapes["scrape_configs"]
    name = Path(scrape["authorization"]["credentials_file"]).name
    assert compose["services"]["prometheus"]["secrets"] == [name]
    variable = compose["secrets"][name]["environment"]
    [viewer] = [one for one in config["tokens"] if one["token"] == f"env:{variable}"]
    assert viewer["role"] == "viewer"


def test_the_alerts_fit_the_job_that_prometheus_makes():
    rules = (PACKAGING / "prometheus/vestibule.rules.yaml").read_text()
    [job] = set(re.findall(r'job="([^"]+)"', rules))
    found = manifests()
    # Without a label for it, the job is called after the Service, `vestibule-admin`.
    label = found["ServiceMonitor", "vestibule"]["spec"]["jobLabel"]
    [written] = yaml.safe_load((KUBERNETES / "kustomization.yaml").read_text())["labels"]
    labels = found["Service", "vestibule-admin"]["metadata"]["labels"] | written["pairs"]
    assert labels[label] == job

    scrapes = yaml.safe_load((PACKAGING / "compose/prometheus.yaml").read_text())
    assert [scrape["job_name"] for scrape in scrapes["scrape_configs"]] == [job]


def test_a_service_of_compose_gets_its_own_secrets_alone():
    compose = yaml.safe_load((PACKAGING / "compose/compose.yaml").read_text())
    example = (PACKAGING / "compose/environment.example").read_text()
    secrets = set(re.findall(r"^(\w+)=", example, re.MULTILINE))
    used = {}
    for name, service in compose["services"].items():
        assert "env_file" not in service, name
        text = yaml.safe_dump(service.get("environment", {}))
        used[name] = set(re.findall(r"\$\{(\w+)", text))
    database = {"POSTGRES_PASSWORD"}
    assert used["database"] == database
    assert used["grafana"] == {"GF_SECURITY_ADMIN_PASSWORD"}
    assert used["gateway"] == secrets - used["grafana"]
    assert used["prometheus"] == used["app"] == set()
    # A forgotten one is an error, and none has a value that everybody knows.
    assert not re.search(r"^\w+=.", example, re.MULTILINE)


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


def test_the_debian_package_has_scripts_that_leave_a_running_gateway_alone():
    cargo = tomllib.loads((PACKAGING.parent / "Cargo.toml").read_text())
    deb = cargo["package"]["metadata"]["deb"]
    # Without such a folder cargo-deb writes no scripts, whatever it is asked for.
    folder = PACKAGING.parent / deb["maintainer-scripts"]
    scripts = [folder / name for name in ["preinst", "postinst", "prerm", "postrm"]]
    scripts = [script for script in scripts if script.exists()]
    assert scripts
    for script in scripts:
        assert "\n#DEBHELPER#\n" in script.read_text(), script
        assert subprocess.run(["sh", "-n", script]).returncode == 0
    units = deb["systemd-units"]
    assert (PACKAGING.parent / units["unit-scripts"] / f"{units['unit-name']}.service").exists()
    for action in ["enable", "start", "restart-after-upgrade", "stop-on-upgrade"]:
        assert units[action] is False, action


def test_the_documents_of_the_debian_package_lead_to_files_that_it_has():
    root = PACKAGING.parent
    deb = tomllib.loads((root / "Cargo.toml").read_text())["package"]["metadata"]["deb"]
    installed = {}
    for source, folder, _ in deb["assets"]:
        for file in root.glob(source):
            installed[posixpath.join(folder, file.name)] = file
    folders = {posixpath.dirname(path) for path in installed}
    pages = [path for path in installed if path.endswith(".md")]
    assert len(pages) > 30
    for page in pages:
        # Code may have brackets of its own.
        text = re.sub(r"^```.*?^```", "", installed[page].read_text(), flags=re.DOTALL | re.MULTILINE)
        for link in re.findall(r"\]\(([^)#\s]+)", text):
            if "://" not in link:
                target = posixpath.normpath(posixpath.join(posixpath.dirname(page), link))
                assert target in installed or target in folders, f"{page} leads to {link}"


def test_the_unit_is_confined():
    unit = PACKAGING / "systemd/vestibule.service"
    analyze = shutil.which("systemd-analyze")
    assert analyze, "Debian's package systemd has it"
    command = [analyze, "security", "--offline=true", "--no-pager", unit]
    said = subprocess.run(command, capture_output=True, text=True).stdout
    exposure = re.search(r"Overall exposure level for \S+: ([0-9.]+)", said)
    assert float(exposure.group(1)) < 2.0, said


def test_the_unit_waits_for_its_database_and_sees_its_memory():
    unit = (PACKAGING / "systemd/vestibule.service").read_text()
    head, service = unit.split("[Service]")
    # With a limit of starts, a database that is away for ten seconds stops the unit for good.
    assert "StartLimitIntervalSec=0" in head
    assert "Restart=on-failure" in service
    # It would hide /proc/stat, which says since when the process runs.
    assert not re.search(r"^ProcSubset=", service, re.MULTILINE)


def test_the_unit_gives_up_on_a_file_that_is_invalid(tmp_path):
    """For ever, it would never be `failed`, and nobody would hear of it."""
    unit = (PACKAGING / "systemd/vestibule.service").read_text()
    [given_up] = re.findall(r"^RestartPreventExitStatus=(\d+)$", unit, re.MULTILINE)
    # That setting is about the main process alone: what fails before it is started again.
    assert not re.search(r"^ExecStartPre=", unit, re.MULTILINE)
    config = tmp_path / "config.yaml"
    serve = [os.environ["VESTIBULE_BIN"], "serve", "--config", config]
    good = (
        "public_url: https://localhost\n"
        "listeners: [{address: 'unix:%(folder)s/s', tls: {certificates: [{cert: %(cert)s, key: %(cert)s}]}}]\n"
        "admin: {address: '127.0.0.1:0'}\n"
        "store: {path: %(store)s}\n"
        "issuers: [{name: a, iss: 'https://a.example.com', discovery: true}]\n"
        "upstreams: {app: {servers: ['localhost:1']}}\n"
        "routes: [{path: /, upstream: app}]\n"
    )
    place = {"folder": tmp_path, "store": tmp_path / "vestibule.redb", "cert": "/no"}
    without_secrets = (PACKAGING / "compose/config.yaml").read_text()
    for text in ["listeners: 1", without_secrets, good % place]:
        config.write_text(text)
        served = subprocess.run(serve, capture_output=True, text=True, env={}, timeout=30)
        assert served.returncode == int(given_up), served.stderr
    # What the machine lacks may come, such as a folder that is mounted later.
    tls = ", tls: {certificates: [{cert: %(cert)s, key: %(cert)s}]}"
    config.write_text(good.replace(tls, "") % {**place, "store": config / "vestibule.redb"})
    served = subprocess.run(serve, capture_output=True, text=True, env={}, timeout=30)
    assert served.returncode == 1, served.stderr
