"""The documents are a book, their links lead somewhere, and their code blocks are good."""

import base64
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest
import yaml

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = sorted(DOCS.rglob("*.md")) + [ROOT / name for name in ("README.md", "SECURITY.md", "CONTRIBUTING.md")]

# What a block leaves out of a configuration.
REST = {
    "public_url": "https://app.example.com",
    "listeners": [{"address": "127.0.0.1:8080"}],
    "upstreams": {"app": {"servers": ["127.0.0.1:3000"]}},
    "routes": [{"upstream": "app"}],
}


def blocks(language):
    found = []
    for page in PAGES:
        fenced = re.finditer(r"^```(\w+)[^\n]*\n(.*?)^```$", page.read_text(), re.M | re.S)
        for number, block in enumerate(fenced):
            if block.group(1) == language:
                found.append(pytest.param(block.group(2), id=f"{page.name}-{number}"))
    return found


def is_configuration(block):
    return yaml.safe_load(block).keys() <= top_level_keys()


def top_level_keys():
    return yaml.safe_load((ROOT / "config.example.yaml").read_text()).keys() | {"environment_id", "error_page", "login_url"}


def anchors(page):
    titles = re.findall(r"^#+ +(.*)$", page.read_text(), re.M)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def secret(name):
    """A secret of the kind that its name says: the address of a database, or 32 bytes in Base64."""
    if "database" in name.lower():
        return "postgres://vestibule@db.example.com/vestibule"
    return base64.b64encode(bytes(32)).decode()


def make_certificate(cert, key):
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
    command += ["-nodes", "-days", "2", "-subj", "/CN=app.example.com"]
    command += ["-addext", "subjectAltName=DNS:app.example.com", "-keyout", key, "-out", cert]
    subprocess.run(command, check=True, capture_output=True)


@pytest.mark.parametrize("block", [one for one in blocks("yaml") if is_configuration(one.values[0])])
def test_configurations_are_good(block, tmp_path):
    secrets = {name: secret(name) for name in re.findall(r"env:(\w+)", block)}
    for path in re.findall(r"file:([^\"\s\]]+)", block):
        (tmp_path / Path(path).name).write_text(secret(path))
        block = block.replace(path, str(tmp_path / Path(path).name))
    for cert, key in re.findall(r"cert: ([^\s,}]+), key: ([^\s,}]+)", block):
        made = [str(tmp_path / Path(path).name) for path in (cert, key)]
        make_certificate(*made)
        block = block.replace(cert, made[0]).replace(key, made[1])
    for path in re.findall(r"[^\s\[,]+\.ticket", block):
        key = tmp_path / Path(path).name
        key.touch(mode=0o600)
        key.write_bytes(os.urandom(80))
        block = block.replace(path, str(key))
    config = tmp_path / "config.yaml"
    config.write_text(json.dumps(REST | yaml.safe_load(block)))
    command = [os.environ["VESTIBULE_BIN"], "check", "--config", config]
    checked = subprocess.run(command, capture_output=True, text=True, env=secrets)
    assert checked.returncode == 0, checked.stderr


class Yaml12(yaml.SafeLoader):
    """`off` is a text in the YAML of 2009, which the program and editors read."""


Yaml12.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in found if tag != "tag:yaml.org,2002:bool"]
    for first, found in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
Yaml12.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile("^(true|false)$"), list("tf"))


@pytest.fixture(scope="session")
def schema():
    """What editors complete and check configurations by."""
    command = [os.environ["VESTIBULE_BIN"], "generate", "schema"]
    made = subprocess.run(command, capture_output=True, text=True, check=True)
    schema = jsonschema.Draft7Validator(json.loads(made.stdout))
    schema.check_schema(schema.schema)
    return schema


CONFIGURATIONS = [
    pytest.param(path.read_text(), id=str(path.relative_to(ROOT)))
    for path in [
        ROOT / "config.example.yaml",
        *sorted((ROOT / "packaging").glob("*/config.yaml")),
        *sorted((DOCS / "examples").glob("*.yaml")),
    ]
]


