"""The Helm chart: its values have the shape that it wants, its configuration is valid, and what it renders
is as safe as the manifests. Rendering needs `helm`; the rest does not."""

import base64
import copy
import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import jsonschema
import pytest
import yaml

PACKAGING = Path(__file__).parents[2] / "packaging"
CHART = PACKAGING / "helm"
HELM = shutil.which("helm")


def defaults():
    return yaml.safe_load((CHART / "values.yaml").read_text())


def sample():
    """The values with the sample that its comments have for what is the operator's own."""
    text = (CHART / "values.yaml").read_text()
    before, commented = text.split("A sample:\n  #\n")
    commented, after = commented.split("\n\n", 1)
    lines = [line.removeprefix("  # ") for line in commented.splitlines()]
    return before + "A sample:\n" + "".join(f"  {line}\n" for line in lines) + "\n" + after


def values():
    return yaml.safe_load(sample())


def fault(changed):
    """What the schema says of these values; nothing, if they are valid."""
    schema = json.loads((CHART / "values.schema.json").read_text())
    jsonschema.Draft7Validator.check_schema(schema)
    return [error.message for error in jsonschema.Draft7Validator(schema).iter_errors(changed)]


def test_the_schema_knows_every_value_and_no_other():
    assert fault(values()) == []
    assert values().keys() == defaults().keys()
    schema = json.loads((CHART / "values.schema.json").read_text())
    # `global` is Helm's own.
    assert schema["properties"].keys() - {"global"} == values().keys()
    for name, value in values().items():
        known = schema["properties"][name]
        if known.get("additionalProperties") is False:
            assert known["properties"].keys() == value.keys(), name


@pytest.mark.parametrize(
    "path, value",
    [
        (["autoscalin"], {"enabled": True}),
        (["replicas"], 0),
        (["service", "port"], 70000),
        (["service", "listeners"], ["web", "web"]),
        (["secrets"], []),
        # Pods would each have users of their own.
        (["config", "store"], {"path": "/var/lib/vestibule/store.redb"}),
        (["config", "admin"], {"address": "0.0.0.0:9901"}),
        (["config", "public_url"], ""),
        (["config", "upstreams"], {}),
        (["config", "routes"], []),
    ],
)
def test_values_that_cannot_work_are_refused(path, value):
    changed = copy.deepcopy(values())
    place = changed
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    assert len(fault(changed)) == 1


def test_nothing_of_somebody_else_is_inherited():
    """Helm merges: an upstream of the chart's own would be everybody's, and so would a trusted network."""
    own = defaults()["config"]
    for name in ["public_url", "trusted_proxies", "issuers", "upstreams", "routes"]:
        assert name not in own and name in values()["config"], name
    missing = {message.split("'")[1] for message in fault(defaults())}
    assert missing == {"public_url", "upstreams", "routes"}


def test_listeners_can_be_named():
    changed = values()
    changed["service"]["listeners"] = ["web", "web6"]
    assert fault(changed) == []


def test_the_configuration_is_valid(tmp_path):
    text = yaml.safe_dump(values()["config"]).replace("/etc/vestibule-secrets", str(tmp_path))
    for path in re.findall(r"file:([^\s'\"]+)", text):
        is_url = "database" in path
        secret = "postgres://db.example.com/v" if is_url else base64.b64encode(bytes(32)).decode()
        Path(path).write_text(secret)
    (tmp_path / "config.yaml").write_text(text)
    command = [os.environ["VESTIBULE_BIN"], "check", "--config", tmp_path / "config.yaml"]
    checked = subprocess.run(command, capture_output=True, text=True)
    assert checked.returncode == 0, checked.stderr


def test_the_configuration_is_that_of_the_manifests():
    manifests = yaml.safe_load((PACKAGING / "kubernetes/config.yaml").read_text())
    assert values()["config"] == manifests


def template(*options):
    command = [HELM, "template", "shop", CHART, "--kube-version", "1.30", "--values", "-", *options]
    return subprocess.run(command, capture_output=True, text=True, input=sample())


def render(*options):
    rendered = template(*options)
    assert rendered.returncode == 0, rendered.stderr
    documents = [one for one in yaml.safe_load_all(rendered.stdout) if one]
    return {(one["kind"], one["metadata"]["name"]): one for one in documents}


needs_helm = pytest.mark.skipif(HELM is None, reason="there is no helm")


@needs_helm
def test_helm_finds_nothing_wrong():
    command = [HELM, "lint", "--strict", CHART, "--values", "-"]
    linted = subprocess.run(command, capture_output=True, text=True, input=sample())
    assert linted.returncode == 0, linted.stdout


