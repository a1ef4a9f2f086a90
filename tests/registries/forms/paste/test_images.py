"""Images in commands, web addresses and lines of files."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registries.forms.paste import read_pasted_image, text_of_image

DIGEST = "sha256:" + "a" * 64
ECR = "123456789012.dkr.ecr.eu-west-1.amazonaws.com"
AWS = "https://eu-west-1.console.aws.amazon.com/ecr/repositories/private/123456789012"
GOOGLE = "https://console.cloud.google.com"


@pytest.mark.parametrize(
    ("text", "image"),
    [
        ("https://hub.docker.com/r/acme/app/tags", "acme/app"),
        ("https://hub.docker.com/r/acme/app/tags?page=1&name=1.0", "acme/app"),
        ("https://hub.docker.com/_/nginx/tags", "nginx"),
        ("http://hub.docker.com/r/acme/app", "acme/app"),
        ("hub.docker.com/r/acme/app", "acme/app"),
        ("https://hub.docker.com/r/acme/app:1.0", "acme/app:1.0"),
        ("https://hub.docker.com/repository/docker/acme/app/general", "acme/app"),
        ("https://hub.docker.com/layers/acme/app/1.0/images/sha256-aa?context=repo", "acme/app:1.0"),
        ("https://registry.hub.docker.com/u/acme/app/", "acme/app"),
        ("https://quay.io/repository/acme/app", "quay.io/acme/app"),
        ("https://quay.io/repository/acme/app?tab=tags&tag=1.0", "quay.io/acme/app:1.0"),
        (f"https://quay.io/repository/acme/app/manifest/{DIGEST}", f"quay.io/acme/app@{DIGEST}"),
        ("https://github.com/orgs/Acme/packages/container/package/app%2Fserver", "ghcr.io/acme/app/server"),
        ("https://github.com/users/alice/packages/container/app/versions", "ghcr.io/alice/app"),
        ("https://github.com/acme/repo/pkgs/container/app", "ghcr.io/acme/app"),
        ("https://github.com/acme/repo/pkgs/container/app/123?tag=1.0", "ghcr.io/acme/app:1.0"),
        ("https://ghcr.io/acme/app:1.0", "ghcr.io/acme/app:1.0"),
        ("https://ghcr.io/v2/acme/app/manifests/1.0", "ghcr.io/acme/app:1.0"),
        (f"{AWS}/team/app?region=eu-west-1", f"{ECR}/team/app"),
        (f"{AWS}/team/app/_/image/{DIGEST}/details?region=eu-west-1", f"{ECR}/team/app@{DIGEST}"),
        ("https://console.aws.amazon.com/ecr/repositories/private/123456789012/app?region=eu-west-1", f"{ECR}/app"),
        ("https://gallery.ecr.aws/nginx/nginx", "public.ecr.aws/nginx/nginx"),
        (f"{GOOGLE}/artifacts/docker/p/europe-west1/repo/app?project=p", "europe-west1-docker.pkg.dev/p/repo/app"),
        (
            f"{GOOGLE}/artifacts/docker/p/europe-west1/repo/app/{DIGEST};tab=overview",
            f"europe-west1-docker.pkg.dev/p/repo/app@{DIGEST}",
        ),
        (f"{GOOGLE}/gcr/images/p/EU/app", "eu.gcr.io/p/app"),
        ("https://mcr.microsoft.com/en-us/product/dotnet/sdk/tags", "mcr.microsoft.com/dotnet/sdk"),
        ("https://codeberg.org/acme/-/packages/container/app/1.0", "codeberg.org/acme/app:1.0"),
        ("https://nexus.example.com/repository/docker/app", "nexus.example.com/repository/docker/app"),
    ],
)
def test_a_page_of_an_image(text: str, image: str) -> None:
    found = read_pasted_image(text)
    assert found is not None
    assert (found.image, found.problem) == (image, "")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("https://hub.docker.com/u/acme", "account on Docker Hub"),
        ("https://hub.docker.com/search?q=app", "not about one image"),
        ("https://quay.io/organization/acme", "page of Quay"),
        ("https://github.com/acme/repo", "page of GitHub"),
        ("github.com/acme/repo/releases", "page of GitHub"),
        ("https://github.com/orgs/acme/packages/container/app/123", "one version"),
        ("https://gitlab.com/group/project/container_registry/12", "lists the images"),
        ("https://git.example.com/group/project/-/container_registry", "lists the images"),
        ("https://gitlab.com/group/project", "page of GitLab"),
        ("https://harbor.example.com/harbor/projects/3/repositories/app/artifacts-tab", "Harbor"),
        ("https://acme.jfrog.io/ui/repos/tree/General/docker-local/app", "Artifactory"),
        ("https://portal.azure.com/#@acme.example/resource/subscriptions/1", "login server"),
        ("https://eu-west-1.console.aws.amazon.com/ecr/private-registry", "URI of the image"),
        ("https://console.cloud.google.com/artifacts?project=p", "Google Cloud"),
        ("docker pull $IMAGE", "variable"),
        ("docker pull a\ndocker pull b", "several images"),
        ("docker pull a b", "several images"),
        ("docker run -d", "no image"),
        ("docker run 'a", "not closed"),
    ],
)
def test_what_names_no_image_says_where_the_name_is(text: str, words: str) -> None:
    found = read_pasted_image(text)
    assert found is not None
    assert found.image == ""
    assert words in found.problem


@pytest.mark.parametrize(
    ("text", "image"),
    [
        ("docker run -d -it -p 80:80 -e A=b --name x --rm ghcr.io/acme/app:1 serve --port 80", "ghcr.io/acme/app:1"),
        ("docker run -p80:80 -v/a:/b -itd --network=host --gpus all nginx:1", "nginx:1"),
        ("docker run \\   -d  nginx", "nginx"),
        ("docker run \\\n  -e 'A=b c' \\\n  nginx", "nginx"),
        ("sudo podman container run -- nginx true", "nginx"),
        ("IMAGE=ghcr.io/acme/app:1\ndocker pull $IMAGE", "ghcr.io/acme/app:1"),
        ("docker pull ghcr.io/acme/app # latest", "ghcr.io/acme/app"),
        ("docker pull ghcr.io/acme/app && docker run ghcr.io/acme/app", "ghcr.io/acme/app"),
        ("➜  docker run -t -p 8080:80 -h box acme/app start -f", "acme/app"),
        ("sudo docker run --rm -t -d --name c -v ~/data:/data --env filename=x acme/app:latest/", "acme/app:latest"),
        ("acme/app:latest as build", "acme/app:latest"),
        ("ctr images pull docker.io/library/nginx:1", "docker.io/library/nginx:1"),
        ("skopeo inspect docker://quay.io/acme/app", "quay.io/acme/app"),
        ("crane digest ghcr.io/acme/app", "ghcr.io/acme/app"),
        ("kubectl run x --image=nginx:1", "nginx:1"),
        ("FROM --platform=linux/amd64 ghcr.io/acme/app:1 AS build", "ghcr.io/acme/app:1"),
        ('  - image: "ghcr.io/acme/app:1"  # ours', "ghcr.io/acme/app:1"),
        ("`ghcr.io/acme/app:1`", "ghcr.io/acme/app:1"),
        ('image = "ghcr.io/acme/app:1"', "ghcr.io/acme/app:1"),
        ("services:\n  web:\n    image: ghcr.io/acme/app:1\n    ports: ['80:80']", "ghcr.io/acme/app:1"),
        ('image:\n  repository: ghcr.io/acme/app\n  tag: "1.0"\n  pullPolicy: Always', "ghcr.io/acme/app:1.0"),
        (
            "image:\n  registry: ghcr.io\n  repository: acme/app\n  digest: sha256:" + "a" * 64,
            "ghcr.io/acme/app@sha256:" + "a" * 64,
        ),
        ("docker-image://ghcr.io/acme/app:1", "ghcr.io/acme/app:1"),
        ("https://catalog.ngc.nvidia.com/orgs/nvidia/teams/tao/containers/toolkit/tags", "nvcr.io/nvidia/tao/toolkit"),
    ],
)
def test_a_command_or_a_line(text: str, image: str) -> None:
    """LaMachine#170, conllueditor#20, loongcollector#697: commands as they stand in instructions."""
    found = read_pasted_image(text)
    assert found is not None
    assert (found.image, found.problem) == (image, "")


