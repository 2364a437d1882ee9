"""docker-compose.yml: valid by the Compose specification, and as closed as it says.

compose_spec/ holds that specification's schema, by the authors of github.com/compose-spec (Apache-2.0).
"""

import json
import re
import shutil
import subprocess
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from settings import load
from tests.deploy import compose, dockerfile

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "docker-compose.yml").read_text()
SCHEMA = json.loads((Path(__file__).parent / "compose_spec/compose-spec.json").read_text())
WHOLE = compose.read()
SERVICES = compose.services()
INSTANCES = ("recado1", "recado2")
# A value for each setting that is passed on from the shell: a name that no setting has would be a fault.
GOOD = {
    "RECADO_SERVER_PUBLIC_URL": "https://chat.example",
    "RECADO_SERVER_ALLOWED_HOSTS": "chat.example",
    "RECADO_SERVER_ALLOWED_ORIGINS": "https://app.example",
    "RECADO_SERVER_SECURITY_CONTACT": "mailto:security@chat.example",
    "RECADO_PUSH_CONTACT": "mailto:admin@chat.example",
    "RECADO_AUTH_REGISTRATION": "false",
    "RECADO_AUTH_PASSWORD_MIN_LENGTH": "12",
    "RECADO_AUTH_WEBSOCKET_QUERY_TOKEN": "false",
    "RECADO_LOG_LEVEL": "debug",
    "RECADO_LOG_FORMAT": "text",
}
LASTING = {name: each for name, each in SERVICES.items() if name != "secrets"}


def faults(document: dict[str, Any]) -> list[str]:
    validator = jsonschema.Draft202012Validator(SCHEMA)
    return [f"{error.json_path}: {error.message}" for error in validator.iter_errors(document)]


def test_it_is_valid_by_the_specification_of_compose() -> None:
    assert faults(WHOLE) == []


@pytest.mark.parametrize(
    ("service", "change"),
    [
        ("proxy", {"restarts": "always"}),
        ("proxy", {"depends_on": {"recado1": {"condition": "healthy"}}}),
        ("postgres", {"healthcheck": {"tests": ["CMD", "true"]}}),
        ("redis", {"read_only": {"yes": True}}),
    ],
)
def test_the_schema_finds_a_mistake(service: str, change: dict[str, Any]) -> None:
    broken = {**WHOLE, "services": {**SERVICES, service: {**SERVICES[service], **change}}}
    assert faults(broken) != []


def test_compose_itself_can_read_it() -> None:
    docker = shutil.which("docker")
    usable = docker and subprocess.run([docker, "compose", "version"], capture_output=True, check=False).returncode == 0
    if not usable:
        # The tests above stand for it: this needs a plug-in that few test machines have, and no engine.
        return
    ran = subprocess.run([str(docker), "compose", "config", "--quiet"], cwd=ROOT, capture_output=True, check=False)
    assert ran.returncode == 0, ran.stderr


def test_nothing_has_to_be_set() -> None:
    assert all(":-" in variable for variable in re.findall(r"\$\{[^}]*\}", TEXT))
    assert not any("env_file" in each for each in SERVICES.values())


def test_databases_are_published_on_loopback_only() -> None:
    assert SERVICES["postgres"]["ports"] == ["127.0.0.1:5432:5432"]
    assert SERVICES["redis"]["ports"] == ["127.0.0.1:6379:6379"]
    assert SERVICES["proxy"]["ports"] == ["127.0.0.1:8000:8000"]
    moved = compose.services({"PUBLISH_POSTGRES": "15432", "PUBLISH_REDIS": "16379", "PUBLISH_HTTP": "0.0.0.0:80"})
    assert moved["postgres"]["ports"] == ["127.0.0.1:15432:5432"]
    assert moved["redis"]["ports"] == ["127.0.0.1:16379:6379"]
    assert moved["proxy"]["ports"] == ["0.0.0.0:80:8000"]
    assert all("ports" not in SERVICES[name] for name in (*INSTANCES, "secrets"))


def test_no_secret_stands_in_the_file() -> None:
    assert not re.search(r"://[^/\s]*:[^/\s]*@", TEXT)
    for name, service in SERVICES.items():
        for key, value in service.get("environment", {}).items():
            secret = re.search(r"PASSWORD(?!_MIN)|SECRET|_URL(?!_|$)|KEY|TOKEN(?!$)", key)
            assert not secret or str(value).startswith("/secrets/"), f"{name}: {key}"


def test_every_service_can_do_as_little_as_possible() -> None:
    for name, service in SERVICES.items():
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        limits = service["deploy"]["resources"]["limits"]
        assert set(limits) == {"cpus", "memory", "pids"}, name
        assert float(limits["cpus"]) <= 1.0, "an engine on a machine with one core would refuse to start"
        assert (
            not {"privileged", "network_mode", "pid", "ipc", "devices", "cap_add"} & set(service) or name == "secrets"
        )
        assert not any(str(volume).startswith((".", "/", "~")) for volume in service.get("volumes", [])), name
        assert service["logging"]["options"]["max-size"], name


def test_nobody_is_root_but_the_one_that_gives_files_away() -> None:
    for name, service in LASTING.items():
        assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", service["user"]), name
    maker = SERVICES["secrets"]
    assert (maker["user"], maker["cap_add"], maker["network_mode"]) == ("0:0", ["CHOWN"], "none")
    assert maker["restart"] == "no"


