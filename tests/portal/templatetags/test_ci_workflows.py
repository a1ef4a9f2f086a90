"""The workflow files of the guides are what CI takes, and their step really deploys."""

from __future__ import annotations

import os
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.test import Client
from pytest_django import Settings

from groups import jobs
from groups.models import ContainerGroup, Image
from portal.models import Project, User
from portal.organizations.api_keys import create_key
from portal.templatetags.ci_workflows import FOLDER, ci_workflow
from registries.foundation.actor import CONSOLE
from registries.models import Credential
from tests.groups.ingest.conftest import shared, woken
from tests.support.fakes.registry import FakeRegistry
from tests.support.pulls import SECRET, USER, make_group

__all__ = ["shared", "woken"]  # fixtures
SCHEMAS = {"github-actions.yaml": "vendor.github-workflows", "gitlab-ci.yml": "vendor.gitlab-ci"}
GUIDES = {"ghcr": "github-actions.yaml", "docker_hub": "github-actions.yaml", "gitlab": "gitlab-ci.yml"}


def steps(name: str) -> list[str]:
    """The texts that a shell runs."""
    document = yaml.safe_load((FOLDER / name).read_text())
    if name == "gitlab-ci.yml":
        return [line for job in ("build", "deploy") for line in document[job]["script"]]
    return [step["run"] for step in document["jobs"]["deploy"]["steps"] if "run" in step]


@pytest.mark.parametrize("name", SCHEMAS)
def test_each_file_is_known(name: str) -> None:
    assert {path.name for path in FOLDER.iterdir()} == set(SCHEMAS)
    command = [".venv/bin/check-jsonschema", "--builtin-schema", SCHEMAS[name], str(FOLDER / name)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=FOLDER.parents[2])
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("name", SCHEMAS)
def test_each_step_is_a_script(name: str) -> None:
    for shell in ("bash", "sh"):
        for step in steps(name):
            subprocess.run([shell, "-n"], input=step, text=True, check=True)


def test_both_deploy_in_the_same_way() -> None:
    github, gitlab = (steps(name)[-1] for name in SCHEMAS)

    assert gitlab.replace(", sign_in_host: env.SIGN_IN_HOST", "") == github


@pytest.mark.django_db
@pytest.mark.parametrize("kind", GUIDES)
def test_the_guide_shows_it_filled_in(kind: str, bob: User, as_user: Any, settings: Settings) -> None:
    settings.PORTAL_PUBLIC_URL = "https://drayage.acme.example"
    browser: Client = as_user(bob)

    page = browser.get(f"/o/acme/registries/guides/{kind}/")

    text = ci_workflow(GUIDES[kind], "acme", "default")
    assert "PORTAL: https://drayage.acme.example\n" in text
    assert page.context["workflow"] == text
    assert "DRAYAGE_API_KEY" in page.content.decode()


class TestTheStepOfAJob:
    @pytest.fixture
    def registry(self) -> Iterator[FakeRegistry]:
        with FakeRegistry(auth="basic", users={USER: SECRET}) as running:
            running.push_image("team/app", "2.0")
            yield running

    def run(self, name: str, project: Project, registry: FakeRegistry, url: str, tag: str, folder: Path) -> Any:
        """Run the step as a job does, and a worker beside it; return how the step ended."""
        group = make_group(project, f"{registry.host}/team/app:1.0", name="web")
        Image.objects.update(status="ready")
        ContainerGroup.objects.update(status="stopped")
        _, key = create_key(
            organization_id=project.organization_id, project_id=project.pk, name="ci", scope="write", by=CONSOLE
        )
        folder.mkdir()
        environment = {
            "PATH": os.environ["PATH"], "TMPDIR": str(folder), "PORTAL": url, "ORGANIZATION": "acme",
            "PROJECT": "default", "GROUP": "web", "IMAGE": f"{registry.host}/team/app:{tag}",
            "REGISTRY_USER": USER, "REGISTRY_PASSWORD": SECRET, "DRAYAGE_API_KEY": key, "SIGN_IN_HOST": registry.host,
        }  # fmt: skip
        script = steps(name)[-1].replace("sleep 5", "sleep 0.1")
        ended: list[Any] = []
        job = threading.Thread(
            target=lambda: ended.append(
                subprocess.run(["sh", "-c", script], env=environment, capture_output=True, text=True, timeout=30)
            )
        )
        job.start()
        end = time.monotonic() + 20
        while not (waiting := ContainerGroup.objects.get(pk=group.pk).next_image_id) and time.monotonic() < end:
            time.sleep(0.05)
        jobs.pull(str(waiting))
        job.join()
        assert key not in ended[0].stdout + ended[0].stderr
        assert SECRET not in ended[0].stdout + ended[0].stderr
        assert list(folder.iterdir()) == []
        return ended[0]

    @pytest.mark.slow
    @pytest.mark.parametrize("name", SCHEMAS)
    def test_it_ends_when_the_image_is_pulled(
        self, name: str, shared: Project, registry: FakeRegistry, live_server: Any, tmp_path: Path
    ) -> None:
        done = self.run(name, shared, registry, live_server.url, "2.0", tmp_path / "job")

        assert (done.returncode, done.stderr) == (0, "")
        assert "is pulled" in done.stdout
        assert ContainerGroup.objects.get().image.version == "2.0"
        assert Credential.objects.get().destroyed_because == "settled"

    @pytest.mark.slow
    def test_it_fails_with_what_is_wrong(
        self, shared: Project, registry: FakeRegistry, live_server: Any, tmp_path: Path
    ) -> None:
        done = self.run("github-actions.yaml", shared, registry, live_server.url, "missing", tmp_path / "job")

        assert done.returncode == 1
        assert "image_not_found: " in done.stderr
        assert ContainerGroup.objects.get().image.version == "1.0"
        assert Credential.objects.get().destroyed_because == "settled"