@needs_helm
def test_the_pod_is_that_of_the_manifests():
    rendered = render()["Deployment", "shop-vestibule"]["spec"]["template"]["spec"]
    manifest = yaml.safe_load((PACKAGING / "kubernetes/deployment.yaml").read_text())
    manifest = manifest["spec"]["template"]["spec"]
    for name in ["securityContext", "automountServiceAccountToken", "enableServiceLinks"]:
        assert rendered[name] == manifest[name], name
    [rendered], [manifest] = rendered["containers"], manifest["containers"]
    for name in manifest.keys() - {"image"}:
        assert rendered[name] == manifest[name], name


@needs_helm
def test_selectors_select_the_pods_of_this_release():
    found = render("--set", "serviceMonitor.enabled=true")
    deployment = found["Deployment", "shop-vestibule"]["spec"]
    labels = deployment["template"]["metadata"]["labels"].items()
    own = deployment["selector"]["matchLabels"].items()
    assert own <= labels and ("app.kubernetes.io/instance", "shop") in own
    for name in ["shop-vestibule", "shop-vestibule-admin"]:
        assert found["Service", name]["spec"]["selector"].items() == own
    assert found["NetworkPolicy", "shop-vestibule"]["spec"]["podSelector"]["matchLabels"].items() == own
    assert found["PodDisruptionBudget", "shop-vestibule"]["spec"]["selector"]["matchLabels"].items() == own
    monitored = found["ServiceMonitor", "shop-vestibule"]["spec"]["selector"]["matchLabels"].items()
    services = {name: one["metadata"]["labels"].items() for (kind, name), one in found.items() if kind == "Service"}
    assert [name for name, labels in services.items() if monitored <= labels] == ["shop-vestibule-admin"]


@needs_helm
def test_replicas_are_the_autoscalers_where_there_is_one():
    assert render()["Deployment", "shop-vestibule"]["spec"]["replicas"] == 2
    found = render("--set", "autoscaling.enabled=true")
    assert "replicas" not in found["Deployment", "shop-vestibule"]["spec"]
    autoscaler = found["HorizontalPodAutoscaler", "shop-vestibule"]["spec"]
    assert autoscaler["scaleTargetRef"]["name"] == "shop-vestibule"
    assert autoscaler["minReplicas"] == 2


@needs_helm
def test_the_ports_are_those_of_the_configuration():
    found = render("--set", "config.admin.address=0.0.0.0:9000")
    [container] = found["Deployment", "shop-vestibule"]["spec"]["template"]["spec"]["containers"]
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    assert ports == {"http": 8080, "admin": 9000}
    mounted = yaml.safe_load(found["ConfigMap", "shop-vestibule"]["data"]["config.yaml"])
    assert mounted["admin"]["address"] == "0.0.0.0:9000"


LISTENERS = [
    ("first", "0.0.0.0:8080"),
    ("web", "0.0.0.0:9000"),
    ("web6", "[::]:9000"),
    ("first6", "[::]:8080"),
    ("ext_authz", "0.0.0.0:9001"),
    ("local", "127.0.0.1:9100"),
    ("socket", "unix:/run/vestibule/9200"),
    ("plain", "0.0.0.0:80"),
    ("operators", "10.0.0.1:9901"),
]


def with_listeners(*published):
    """Options for these listeners, of which some are published."""
    options = []
    for at, (name, address) in enumerate(LISTENERS):
        options.append(f"--set=config.listeners[{at}].name={name}")
        options.append(f"--set=config.listeners[{at}].address={address}")
    return options + [f"--set=service.listeners={{{','.join(published)}}}"] * bool(published)


@needs_helm
@pytest.mark.parametrize(
    "published, further",
    [
        ([], {}),
        (["web"], {"listener-1": 9000}),
        # Ports of both families are one, and so is that of the first listener.
        (["web", "web6", "first", "first6"], {"listener-1": 9000}),
        (["ext_authz", "web6"], {"listener-4": 9001, "listener-2": 9000}),
    ],
)
def test_listeners_are_published_by_name(published, further):
    found = render(*with_listeners(*published))
    [container] = found["Deployment", "shop-vestibule"]["spec"]["template"]["spec"]["containers"]
    ports = [(port["name"], port["containerPort"]) for port in container["ports"]]
    assert sorted(ports) == sorted({"http": 8080, "admin": 9901, **further}.items())
    service = found["Service", "shop-vestibule"]["spec"]["ports"]
    assert [(port["name"], port["port"], port["targetPort"]) for port in service] == [
        ("http", 80, "http"),
        *((name, port, name) for name, port in further.items()),
    ]
    public, _ = found["NetworkPolicy", "shop-vestibule"]["spec"]["ingress"]
    assert public == {"ports": [{"port": name} for name in ["http", *further]]}