@pytest.mark.parametrize("text", ["", "nginx", "ghcr.io/acme/app:1", "a b", "ftp://x/y"])
def test_what_is_none_of_these(text: str) -> None:
    assert read_pasted_image(text) is None
    assert text_of_image(text) == text


def test_nothing_else_of_a_command_is_kept() -> None:
    assert text_of_image("docker run -e PASSWORD=s3cret nginx") == "nginx"
    assert text_of_image("docker run -e PASSWORD=s3cret $X") == ""


@pytest.mark.parametrize(
    "text",
    [
        "docker exec -it x sh",
        "machine registry.example.com login alice password s3cret",
        "registry.example.com alice s3cret",
        "REGISTRY_PASSWORD=s3cret",
        '{"auth": "s3cret"}',
    ],
)
def test_nothing_of_a_text_that_is_no_image_is_kept(text: str) -> None:
    assert read_pasted_image(text) is None
    assert text_of_image(text) == ""


@given(st.text(alphabet="docker pulnt:/@.-$'\"\\#?%=hub.com\n", max_size=200))
def test_any_text_ends(text: str) -> None:
    for whole in (text, f"docker run {text}", f"https://hub.docker.com/{text}", f"https://github.com/{text}"):
        text_of_image(whole)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("https://acme.azurecr.io", "address of a registry"),
        ("https://registry.example.com/", "address of a registry"),
        ("https://app.docker.com/accounts/acme", "console"),
        ("services:\n  a:\n    image: x/y\n  b:\n    image: x/z", "several images"),
    ],
)
def test_what_names_no_image_is_said(text: str, words: str) -> None:
    found = read_pasted_image(text)
    assert found is not None
    assert words in found.problem