def test_users_are_those_of_the_images_and_of_the_secrets() -> None:
    stages = dockerfile.stages()
    for name, service in LASTING.items():
        if "build" in service:
            assert service["user"] == stages[service["build"]["target"]].last("USER").text, name
    given = dict(word.removeprefix("--").split("=") for word in SERVICES["secrets"]["command"] if "=" in word)
    readers = {name: SERVICES[name]["user"] for name in ("postgres", "redis")}
    assert given == {"recado": SERVICES["recado1"]["user"], **readers}


def test_secrets_are_in_one_volume_that_only_their_maker_may_write() -> None:
    for name, service in SERVICES.items():
        mounted = [volume for volume in service.get("volumes", []) if volume.startswith("secrets:")]
        wanted = {"secrets": ["secrets:/secrets"], "proxy": []}.get(name, ["secrets:/secrets:ro"])
        assert mounted == wanted, name
    assert set(WHOLE["volumes"]) == {"secrets", "postgres"}


def test_each_waits_for_what_it_needs() -> None:
    made, healthy = {"condition": "service_completed_successfully"}, {"condition": "service_healthy"}
    for name in INSTANCES:
        assert SERVICES[name]["depends_on"] == {"secrets": made, "postgres": healthy, "redis": healthy}
    assert SERVICES["proxy"]["depends_on"] == dict.fromkeys(INSTANCES, healthy)
    for name in ("postgres", "redis"):
        assert SERVICES[name]["depends_on"] == {"secrets": made}


def test_each_is_asked_how_it_is_and_started_again() -> None:
    stages = dockerfile.stages()
    for name, service in LASTING.items():
        own = service["healthcheck"].get("test")
        assert own or stages[service["build"]["target"]].all("HEALTHCHECK"), name
        assert {"interval", "timeout", "retries"} <= set(service["healthcheck"]), name
        assert service["restart"] == "unless-stopped", name


def test_images_are_pinned_or_built_here() -> None:
    stages = dockerfile.stages()
    for name, service in SERVICES.items():
        if "build" in service:
            assert service["build"]["target"] in stages, name
        else:
            assert re.search(r":\d+\.\d+\.\d+", service["image"]), name


def test_databases_reach_nothing_and_only_the_instances_reach_them() -> None:
    networks = WHOLE["networks"]
    assert networks["data"]["internal"] is networks["app"]["internal"] is True
    assert set(SERVICES["proxy"]["networks"]) == {"front", "app"}
    for name in INSTANCES:
        assert set(SERVICES[name]["networks"]) == {"app", "data"}
    for name in ("postgres", "redis"):
        assert SERVICES[name]["networks"] == ["data", "loopback"]
    options = networks["loopback"]["driver_opts"]
    assert options["com.docker.network.bridge.enable_ip_masquerade"] == "false"
    assert options["com.docker.network.bridge.enable_icc"] == "false"
    assert options["com.docker.network.bridge.host_binding_ipv4"] == "127.0.0.1"


@pytest.mark.parametrize("beginning", ["10.213.77", "192.168.9"])
def test_the_proxy_and_nobody_else_is_believed(beginning: str) -> None:
    environment = {"CONTAINER_NETWORK": beginning}
    services, networks = compose.services(environment), compose.read(environment)["networks"]
    subnet = ip_network(networks["app"]["ipam"]["config"][0]["subnet"])
    addresses = {name: services[name]["networks"]["app"]["ipv4_address"] for name in ("proxy", *INSTANCES)}
    assert all(ip_address(address) in subnet for address in addresses.values())
    assert len({*addresses.values(), str(subnet[1])}) == 4, "the first address is the gateway's"
    assert services["proxy"]["extra_hosts"] == [f"{name}:{addresses[name]}" for name in INSTANCES]
    assert not subnet.overlaps(ip_network(networks["front"]["ipam"]["config"][0]["subnet"]))
    for name in INSTANCES:
        assert services[name]["environment"]["RECADO_SERVER_TRUSTED_PROXIES"] == f"{addresses['proxy']}/32"
    named = (ROOT / "deploy/instances.conf").read_text()
    assert re.findall(r"^server (\w+):8000", named, re.MULTILINE) == list(INSTANCES)


def test_the_gateway_that_front_conf_names_is_that_of_the_network() -> None:
    gateway = WHOLE["networks"]["front"]["ipam"]["config"][0]["gateway"]
    assert (ROOT / "deploy/front.conf").read_text().count(gateway) == 3


def test_both_instances_are_alike() -> None:
    first, second = ({**SERVICES[name], "networks": None} for name in INSTANCES)
    assert first == second


def test_the_settings_of_an_instance_are_good_ones(tmp_path: Path) -> None:
    private = {"database-url": "postgresql://recado:x@postgres/recado", "redis-url": "redis://recado:x@redis:6379/0"}
    for name, text in private.items():
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o600)
    given = {
        key: re.sub(r"^/secrets/current/recado", str(tmp_path), value)
        for key, value in SERVICES["recado1"]["environment"].items()
        if value is not None
    }
    image = {
        key: value
        for key, value in dockerfile.stages()["server"].environment.items()
        if key.startswith(("RECADO", "PORT"))
    }
    found = load({**image, **given}, ROOT / "settings.toml")
    assert (found.server.host, found.server.port) == ("0.0.0.0", 8000)
    assert found.database.engine == "postgresql"
    assert found.redis.url == private["redis-url"]
    passed_on = [key for key, value in SERVICES["recado1"]["environment"].items() if value is None]
    assert set(passed_on) == set(GOOD)
    assert load(GOOD, ROOT / "settings.toml").auth.password_min_length == 12
