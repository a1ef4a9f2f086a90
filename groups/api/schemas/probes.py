"""Probes of containers. They are stored and returned; nodes don't run them yet."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from groups.api.schemas.base import LINE, Shape, Word

_AnyPort = Annotated[int, Field(ge=0, le=65536)]
_Tries = Annotated[int, Field(ge=1, le=20)]
_Delay = Annotated[int, Field(ge=0, le=1200)]
_Period = Annotated[int, Field(ge=1, le=120)]
_Successes = Annotated[int, Field(ge=1, le=10)]
_Timeout = Annotated[int, Field(ge=1, le=60)]


class ContainerGroupProbeExec(Shape):
    command: list[Word] = Field(min_length=1, max_length=100)


class ContainerGroupProbeGrpc(Shape):
    port: _AnyPort
    service: str = Field(max_length=1024, pattern=LINE)


class ContainerGroupProbeHttpHeader(Shape):
    name: str = Field(min_length=1, max_length=256, pattern=LINE)
    value: str = Field(min_length=1, max_length=1024, pattern=LINE)


class ContainerGroupProbeHttp(Shape):
    headers: list[ContainerGroupProbeHttpHeader] = Field(default_factory=list, max_length=50)
    path: Word
    port: _AnyPort
    scheme: Literal["http", "https"] | None = None


class ContainerGroupProbeTcp(Shape):
    port: int = Field(ge=0, le=65535)


class _Probe(Shape):
    exec: ContainerGroupProbeExec | None = None
    grpc: ContainerGroupProbeGrpc | None = None
    http: ContainerGroupProbeHttp | None = None
    tcp: ContainerGroupProbeTcp | None = None
    initial_delay_seconds: _Delay = 0


class ContainerGroupLivenessProbe(_Probe):
    failure_threshold: _Tries = 3
    period_seconds: _Period = 10
    success_threshold: _Successes = 1
    timeout_seconds: _Timeout = 30


class ContainerGroupReadinessProbe(_Probe):
    failure_threshold: _Tries = 3
    period_seconds: _Period = 1
    success_threshold: _Successes = 1
    timeout_seconds: _Timeout = 1


class ContainerGroupStartupProbe(_Probe):
    failure_threshold: _Tries = 15
    period_seconds: _Period = 3
    success_threshold: _Successes = 2
    timeout_seconds: _Timeout = 10