@needs_helm
@pytest.mark.parametrize(
    "published, fault",
    [
        ("wbe", "no listener of config.listeners has the name wbe"),
        ("local", "local is at 127.0.0.1:9100"),
        ("socket", "socket is at unix:/run/vestibule/9200"),
        ("plain", "plain has the port 80, which is service.port"),
        ("operators", "operators has the port of config.admin"),
    ],
)
def test_listeners_that_cannot_be_published_are_refused(published, fault):
    rendered = template(*with_listeners(published))
    assert rendered.returncode != 0
    assert fault in rendered.stderr


def test_no_template_publishes_what_nobody_named():
    """What can be seen without `helm`: ports of further listeners come from one place, and that from the names."""
    names = (CHART / "templates/_names.tpl").read_text()
    _, further = names.split('define "vestibule.furtherPorts"')
    assert "range $name := .Values.service.listeners" in further
    assert values()["service"]["listeners"] == []
    for file in ["service.yaml", "network-policy.yaml", "deployment.yaml"]:
        template = (CHART / "templates" / file).read_text()
        assert 'range include "vestibule.furtherPorts"' in template, file
        assert "range .Values.config.listeners" not in template, file


@needs_helm
def test_the_alerts_fit_the_job_that_prometheus_makes():
    found = render("--set", "serviceMonitor.enabled=true")
    label = found["ServiceMonitor", "shop-vestibule"]["spec"]["jobLabel"]
    job = found["Service", "shop-vestibule-admin"]["metadata"]["labels"][label]
    rules = (PACKAGING / "prometheus/vestibule.rules.yaml").read_text()
    assert set(re.findall(r'job="([^"]+)"', rules)) == {job}


TLS = "--set=config.admin.tls.certificates[0].cert=/a.pem,config.admin.tls.certificates[0].key=/a.key"


@needs_helm
@pytest.mark.parametrize("options, scheme", [([], None), ([TLS], "HTTPS")])
def test_the_admin_port_is_asked_as_it_speaks(options, scheme):
    found = render("--set", "serviceMonitor.enabled=true", *options)
    [container] = found["Deployment", "shop-vestibule"]["spec"]["template"]["spec"]["containers"]
    for probe in ["startupProbe", "readinessProbe", "livenessProbe"]:
        assert container[probe]["httpGet"].get("scheme") == scheme, probe
    [endpoint] = found["ServiceMonitor", "shop-vestibule"]["spec"]["endpoints"]
    assert endpoint.get("scheme") == (scheme and scheme.lower())


def test_every_probe_asks_as_the_admin_port_speaks():
    """What can be seen without `helm`."""
    deployment = (CHART / "templates/deployment.yaml").read_text()
    assert deployment.count("httpGet:") == 3
    assert deployment.count("port: admin{{ $scheme }}}") == 3
    monitor = (CHART / "templates/service-monitor.yaml").read_text()
    notes = (CHART / "templates/NOTES.txt").read_text()
    for text in [deployment, monitor, notes]:
        assert ".Values.config.admin.tls" in text


def test_the_example_for_the_gateway_api_leads_where_it_says():
    text = (PACKAGING / "kubernetes/examples/gateway-api-external-auth.yaml").read_text()
    service, policy, route = yaml.safe_load_all(text)
    own, guarded = route["spec"]["rules"]
    assert "filters" not in own
    [asks] = [one["externalAuth"] for one in guarded["filters"]]
    assert asks["protocol"] == "GRPC"
    port = service["spec"]["ports"][0]["port"]
    assert asks["backendRef"] == {"name": service["metadata"]["name"], "port": port}
    # Present, or the API server refuses the route; without a list, which would withhold all other fields.
    assert asks["grpc"] == {}
    assert f"0.0.0.0:{port}" in text
    # The policy of the package lets nobody there.
    [rule] = policy["spec"]["ingress"]
    assert rule["ports"] == [{"port": service["spec"]["ports"][0]["targetPort"]}]
    assert policy["spec"]["podSelector"]["matchLabels"] == service["spec"]["selector"]
    [peer] = rule["from"]
    [parent] = route["spec"]["parentRefs"]
    name = peer["podSelector"]["matchLabels"]["gateway.networking.k8s.io/gateway-name"]
    assert name == parent["name"]
