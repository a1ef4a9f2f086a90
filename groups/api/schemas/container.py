"""The container of a group: image, command, environment, resources. There is one schema each for creating, changing
and responses."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from groups.api.schemas.authentication import ContainerRegistryAuthentication
from groups.api.schemas.base import LINE, Shape, Word
from groups.api.schemas.logging import ContainerLogging
from groups.api.schemas.no_secrets import NO_SECRET, NO_SECRET_IN_COMMAND
from groups.rules.group_settings import MAX_GPU_CLASS_LENGTH, MAX_VARIABLES, VARIABLE_NAME

Image = Annotated[str, Field(min_length=1, max_length=2048, pattern=LINE), NO_SECRET]
Command = Annotated[list[Word] | None, Field(max_length=100), NO_SECRET_IN_COMMAND]
Value = Annotated[str, Field(max_length=2048, pattern=LINE)]
VariableName = Annotated[str, Field(min_length=1, max_length=255, pattern=f"^{VARIABLE_NAME}$")]
_OF_VARIABLES: Any = Field(max_length=MAX_VARIABLES, json_schema_extra={"additionalProperties": False})
Variables = Annotated[dict[VariableName, Value], _OF_VARIABLES]
ChangedVariables = Annotated[dict[VariableName, Value | None], _OF_VARIABLES]
Priority = Literal["high", "medium", "low", "batch"]
GpuClass = Annotated[str, Field(min_length=1, max_length=MAX_GPU_CLASS_LENGTH, pattern=LINE), NO_SECRET]
_Cpu = Annotated[int, Field(ge=1, le=1024)]
_Memory = Annotated[int, Field(ge=1024, le=1_073_741_824, description="In MB.")]
_Shm = Annotated[int, Field(ge=64, le=1_073_741_824, description="In MB.")]
_Storage = Annotated[int, Field(ge=1_073_741_824, le=1_125_899_906_842_624, description="In bytes.")]


class CreateContainerResourceRequirements(Shape):
    cpu: _Cpu
    memory: _Memory
    gpu_classes: list[GpuClass] | None = Field(None, max_length=100)
    shm_size: _Shm | None = None
    storage_amount: _Storage | None = None


class UpdateContainerResources(Shape):
    cpu: _Cpu | None = None
    memory: _Memory | None = None
    gpu_classes: list[GpuClass] | None = Field(None, max_length=100)
    shm_size: _Shm | None = None
    storage_amount: _Storage | None = None


class ContainerResourceRequirements(Shape):
    cpu: _Cpu
    memory: _Memory
    gpu_classes: list[str]
    shm_size: _Shm | None = None
    storage_amount: _Storage | None = None


class CreateContainer(Shape):
    image: Image
    resources: CreateContainerResourceRequirements
    command: Command = None
    environment_variables: Variables | None = None
    image_caching: bool | None = None
    logging: ContainerLogging | None = None
    priority: Priority | None = None
    registry_authentication: ContainerRegistryAuthentication | None = None


class UpdateContainer(Shape):
    """Fields that are present change. Environment variables are merged by name; null removes one."""

    image: Image | None = None
    resources: UpdateContainerResources | None = None
    command: Command = None
    environment_variables: ChangedVariables | None = None
    image_caching: bool | None = None
    logging: ContainerLogging | None = None
    priority: Priority | None = None
    registry_authentication: ContainerRegistryAuthentication | None = None


class Container(Shape):
    """`hash` and `size` (bytes, compressed) describe the image once it has been pulled. For a key with the scope
    read the words of the command, the values of environment variables and the texts of log targets are masked."""

    command: list[str] | None
    image: str
    resources: ContainerResourceRequirements
    environment_variables: dict[str, str]
    image_caching: bool | None = None
    logging: ContainerLogging | None = None
    hash: str | None = Field(None, pattern=r"^sha\d{1,3}:[a-fA-F0-9]{40,135}$")
    size: int | None = Field(None, ge=0)
