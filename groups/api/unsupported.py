"""Settings of a group that nodes don't support yet. They are stored and returned, and the description names them."""

from __future__ import annotations

from collections.abc import Mapping, Sized

UNSUPPORTED_OPTIONS = {
    "liveness_probe": "liveness_probe",
    "readiness_probe": "readiness_probe",
    "startup_probe": "startup_probe",
    "logging": "container.logging",
    "networking": "networking",
    "queue_autoscaler": "queue_autoscaler",
    "queue_connection": "queue_connection",
    "scaling-actions": "scaling-actions",
    "country_codes": "country_codes",
    "priority": "container.priority",
    "shm_size": "container.resources.shm_size",
    "storage_amount": "container.resources.storage_amount",
}


def describe_unsupported(options: Mapping[str, object]) -> str:
    """Return a sentence that names the unsupported settings among these; empty if there are none."""
    names = [name for key, name in UNSUPPORTED_OPTIONS.items() if options.get(key)]
    parts = [f"stored, but not supported by nodes yet: {', '.join(names)}"] if names else []
    classes = options.get("gpu_classes")
    if isinstance(classes, Sized) and len(classes) > 1:
        parts.append("only the first of gpu_classes is used")
    text = "; ".join(parts)
    return f"{text[0].upper()}{text[1:]}." if text else ""
