"""`/api/docs`: every operation of both APIs on one page, read from their OpenAPI documents."""

from __future__ import annotations

from dataclasses import dataclass, field

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_GET

from portal.api.description import DescribedAPI, Document, document

METHODS = ("get", "post", "patch", "delete")
_ORDER = {method: position for position, method in enumerate(METHODS)}


@dataclass(frozen=True)
class Part:
    """A field of a request or response."""

    name: str
    kind: str
    required: bool
    words: str = ""


@dataclass(frozen=True)
class Call:
    """One operation."""

    method: str
    path: str
    name: str
    words: str
    answers: list[str]
    sends: list[Part] = field(default_factory=list)
    gets: list[Part] = field(default_factory=list)

    @property
    def anchor(self) -> str:
        return self.name


@dataclass(frozen=True)
class Described:
    """One API."""

    title: str
    words: str
    address: str
    calls: list[Call]


@require_GET
def docs(request: HttpRequest) -> HttpResponse:
    """Render the page. It contains nothing about any organization, so it is public."""
    from portal.api import public, v1

    context = {
        "apis": [describe(public), describe(v1)],
        "public_url": settings.PORTAL_PUBLIC_URL,
        "calls_a_minute": settings.PORTAL_API_CALLS_A_MINUTE,
    }
    return render(request, "portal/api_docs.html", context)


def describe(api: DescribedAPI) -> Described:
    """Read an API's OpenAPI document."""
    read = document(api)
    schemas = read["components"]["schemas"]
    calls = [
        _call(method, path, operation, schemas)
        for path, operations in read["paths"].items()
        for method, operation in sorted(operations.items(), key=lambda item: _ORDER.get(item[0], 9))
    ]
    address = reverse(f"{api.urls_namespace}:openapi-json")
    return Described(read["info"]["title"], read["info"]["description"], address, calls)


def _call(method: str, path: str, operation: Document, schemas: Document) -> Call:
    answers = operation["responses"]
    good: Document = next((answer for status, answer in answers.items() if int(status) < 400), {})
    return Call(
        method=method.upper(),
        path=path,
        name=operation["operationId"],
        words=operation.get("description", ""),
        answers=sorted(str(status) for status in answers),
        sends=_parts(operation.get("requestBody", {}), schemas),
        gets=_parts(good, schemas),
    )


def _parts(body: Document, schemas: Document) -> list[Part]:
    content: Document = next(iter(body.get("content", {}).values()), {})
    schema = _resolved(content.get("schema", {}), schemas)
    required = schema.get("required", [])
    return [
        Part(name, _kind(field), name in required, field.get("description", ""))
        for name, field in schema.get("properties", {}).items()
    ]


def _resolved(schema: Document, schemas: Document) -> Document:
    name = schema.get("$ref", "").rpartition("/")[2]
    found: Document = schemas.get(name, schema)
    return found


def _kind(schema: Document) -> str:
    """Return the type in a word or two."""
    if "$ref" in schema:
        return str(schema["$ref"].rpartition("/")[2])
    if "anyOf" in schema:
        return " or ".join(dict.fromkeys(_kind(option) for option in schema["anyOf"]))
    if schema.get("type") == "array":
        return f"list of {_kind(schema.get('items', {}))}"
    if "enum" in schema and len(schema["enum"]) <= 6:
        return " · ".join(str(value) for value in schema["enum"])
    return str(schema.get("format") or schema.get("const") or schema.get("type", "anything"))
