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
class BodyField:
    """A field of a request or response. `kind` is its type in a word or two."""

    name: str
    kind: str
    required: bool
    description: str = ""


@dataclass(frozen=True)
class Operation:
    """One operation. `statuses` are those that it can respond with."""

    method: str
    path: str
    name: str
    description: str
    statuses: list[str]
    request_fields: list[BodyField] = field(default_factory=list)
    response_fields: list[BodyField] = field(default_factory=list)


@dataclass(frozen=True)
class DocumentedApi:
    """One API. `address` is that of its OpenAPI document."""

    title: str
    description: str
    address: str
    operations: list[Operation]


@require_GET
def docs(request: HttpRequest) -> HttpResponse:
    """Show the page. It contains nothing about any organization, so it is public."""
    from portal.api import public, v1

    context = {
        "apis": [describe(public), describe(v1)],
        "public_url": settings.PORTAL_PUBLIC_URL,
        "calls_a_minute": settings.PORTAL_API_CALLS_A_MINUTE,
    }
    return render(request, "portal/api_docs.html", context)


def describe(api: DescribedAPI) -> DocumentedApi:
    """Read an API's OpenAPI document."""
    read = document(api)
    schemas = read["components"]["schemas"]
    operations = [
        _operation(method, path, operation, schemas)
        for path, by_method in read["paths"].items()
        for method, operation in sorted(by_method.items(), key=lambda item: _ORDER.get(item[0], 9))
    ]
    address = reverse(f"{api.urls_namespace}:openapi-json")
    return DocumentedApi(read["info"]["title"], read["info"]["description"], address, operations)


def _operation(method: str, path: str, operation: Document, schemas: Document) -> Operation:
    responses = operation["responses"]
    success: Document = next((response for status, response in responses.items() if int(status) < 400), {})
    return Operation(
        method=method.upper(),
        path=path,
        name=operation["operationId"],
        description=operation.get("description", ""),
        statuses=sorted(str(status) for status in responses),
        request_fields=_fields(operation.get("requestBody", {}), schemas),
        response_fields=_fields(success, schemas),
    )


def _fields(body: Document, schemas: Document) -> list[BodyField]:
    content: Document = next(iter(body.get("content", {}).values()), {})
    schema = _resolved(content.get("schema", {}), schemas)
    required = schema.get("required", [])
    return [
        BodyField(name, _kind(field), name in required, field.get("description", ""))
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
