"""What members type for a group: what comes out of it, and which field and fix an error names."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from groups.web.forms import DeleteForm, GroupForm, RetryForm
from registries.credential_rows import empty_credential
from registries.forms.credential import CredentialForm
from registries.models import Credential
from registries.oci.reference import Reference
from registries.providers import PROVIDERS
from tests.support.pulls import make_credential

HOST = "registry.example.com"
IMAGE = f"{HOST}/team/app:1.0"
GOOD = {
    "image": IMAGE,
    "credential": "",
    "name": "web",
    "replicas": "1",
    "cpu": "1",
    "memory_mb": "1024",
    "restart_policy": "always",
}
RTL, ZERO_WIDTH, FULL_WIDTH = "\u202e", "\u200b", "\uff11\uff12"


@pytest.fixture
def fill(project: Any) -> Any:
    """Return the form filled in well, but for what is named."""

    def filled(**values: Any) -> GroupForm:
        return GroupForm(GOOD | values, organization_id=project.organization_id)

    return filled


def test_everything_typed_comes_out_as_what_it_means(fill: Any) -> None:
    form = fill(
        replicas="500",
        command="""sh -c 'echo "two words"' \\"quoted\\" --flag=""",
        environment='LOG_LEVEL=info\r\n\r\n# a remark\r\nURL=https://x/?a=b\r\n_EMPTY=\r\nQUOTED="as is"',
        autostart="on",
    )

    assert form.is_valid(), form.errors
    clean = form.cleaned_data
    assert clean["image"] == Reference(HOST, "team/app", "1.0", None)
    assert clean["command"] == ["sh", "-c", 'echo "two words"', '"quoted"', "--flag="]
    assert clean["environment"] == {
        "LOG_LEVEL": "info", "URL": "https://x/?a=b", "_EMPTY": "", "QUOTED": '"as is"',
    }  # fmt: skip
    assert (clean["replicas"], clean["autostart"], clean["credential"]) == (500, True, None)


@pytest.mark.parametrize(
    "image",
    [
        "", "   ", "http://registry.example.com/app", "registry.example.com/Team/app", "registry.example.com/a//b",
        "../x", "x" * 300, "app:" + "t" * 129, "app:-x", "app@sha256:" + "a" * 63, "app@sha256:" + "A" * 64,
        "app@md5:" + "a" * 32, "app:1.0\n", "app%2e%2e", "app?x", "app#x", "app\\x", "app\0x", f"app{RTL}",
        f"a{ZERO_WIDTH}pp", f"app:{FULL_WIDTH}", "a:b:c", "x" * 100_000,
        # Hosts that no worker would connect to.
        "localhost/app", "registry.internal/app", "printer.local/app", "10.0.0.8/app", "169.254.169.254/app",
        "2130706433.0/app", "127.1:5000/app", f"{HOST}:22/app", f"{HOST}:0/app", f"{HOST}:65536/app",
    ],
)  # fmt: skip
def test_bad_references_are_errors_of_their_field(fill: Any, settings: Any, image: str) -> None:
    settings.PORTAL_REGISTRY_ALLOW_NETWORKS = ()
    form = fill(image=image)

    assert not form.is_valid()
    assert list(form.errors) == ["image"]
    assert len(str(form.errors["image"][0])) < 300


@pytest.mark.parametrize(
    ("image", "means"),
    [
        ("ubuntu", "docker.io/library/ubuntu:latest"),
        (f"{HOST.upper()}/team/app", f"{HOST}/team/app:latest"),
        (f"{IMAGE}@sha256:{'0' * 64}", f"{IMAGE}@sha256:{'0' * 64}"),
    ],
)
def test_short_references_are_no_errors(fill: Any, image: str, means: str) -> None:
    form = fill(image=image)

    assert form.is_valid(), form.errors
    assert str(form.cleaned_data["image"]) == means


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", ""), ("name", "a"), ("name", "Web"), ("name", "1web"), ("name", "web-"), ("name", "w b"),
        ("name", "web_1"), ("name", "w" * 64), ("name", "web\0"), ("name", f"web{FULL_WIDTH}"), ("name", "new"),
        ("replicas", "0"), ("replicas", "-1"), ("replicas", "501"), ("replicas", "1.5"), ("replicas", "many"),
        ("replicas", "9" * 5000),
        ("cpu", "0"), ("cpu", "17"), ("memory_mb", "127"), ("memory_mb", "61441"),
        ("command", "echo 'open"), ("command", "echo \\"), ("command", "a\0b"), ("command", "x" * 10_000),
        ("restart_policy", "sometimes"), ("credential", "not-an-id"), ("credential", "x\0"),
    ],
)  # fmt: skip
def test_bad_values_are_errors_of_their_field(fill: Any, field: str, value: str) -> None:
    form = fill(**{field: value})

    assert not form.is_valid()
    assert list(form.errors) == [field]


def test_bounds_are_named(fill: Any) -> None:
    form = fill(replicas="501", memory_mb="1")

    assert form.errors["replicas"] == ["Between 1 and 500."]
    assert form.errors["memory_mb"] == ["Between 128 and 61,440."]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("A=1\nno equals", "Line 2"),
        ("A=1\n\n=value", "Line 3"),
        ("1A=x", "Line 1"),
        ("A B=x", "Line 1"),
        ("A=1\nB=2\nA=canary-3", "Line 3"),
        ("A=1\nB=canary\x1b[31m", "Line 2"),
    ],
)
def test_errors_of_the_environment_name_the_line_and_no_value(fill: Any, text: str, line: str) -> None:
    form = fill(environment=text)

    assert not form.is_valid()
    assert line in form.errors["environment"][0]
    assert "canary" not in form.errors["environment"][0]


@pytest.mark.parametrize("text", ["A=\0", "A=" + "x" * 40_000, "\n".join(f"V{n}=1" for n in range(1000))])
def test_the_environment_is_bounded(fill: Any, text: str) -> None:
    form = fill(environment=text)

    assert not form.is_valid()
    assert list(form.errors) == ["environment"]


def test_credentials_of_this_organization_are_offered_while_they_live(fill: Any, project: Any, mallory: Any) -> None:
    mine = make_credential(project.organization, HOST)
    others = make_credential(mallory.organizations.get(), HOST)
    gone, late = make_credential(project.organization, HOST), make_credential(project.organization, HOST)
    empty_credential(gone.pk, reason="removed")
    Credential.objects.filter(pk=late.pk).update(deadline=timezone.now() - timedelta(seconds=1))

    assert list(Credential.objects.live().filter(organization=project.organization_id)) == [mine]
    assert fill(credential=str(mine.pk)).is_valid()
    texts = {str(fill(credential=str(each.pk)).errors["credential"][0]) for each in (others, gone, late)}
    unknown = fill(credential="11111111-2222-4333-8444-555555555555").errors["credential"][0]
    assert texts == {unknown}, "a stranger's credential must look like one that never was"
    assert HOST in str(fill()["credential"])


def test_a_credential_of_another_registry_is_refused_with_both_names(fill: Any, project: Any) -> None:
    other = make_credential(project.organization, "other.example.com")

    form = fill(credential=str(other.pk))
    assert not form.is_valid()
    text = form.errors["credential"][0]
    assert "other.example.com" in text
    assert HOST in text


def test_what_is_not_in_the_form_can_not_be_set(fill: Any) -> None:
    form = fill(status="running", organization_id="x", image_id="x", created_by_id="1")

    assert form.is_valid()
    assert not {"status", "organization_id", "image_id", "created_by_id"} & set(form.cleaned_data)


def test_deleting_asks_for_exactly_the_name() -> None:
    assert DeleteForm({"name": "web"}, expected="web").is_valid()
    for typed in ("", "Web", "web2", "web\0"):
        assert list(DeleteForm({"name": typed}, expected="web").errors) == ["name"]


@pytest.fixture
def retry(project: Any) -> Any:
    """Return the form that a failed pull is tried again with."""

    def filled(**values: str) -> RetryForm:
        return RetryForm(
            values, registry=HOST, live=Credential.objects.live().filter(organization=project.organization_id)
        )

    return filled


def test_retrying_takes_a_new_secret_a_kept_one_or_none(retry: Any, project: Any, mallory: Any) -> None:
    kept = make_credential(project.organization, HOST, hold="hour")
    elsewhere = make_credential(project.organization, "other.example.com")
    others = make_credential(mallory.organizations.get(), HOST)

    for use, credential, typed in (("new", None, True), ("none", None, False), (str(kept.pk), kept, False)):
        form = retry(use=use)
        assert form.is_valid()
        assert (form.kept, form.has_typed_credential) == (credential, typed)
    for bad in (str(elsewhere.pk), str(others.pk), "x", ""):
        assert not retry(use=bad).is_valid()


@pytest.mark.parametrize(
    "values",
    [
        {"username": "deploy", "password": ""},
        {"username": "", "password": "canary-secret"},
        {"username": "a:b", "password": "canary-secret"},
        {"username": "deploy", "password": "canary-secret\r\nX: y"},
        {"username": "deploy", "password": "canary-secret\0"},
        {"username": "deploy", "password": "canary-secret" * 100_000},
    ],
)
def test_a_secret_that_can_not_work_is_refused_and_never_shown_again(values: dict[str, str]) -> None:
    form = CredentialForm(values, provider=PROVIDERS["self_hosted"], host=HOST, name="for web")

    assert not form.is_valid()
    assert "canary" not in str(form)
    assert "canary" not in str(form.errors)


@pytest.mark.parametrize("field", ["name", "gpu"])
@pytest.mark.parametrize(
    "login",
    [
        "REGISTRY=registry.example.com REGISTRY_USER=alice REGISTRY_PASSWORD=canary-password",
        "machine registry.example.com login alice password canary-password",
        '{"clientId": "a", "clientSecret": "canary-password", "tenantId": "b"}',
    ],
)
@pytest.mark.django_db
def test_a_login_is_shown_in_no_field(acme: Any, field: str, login: str) -> None:
    form = GroupForm({"image": "nginx", field: login}, organization_id=acme.pk)
    assert "This looks like a login" in str(form.errors[field])
    assert "canary-password" not in form.as_p()
