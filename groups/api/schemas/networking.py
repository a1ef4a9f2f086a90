"""How to reach containers. It is stored and returned; there is no gateway yet."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from groups.api.schemas.base import Port, Shape

Balancer = Literal["round_robin", "least_number_of_connections"]
_Milliseconds = Annotated[int, Field(ge=1, le=100_000)]


class CreateContainerGroupNetworking(Shape):
    auth: bool
    port: Port
    protocol: Literal["http"]
    load_balancer: Balancer = "round_robin"
    client_request_timeout: _Milliseconds = 100_000
    server_response_timeout: _Milliseconds = 100_000
    single_connection_limit: bool = False


class UpdateContainerGroupNetworking(Shape):
    port: Port | None = None


class ContainerGroupNetworking(Shape):
    """`dns` is a name that does not resolve."""

    auth: bool
    dns: str
    load_balancer: Balancer
    port: Port
    protocol: Literal["http"]
    client_request_timeout: _Milliseconds | None = None
    server_response_timeout: _Milliseconds | None = None
    single_connection_limit: bool | None = None
