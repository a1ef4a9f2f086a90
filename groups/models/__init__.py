"""Rows of container groups, images and nodes. Status fields change through `groups.rules.states` only."""

from groups.models.attempt import FailedAttempt
from groups.models.blob import Blob
from groups.models.check import ImageCheck
from groups.models.delivery import LayerDelivery, NodeManifest, NodeToken, Redemption, UnusualPresentation
from groups.models.group import ContainerGroup, Failure
from groups.models.image import Image, Layer, PullStep
from groups.models.node import Enrolment, Instance, Node, Reception
from groups.models.occurrence import Occurrence
from groups.models.outage import Outage
from groups.models.quota import Quota
from groups.models.sweep import SweepPass

__all__ = [
    "Blob",
    "ContainerGroup",
    "Enrolment",
    "FailedAttempt",
    "Failure",
    "Image",
    "ImageCheck",
    "Instance",
    "Layer",
    "LayerDelivery",
    "Node",
    "NodeManifest",
    "NodeToken",
    "Occurrence",
    "Outage",
    "PullStep",
    "Quota",
    "Reception",
    "Redemption",
    "SweepPass",
    "UnusualPresentation",
]
