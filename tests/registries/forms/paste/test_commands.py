"""Logins in commands, as the programs and their shells read them."""

from __future__ import annotations

import pytest

from registries.forms.paste import Pasted, read, read_login
from registries.forms.paste.commands import NO_HOST, PLACEHOLDER, SEVERAL_HOSTS, UNKNOWN_HOST, UNKNOWN_USER
from registries.forms.paste.login import OF_AWS
from registries.forms.paste.piped import AMBIGUOUS_ECHO, FROM_ELSEWHERE

HOST = "registry.example.com"
ECR = "123456789012.dkr.ecr.eu-west-1.amazonaws.com"


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        (rf'docker login -u a -p "pa\$s" {HOST}', "pa$s"),
        (f"docker login -u a -p '$ecret1' {HOST}", "$ecret1"),
        (f"docker login -u=a -p=s3 {HOST}", "s3"),
        (f"docker login -u a -p s3 {HOST} # mine", "s3"),
        (f"docker --config /tmp/x login -u a -p s3 {HOST}", "s3"),
        (f"/usr/local/bin/docker login -u a -ps3 -- {HOST}", "s3"),
        (f"docker login -e none -u a -p s3 https://{HOST}/v2/", "s3"),
        (f"alice@box:~/src$ docker login -u a -p s3 {HOST}", "s3"),
        (f"# docker login -u a -p s3 {HOST}", "s3"),
        (f"export T='s $3'\necho \"$T\" | docker login {HOST} -u a --password-stdin", "s $3"),
        (f"printf '%s\\n' 's%3' | podman login {HOST} -u a --password-stdin", "s%3"),
        (f"printf 's3\\n' | podman login {HOST} -u a --password-stdin", "s3"),
        (f"echo two words | docker login {HOST} -u a --password-stdin", "two words"),
        (f"echo -n s3 | tr -d '\\n' | sudo -E docker login {HOST} -u a --password-stdin", "s3"),
        (f"docker login {HOST} -u a --password-stdin <<< 's3'", "s3"),
        (f"docker login {HOST} -u a --password-stdin <<EOF\ns\\$3\nEOF\n", "s$3"),
        (f"cat <<'EOF' | docker login {HOST} -u a --password-stdin\ns$3\nEOF", "s$3"),
        (f"helm registry login -u a -p s3 oci://{HOST}/charts", "s3"),
        (f"crane auth login {HOST} -u a -p s3", "s3"),
        (f"regctl registry login --user a --pass s3 {HOST}", "s3"),
        (f"oras login --username a --password s3 {HOST}", "s3"),
        (f"apptainer registry login -u a -p s3 oras://{HOST}", "s3"),
        (f"podman pull --creds a:s3 {HOST}/team/app", "s3"),
        (f"skopeo copy --src-creds=a:s3 docker://{HOST}/x dir:/tmp/x", "s3"),
        (f"curl -u 'a:s3' https://{HOST}/v2/_catalog", "s3"),
        (f"kubectl create secret docker-registry x --docker-server={HOST} --docker-username=a --docker-password s3",
         "s3"),
        (f"PS C:\\src> docker login -u a -p s3 {HOST}", "s3"),
        (f"ctr -n k8s.io images pull -u a:s3 {HOST}/team/app:1", "s3"),
        (f"skopeo inspect --username a --password s3 docker://{HOST}/team/app", "s3"),
        (f"skopeo copy --src-username a --src-password s3 docker://{HOST}/x dir:/tmp/x", "s3"),
        (f"podman pull --username a --password s3 {HOST}/team/app", "s3"),
        (f"helm pull oci://{HOST}/charts/x --username a --password s3", "s3"),
        (f"flux create secret oci x --url={HOST} --username=a --password=s3", "s3"),
        (f"argocd repo add {HOST} --type helm --enable-oci --username a --password s3", "s3"),
        (f"sh -c 'docker login -u a -p s3 {HOST}'", "s3"),
        (f'bash -lc "echo s3 | docker login -u a --password-stdin {HOST}"', "s3"),
        (f"- run: echo 's3' | docker login {HOST} -u a --password-stdin", "s3"),
        (f"script:\n  - \"docker login {HOST} -u a -p s3\"\n  - docker push x", "s3"),
        (f"RUN echo s3 | docker login {HOST} -u a --password-stdin", "s3"),
    ],
)  # fmt: skip
def test_a_login(text: str, secret: str) -> None:
    assert read_login(text) == Pasted(HOST, "a", secret)