@pytest.mark.parametrize("text", CONFIGURATIONS)
def test_the_schema_describes_whole_configurations(text, schema):
    assert [error.message for error in schema.iter_errors(yaml.load(text, Yaml12))] == []


@pytest.mark.parametrize("block", [one for one in blocks("yaml") if is_configuration(one.values[0])])
def test_the_schema_describes_the_documents(block, schema):
    config = REST | yaml.load(block, Yaml12)
    assert [error.message for error in schema.iter_errors(config)] == []


@pytest.mark.parametrize(
    "path, value",
    [
        (("issuers", 0, "jwks_ulr"), "https://login.example.com/jwks.json"),
        (("issuers", 0, "leeway"), "30 parsecs"),
        (("issuers", 0, "algorithms"), ["HS256"]),
        (("session", "max_age"), 3600),
        (("limits", "token_size"), "8 sacks"),
        (("listeners", 0, "address"), 8080),
        (("admin", "token"), "in the file itself"),
        (("routes", 0, "auth"), "perhaps"),
        (("upstreams", "app", "servers", 0), {"adress": "127.0.0.1:3000"}),
        (("sesion",), {}),
    ],
    ids=lambda one: ".".join(map(str, one)) if isinstance(one, tuple) else "",
)
def test_the_schema_tells_what_is_wrong(path, value, schema):
    config = yaml.load((ROOT / "config.example.yaml").read_text(), Yaml12)
    assert schema.is_valid(config)
    holder = config
    for step in path[:-1]:
        holder = holder.setdefault(step, {}) if isinstance(holder, dict) else holder[step]
    holder[path[-1]] = value
    assert not schema.is_valid(config)


def test_the_schema_says_what_keys_are_for_and_by_default(schema):
    limits = schema.schema["definitions"]["Limits"]["properties"]
    assert limits["header_timeout"]["default"] == "10s"
    assert limits["header_size"]["default"] == "32KiB"
    assert "arrive" in limits["header_timeout"]["description"]


def test_the_example_names_the_schema():
    example = (ROOT / "config.example.yaml").read_text()
    assert example.startswith("# yaml-language-server: $schema=vestibule.schema.json\n")


@pytest.mark.parametrize("block", blocks("json"))
def test_documents_in_json_are_json(block):
    json.loads(block)


@pytest.mark.parametrize("block", blocks("sh"))
def test_commands_are_commands(block):
    assert subprocess.run(["bash", "-n"], input=block, text=True).returncode == 0
    for line in block.splitlines():
        words = line.split("#")[0].split()
        if words[:1] == ["make"]:
            assert re.search(rf"^{words[1]}:", (ROOT / "Makefile").read_text(), re.M), line
        if words[:1] == ["vestibule"]:
            command = [word for word in words[1:3] if re.fullmatch(r"[a-z]+", word)]
            asked = [os.environ["VESTIBULE_BIN"], *command, "--help"]
            assert subprocess.run(asked, capture_output=True).returncode == 0, line


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page):
    text = re.sub(r"^```.*?^```$|`[^`\n]*`", "", page.read_text(), flags=re.M | re.S)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"https?:|mailto:", target):
            continue
        file, _, anchor = target.partition("#")
        linked = (page.parent / file).resolve() if file else page
        assert linked.exists(), f"{page.name}: {target}"
        if anchor:
            assert anchor in anchors(linked), f"{page.name}: {target}"


def test_the_book_has_every_page():
    summary = (DOCS / "SUMMARY.md").read_text()
    listed = set(re.findall(r"\]\(([^)]+)\)", summary))
    written = {str(page.relative_to(DOCS)) for page in DOCS.rglob("*.md")} - {"SUMMARY.md"}
    assert listed == written


def test_the_book_is_built(tmp_path):
    mdbook = Path(sys.executable).with_name("mdbook")
    command = [mdbook, "build", DOCS, "--dest-dir", tmp_path / "book"]
    built = subprocess.run(command, capture_output=True, text=True)
    assert built.returncode == 0, built.stderr
    assert not re.search(r"\b(WARN|ERROR)\b", built.stderr), built.stderr
    assert "What is defended" in (tmp_path / "book/security.html").read_text()
