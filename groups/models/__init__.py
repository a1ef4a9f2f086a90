"""Rows of container groups, images and nodes. Status fields change through `groups.states` only."""

from groups.models.check import ImageCheck
from groups.models.delivery import LayerDelivery, NodeManifest, NodeToken, Redemption, UnusualPresentation
from groups.models.group import ContainerGroup, Failure
from groups.models.image import Image, Layer, PullStep
from groups.models.node import Enrolment, Instance, Node, Reception

__all__ = [
    "ContainerGroup",
    "Enrolment",
    "Failure",
    "Image",
    "ImageCheck",
    "Instance",
    "Layer",
    "LayerDelivery",
    "Node",
    "NodeManifest",
    "NodeToken",
    "PullStep",
    "Reception",
    "Redemption",
    "UnusualPresentation",
]