@pytest.mark.parametrize(
    ("text", "note"),
    [
        (f"docker login -u a -p $T {HOST}", FROM_ELSEWHERE),
        (f'docker login -u a --password="${{T}}" {HOST}', FROM_ELSEWHERE),
        (f'docker login -u a -p "pa$s" {HOST}', FROM_ELSEWHERE),
        (f"cat token | docker login -u a --password-stdin {HOST}", FROM_ELSEWHERE),
        (f"docker login -u a --password-stdin {HOST} < token", FROM_ELSEWHERE),
        (f"echo 'a\\nb' | docker login -u a --password-stdin {HOST}", AMBIGUOUS_ECHO),
        (f"docker login -u $U -p s3 {HOST}", UNKNOWN_USER),
        (f"docker login -u robot$ci+app -p s3 {HOST}", UNKNOWN_USER),
        (f"aws ecr get-login-password | docker login -u AWS --password-stdin {ECR}", OF_AWS),
        (f"docker login -u AWS -p s3 {ECR}", OF_AWS),
    ],
)
def test_what_a_command_only_refers_to_is_said(text: str, note: str) -> None:
    login = read_login(text)
    assert login is not None
    assert login.note == note
    assert "s3" not in note


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (f"docker login -u <user> -p <token> {HOST}", PLACEHOLDER),
        ("docker login -u a -p s3 $REGISTRY", UNKNOWN_HOST),
        ("docker login $registry.LoginServer -u a -p s3", UNKNOWN_HOST),
        (f"(Get-ECRLoginCommand).Password | docker login --username AWS --password-stdin {ECR}", "PowerShell"),
        ("podman login -u a -p s3", NO_HOST),
        (f"docker login -u a -p s3 {HOST} another", SEVERAL_HOSTS),
        (f"docker login -u a -p 's3 {HOST}", "is opened and not closed"),
        (f"docker login -u a -p s(3 {HOST}", "parenthesis"),
        (f"PS C:\\> docker login -u a -p 's$3' {HOST}", "PowerShell"),
        (f"$env:T | docker login -u a --password-stdin {HOST}", "PowerShell"),
        (f"docker login -u a -p s`$3 `\n  {HOST}", "PowerShell"),
        (f"docker login -u a -p %TOKEN% {HOST}", "cmd"),
        (f"docker login -u a ^\r\n -p s^%3 {HOST}", "cmd"),
        (f'C:\\> docker.exe login -u a -p "s\\3" {HOST}', "Windows"),
        (f"docker login -u a -p “s3” {HOST}", "typographic"),
        ("$(aws ecr get-login --no-include-email --region us-east-1)", "12 hours"),
        ("eval `aws ecr get-login`", "12 hours"),
        ("az acr login --name acme", "az acr login signs in"),
        ("gcloud auth configure-docker europe-west1-docker.pkg.dev", "service account"),
        ("doctl registry login", "API token"),
        ("aws ecr get-login-password --region eu-west-1", "12 hours"),
        ("kubectl create secret docker-registry x --from-file=.dockerconfigjson=config.json", "content of that file"),
    ],
)
def test_what_can_not_be_read_is_said(text: str, words: str) -> None:
    """aws-tools-for-powershell#270, azure-docs.ja-jp#2489: logins for PowerShell; moby#25599: a host in a variable."""
    reading = read(text)
    assert reading.logins == ()
    assert words in reading.problem
    assert "s3" not in reading.problem


def test_several_commands_are_several_logins() -> None:
    text = f"docker login -u a -p x {HOST}; docker login -u b -p y ghcr.io"
    assert [login.host for login in read(text).logins] == [HOST, "ghcr.io"]


def test_podman_logs_in_to_a_part_of_a_registry() -> None:
    """containers-auth.json(5): `podman login quay.io/org2`."""
    assert read_login("podman login -u a -p s3 quay.io/org2") == Pasted("quay.io", "a", "s3", path="org2")
    assert read_login("docker login -u a -p s3 quay.io/org2") == Pasted("quay.io", "a", "s3")


def test_a_name_of_azure_without_its_domain() -> None:
    assert read_login("az acr login -n acme -u a -p s3") == Pasted("", "a", "s3", "acr")


@pytest.mark.parametrize("text", ["docker pull x", "make login", "docker ps", "I can't log in", "kubectl get pods"])
def test_what_is_no_login(text: str) -> None:
    assert not read(text).is_recognized
