"""Where to send the output of containers. It is stored and returned with masked secrets; nodes don't send logs yet.

A mask in a request means the stored secret.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from groups.api.schemas.base import Line, Port, Shape


class ContainerLoggingAxiom(Shape):
    host: Line
    api_token: Line
    dataset: Line


class ContainerLoggingDatadogTag(Shape):
    name: Line
    value: Line


class ContainerLoggingDatadog(Shape):
    host: Line
    api_key: Line
    tags: list[ContainerLoggingDatadogTag] | None = Field(None, max_length=1000)


class ContainerLoggingHttpHeader(Shape):
    name: Line
    value: Line


class ContainerLoggingHttp(Shape):
    host: Line
    port: Port
    format: Literal["json", "json_lines"]
    compression: Literal["none", "gzip"]
    headers: list[ContainerLoggingHttpHeader] | None = Field(None, max_length=1000)
    path: Line | None = None
    user: Line | None = None
    password: Line | None = None


class ContainerLoggingNewRelic(Shape):
    host: Line
    ingestion_key: Line


class ContainerLoggingSplunk(Shape):
    host: Line
    token: Line


class ContainerLoggingTcp(Shape):
    host: Line
    port: Port


class ContainerLogging(Shape):
    axiom: ContainerLoggingAxiom | None = None
    datadog: ContainerLoggingDatadog | None = None
    http: ContainerLoggingHttp | None = None
    new_relic: ContainerLoggingNewRelic | None = None
    splunk: ContainerLoggingSplunk | None = None
    tcp: ContainerLoggingTcp | None = None
