"""Web pages about images, as people copy their addresses from a browser: which image a page is about.

Sources: the addresses of the services themselves. A page that does not name its image is known as well, so that a
sentence can say where the name is.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl, unquote

_TAG = r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}"
_DIGEST = r"sha256:[0-9a-f]{64}"
_PART = r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}"
_PATH = rf"{_PART}(?:/{_PART}){{0,8}}"
_Groups = Mapping[str, str]


@dataclass(frozen=True)
class Page:
    """Addresses of one kind of page: patterns of the host and of the path, and the image that their groups and `at`,
    the host, and `query_tag` and `query_region` name. Without an image, `advice` says where the name is."""

    host: str
    path: str
    image: Callable[[_Groups], str] | None = None
    advice: str = ""


def _at(host: str, name: str, tag: str) -> str:
    version = f"@{tag}" if tag and tag.startswith("sha256:") else f":{tag}" if tag else ""
    return f"{host}{name.lower()}{version}"


def _hub(found: _Groups) -> str:
    return _at("", found.get("official") or found["name"], found.get("tag", ""))


def _github(found: _Groups) -> str:
    tag = found["query_tag"]
    if found["version"] and not tag:
        return ""
    return _at("ghcr.io/", f"{found['owner']}/{found['name']}", tag)


def _quay(found: _Groups) -> str:
    return _at("quay.io/", found["name"], found["digest"] or found["query_tag"])


def _ecr(found: _Groups) -> str:
    region = found["region"] or found["query_region"]
    if not re.fullmatch(r"[a-z]{2}(?:-[a-z]+){1,3}-[0-9]{1,2}", region):
        return ""
    suffix = "amazonaws.com.cn" if region.startswith("cn-") else "amazonaws.com"
    return _at(f"{found['account']}.dkr.ecr.{region}.{suffix}/", found["name"], found["digest"])


def _google(found: _Groups) -> str:
    project = found["project"].replace(":", "/")
    name = f"{project}/{found['repository']}/{found['name']}"
    return _at(f"{found['location']}-docker.pkg.dev/", name, found["digest"])


def _gcr(found: _Groups) -> str:
    where = found["location"].lower()
    host = "gcr.io" if where == "global" else f"{where}.gcr.io"
    return _at(f"{host}/", f"{found['project'].replace(':', '/')}/{found['name']}", found["digest"])


def _ngc(found: _Groups) -> str:
    return _at("nvcr.io/", "/".join(filter(None, (found["org"], found["team"], found["name"]))), "")


def _gitea(found: _Groups) -> str:
    tag = "" if found["tag"] == "versions" else found["tag"]
    return _at(f"{found['at']}/", f"{found['owner']}/{found['name']}", tag)


def _of_api(found: _Groups) -> str:
    return _at(f"{found['at']}/", found["name"], found["tag"])


def _on(host: str) -> Callable[[_Groups], str]:
    return lambda found: _at(f"{host}/", found["name"], found.get("tag", ""))


_COPY = "Copy the image's name, as it is written after docker pull"
ACCOUNT = "This is the page of an account on Docker Hub, not of an image. Enter the image, such as acme/app:1.0."
HUB = "This page of Docker Hub is not about one image. Enter the image, such as acme/app:1.0."
QUAY = "This page of Quay is not about one image. Enter the image, such as quay.io/acme/app:1.0."
GITHUB = (
    "This page of GitHub doesn't say which image is meant. Copy the image's name from the page of its package, such as "
    "ghcr.io/acme/app:1.0."
)
GITLAB_IMAGES = (
    "This page of GitLab lists the images of a project. Copy the name of one there, such as "
    "registry.gitlab.com/group/project/app:1.0."
)
GITLAB = (
    "This is a page of GitLab, not an image. Open Deploy, Container registry in the project and copy the image's name, "
    "such as registry.gitlab.com/group/project:1.0."
)
HARBOR = (
    "A page of Harbor names its project by a number only. Copy the pull command there, or enter the image, such as "
    "harbor.example.com/project/app:1.0."
)
ARTIFACTORY = "This is a page of Artifactory. Enter the image, such as acme.jfrog.io/docker-local/app:1.0."
AWS = (
    "This page of AWS doesn't say which image is meant. Copy the URI of the image or of its repository, such as "
    "123456789012.dkr.ecr.eu-west-1.amazonaws.com/app:1.0."
)
GOOGLE = (
    "This page of Google Cloud doesn't say which image is meant. Copy the image's path, such as "
    "europe-west1-docker.pkg.dev/project/repository/app:1.0."
)
AZURE = (
    "This is a page of Azure's portal, not an image. Enter the registry's login server and the repository, such as "
    "acme.azurecr.io/app:1.0."
)
CONSOLE = f"This is a page of the registry's console, not an image. {_COPY}."
VERSION_ONLY = (
    f"This page is about one version of an image, and its address doesn't name the tag or the place. {_COPY}."
)
_ANY_HOST = r"[\w.:-]+"
_HUB_NAME = rf"(?:_/(?P<official>{_PART})|(?:r|repository/docker|v2/repositories)/(?P<name>{_PART}/{_PART}))"
_HUB_TABS = r"(?:/(?:tags|builds|general|collaborators|webhooks|settings|overview|dockerfile)(?:/.*)?)?"
_GITHUB_NAME = rf"(?P<name>{_PATH}?)(?:/(?P<version>[0-9]+))?(?:/(?:versions|settings|manage))?"
_GITHUB_PACKAGE = rf"container/(?:package/)?{_GITHUB_NAME}"
_AWS_CONSOLE = r"(?:(?P<region>[a-z0-9-]+)\.)?console\.(?:aws\.amazon\.com|amazonaws\.cn|amazonaws-us-gov\.com)"
_ECR_IMAGE = rf"(?:/_(?:/image/(?P<digest>{_DIGEST}))?(?:/details)?)?"
_GOOGLE_PROJECT = r"(?P<project>[a-z0-9.:-]+)"
_CONSOLES = (
    r"cloud\.digitalocean\.com|console\.scaleway\.com|cloud\.oracle\.com|[\w.-]*console\.aliyun\.com"
    r"|(?:app\.)?cloudsmith\.(?:io|com)|app\.docker\.com|artifacthub\.io|catalog\.redhat\.com"
)
PAGES = (
    Page(r"(?:registry\.)?hub\.docker\.com", rf"{_HUB_NAME}(?::(?P<tag>{_TAG}))?{_HUB_TABS}", _hub),
    Page(r"hub\.docker\.com", rf"layers/(?P<name>{_PART}/{_PART})(?:/(?P<tag>{_TAG})(?:/images/.*)?)?", _hub),
    Page(r"registry\.hub\.docker\.com", rf"u/(?P<name>{_PART}/{_PART})", _hub),
    Page(r"store\.docker\.com", rf"(?:community/)?images/(?P<name>{_PART}(?:/{_PART})?)", _hub),
    Page(r"hub\.docker\.com", r"(?:u|orgs|repositories)/.*", advice=ACCOUNT),
    Page(r"hub\.docker\.com", r".*", advice=HUB),
    Page(
        r"(?:www\.)?quay\.io",
        rf"repository/(?P<name>{_PATH}?)(?:/(?:manifest/(?P<digest>{_DIGEST})|(?:image|tag)/.*))?",
        _quay,
    ),
    Page(r"(?:www\.)?quay\.io", r"(?:organization|user|search|repository|tutorial|signin)(?:/.*)?", advice=QUAY),
    Page(r"(?:www\.)?github\.com", rf"(?:orgs|users)/(?P<owner>{_PART})/packages/{_GITHUB_PACKAGE}", _github),
    Page(r"(?:www\.)?github\.com", rf"(?P<owner>{_PART})/{_PART}/(?:pkgs|packages)/{_GITHUB_PACKAGE}", _github),
    Page(r"(?:www\.)?github\.com", r".*", advice=GITHUB),
    Page(r"(?:www\.)?ghcr\.io", rf"(?P<name>{_PATH})/(?:versions|tags|packages?)", _on("ghcr.io")),
    Page(_ANY_HOST, r".*/container_registr(?:y|ies)(?:/.*)?", advice=GITLAB_IMAGES),
    Page(r"(?:www\.)?gitlab\.com", r".*", advice=GITLAB),
    Page(_ANY_HOST, r"harbor/(?:projects|sign-in|tags|user-projects)\b.*", advice=HARBOR),
    Page(_ANY_HOST, r"(?:ui/(?:repos|packages|native|login)\b|artifactory/(?:webapp|ui)\b).*", advice=ARTIFACTORY),
    Page(
        _AWS_CONSOLE,
        rf"ecr/repositories/private/(?P<account>[0-9]{{12}})/(?P<name>{_PATH}?){_ECR_IMAGE}",
        _ecr,
    ),
    Page(r"gallery\.ecr\.aws", rf"(?P<name>{_PART}/{_PATH})", _on("public.ecr.aws")),
    Page(rf"(?:{_AWS_CONSOLE}|gallery\.ecr\.aws)", r".*", advice=AWS),
    Page(
        r"console\.cloud\.google\.com",
        rf"artifacts/docker/{_GOOGLE_PROJECT}/(?P<location>[a-z0-9-]+)/(?P<repository>{_PART})/(?P<name>{_PATH}?)"
        rf"(?:/(?P<digest>{_DIGEST}))?(?:;.*)?",
        _google,
    ),
    Page(
        r"console\.cloud\.google\.com",
        rf"gcr/images/{_GOOGLE_PROJECT}/(?P<location>(?i:global|us|eu|asia))/(?P<name>{_PATH}?)"
        rf"(?:@(?P<digest>{_DIGEST}))?(?:/details(?:/.*)?)?(?:;.*)?",
        _gcr,
    ),
    Page(r"console\.cloud\.google\.com", r".*", advice=GOOGLE),
    Page(r"(?:[\w-]+\.)*portal\.azure\.(?:com|cn|us)", r".*", advice=AZURE),
    Page(
        r"mcr\.microsoft\.com",
        rf"(?:[a-z]{{2}}-[a-z]{{2}}/)?(?:product|artifact/mar)/(?P<name>{_PATH}?)"
        rf"(?:/(?:about|tags|tag/(?P<tag>{_TAG})))?",
        _on("mcr.microsoft.com"),
    ),
    Page(
        r"catalog\.ngc\.nvidia\.com",
        rf"orgs/(?P<org>{_PART})(?:/teams/(?P<team>{_PART}))?/containers/(?P<name>{_PART})(?:/tags)?",
        _ngc,
    ),
    Page(r"(?:catalog|org)\.ngc\.nvidia\.com", r".*", advice=CONSOLE),
    Page(_CONSOLES, r".*", advice=CONSOLE),
    Page(
        _ANY_HOST,
        rf"(?P<owner>{_PART})/-/packages/container/(?P<name>{_PATH}?)/(?P<tag>{_DIGEST}|{_TAG})",
        _gitea,
    ),
    Page(_ANY_HOST, rf"v2/(?P<name>{_PATH}?)/(?:tags/list|manifests/(?P<tag>{_DIGEST}|{_TAG}))", _of_api),
)
"""Those whose image is known come before what is said of all other pages of a host."""
_PATTERNS = [(re.compile(page.host), re.compile(page.path), page) for page in PAGES]
_MAX_LENGTH = 2048
_MAX_PARAMETERS = 50
_SITES = re.compile(
    r"(?i)(?:www\.)?(?:hub\.docker\.com|store\.docker\.com|github\.com|gitlab\.com|console\.|portal\.azure|gallery\.ecr"
    r"|[\w-]+\.console\.|cloud\.digitalocean|quay\.io/repository/|mcr\.microsoft\.com/(?:[a-z-]+/)?(?:product|artifact)/"
    r"|cloudsmith\.io/~|app\.cloudsmith)"
)
"""What an address of a page begins with if its scheme was left out: no registry is there."""


def image_of_page(address: str) -> tuple[str, str] | None:
    """Return the image that a web page is about, or why it isn't known; None if this is no such page. The scheme may
    be missing where no registry has that host."""
    scheme, separator, rest = address.partition("://")
    if not separator and not _SITES.match(address):
        return None
    if len(address) > _MAX_LENGTH or (separator and scheme.lower() not in ("http", "https")):
        return None
    rest = (rest if separator else address).partition("#")[0]
    place, _, query = rest.partition("?")
    host, _, path = place.partition("/")
    host, path = host.lower(), unquote(path).strip("/")
    given = dict(parse_qsl(query)) if query.count("&") < _MAX_PARAMETERS else {}
    tag = given.get("tag", "")
    values = {"at": host, "query_tag": tag if re.fullmatch(f"{_DIGEST}|{_TAG}", tag) else ""}
    values["query_region"] = given.get("region", "")
    for pattern, path_pattern, page in _PATTERNS:
        at = pattern.fullmatch(host)
        match = path_pattern.fullmatch(path) if at else None
        if at is None or match is None:
            continue
        if page.image is None:
            return "", page.advice
        groups = {name: value or "" for name, value in (at.groupdict() | match.groupdict()).items()}
        named = page.image(groups | values)
        return (named, "") if named else ("", VERSION_ONLY)
    return None
