"""Failures about the image, and what the registry refuses to send of it."""

from __future__ import annotations

from typing import ClassVar

from registries.failures.base import Fault, PullFailed, Words


class ImageNotFound(PullFailed):
    code = "image_not_found"
    fault = Fault.CUSTOMER
    title = "There is no such image"
    text = "{host} has no image {repository} with the tag or digest {version}."
    remedy = (
        "Check the name and the tag, and that the image has been pushed. Some registries also answer this "
        "when the credentials may not see the repository."
    )
    cases: ClassVar[dict[str, Words]] = {
        "layer": Words(
            "The registry lacks a part of this image",
            "{host} has the image {repository}, but not all that belongs to it: {version} is missing.",
            "Push the image again. If the registry passes on images of another one, or removes what is unused, ask its "
            "operator.",
        ),
    }


class PlatformMissing(PullFailed):
    code = "platform_missing"
    fault = Fault.CUSTOMER
    title = "The image is not built for our nodes"
    text = "Nodes run {platform}; this image offers {offered}."
    remedy = "Build and push the image for {platform} (docker buildx build --platform {platform}), then try again."
    cases: ClassVar[dict[str, Words]] = {
        "several": Words(
            title,
            "Nodes run {platforms}; this image offers {offered}.",
            "Build and push the image for one of them, such as {platform} (docker buildx build --platform {platform}), "
            "then try again.",
        ),
        "chosen": Words(
            "The image is not built for the chosen platform",
            "This group is for {platform}; this image offers {offered}.",
            "Build and push the image for {platform} (docker buildx build --platform {platform}), then try again, or "
            "create the group again with another platform.",
        ),
    }


class UnsupportedManifest(PullFailed):
    code = "unsupported_manifest"
    fault = Fault.CUSTOMER
    title = "This is not an image that can be run"
    text = "The manifest can't be used: {reason}."
    remedy = "Push the image again with a current docker, podman or buildx, and try again."
    cases: ClassVar[dict[str, Words]] = {
        "artifact": Words(
            "This is not a container image",
            text,
            "Check the name and the tag: signatures, attestations, SBOMs, Helm charts and other artifacts often lie "
            "beside the image, under tags of their own.",
        ),
        "empty": Words(
            title,
            text,
            "Add files to the image, such as with COPY, push it again, and try again: it has nothing to run.",
        ),
        "encrypted": Words(
            title, text, "Push the image without encryption, and try again: the portal encrypts each layer itself."
        ),
        "outside": Words(
            title,
            text,
            "Push the image again with all of its layers, and try again. docker leaves out those of some base images "
            "unless its setting allow-nondistributable-artifacts names the registry.",
        ),
        "too_large": Words(
            "The image's manifest or config is too large",
            text,
            "Build the image with fewer or shorter labels, environment variables, annotations or platforms, push it "
            "again, and try again.",
        ),
        "too_many_layers": Words(
            "The image has too many layers",
            text,
            "Merge layers, such as with several commands in one RUN, with a last stage that copies what is needed, or "
            "with podman build --squash-all. Push the image again, and try again.",
        ),
    }


class DigestMismatch(PullFailed):
    code = "digest_mismatch"
    fault = Fault.REGISTRY
    retryable = True
    title = "The downloaded data does not match its digest"
    text = "The bytes of {what} that {who} sent don't match their digest or size. Nothing of them was kept."
    remedy = "Try again. If it stays so, push the image again, or tell the registry's operator."


class RegistryRefuses(PullFailed):
    """A status from 400 to 499 that is about neither the credentials nor the image's name. `reply` is the status with
    the registry's own code, if it has one."""

    code = "registry_refuses"
    fault = Fault.REGISTRY
    title = "{Part} refuses this request"
    text = "{Who} answered {reply}, and does not serve this request."
    remedy = (
        "Ask the registry's operator what {reply} means there. Once it is settled, try again: the credential does not "
        "need to be entered again while it is kept."
    )
    cases: ClassVar[dict[str, Words]] = {
        "policy": Words(
            "A policy of the registry blocks this image",
            "{Who} answered {reply}: a rule of its operator, such as one about vulnerabilities, signatures or "
            "quarantine, keeps this image from being pulled. The credentials are not the reason.",
            "Fix or approve the image at the registry, or ask its operator to exempt it. Then try again.",
        ),
        "payment": Words(
            "The registry asks for payment",
            "{Who} answered {reply}: the account's plan or its quota for downloads doesn't cover this pull.",
            "Check plan, billing and quota of the account at the registry. Then try again.",
        ),
        "legal": Words(
            "The registry may not serve this image here",
            "{Who} answered {reply}: for legal reasons it doesn't serve this image to where the portal runs.",
            "Ask the registry's operator, or push the image to another registry.",
        ),
        "busy": Words(
            "{Part} can't serve this request right now",
            "{Who} answered {reply}: something else has to end there first.",
            "Try again in a few minutes. If it stays so, ask the registry's operator what {reply} means there.",
        ),
    }
