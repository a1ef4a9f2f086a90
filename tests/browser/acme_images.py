"""The images that Acme runs in the sample organization: where they come from, their sizes, and their groups."""

from __future__ import annotations

from datetime import timedelta

from tests.browser.sample_images import SampleImage

ECR = "123456789012.dkr.ecr.eu-west-1.amazonaws.com"
GAR = "europe-west1-docker.pkg.dev"
OWN = "registry.acme.example"
LINES = [
    "ADD debian-bookworm.tar.gz /",
    "RUN apt-get update && apt-get install -y --no-install-recommends libgl1 ffmpeg",
    "RUN pip install --no-cache-dir torch==2.9.0 transformers==5.1",
    "COPY models /opt/models",
    "COPY app /app",
]
SIZES = [28_000, 16_000, 90_000, 43_000, 3_000]
MB = 1_000_000


def span(days: int = 0, hours: int = 0, minutes: int = 0, seconds: int = 0) -> timedelta:
    return timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)


IMAGES = (
    SampleImage(
        "render",
        "ghcr",
        "ghcr.io",
        "acme/render:2.4",
        4_120 * MB,
        span(3, 2),
        login="acme-builds",
        uses=2,
        credential="GitHub packages",
        settings={
            "replicas": 3,
            "cpu": 8,
            "memory_mb": 24_576,
            "gpu": "rtx4090",
            "command": ["serve", "--port", "80"],
            "environment": {"LOG_LEVEL": "info", "MODEL": "xl"},
        },
    ),
    SampleImage(
        "frontend",
        "docker_hub",
        "docker.io",
        "acme/frontend:8.1.2",
        184 * MB,
        span(0, 5),
        login="acmebuilds",
        by=1,
        settings={"replicas": 2, "cpu": 1, "memory_mb": 1024},
    ),
    SampleImage(
        "embeddings",
        "ecr",
        ECR,
        "search/embeddings:2026-11",
        2_310 * MB,
        span(6, 4),
        login="AWS",
        credential="ECR, pull only",
        settings={"replicas": 4},
    ),
    SampleImage(
        "nightly-batch",
        "quay",
        "quay.io",
        "acme/nightly:1184",
        912 * MB,
        span(0, 9),
        login="acme+drayage",
        uses=3,
        credential="Quay robot",
        settings={"replicas": 6, "restart_policy": "on_failure"},
    ),
    SampleImage(
        "ocr",
        "acr",
        "acme.azurecr.io",
        "docs/ocr:5.0",
        1_460 * MB,
        span(0, 1, 12),
        login="drayage-pull",
        by=1,
        settings={"replicas": 2},
    ),
    SampleImage(
        "thumbnails", "self_hosted", OWN, "web/thumbnails:1.9", 96 * MB, span(12, 7), settings={"replicas": 8, "cpu": 1}
    ),
    SampleImage(
        "detector",
        "google",
        GAR,
        "acme-prod/vision/detector:0.7",
        1_880 * MB,
        span(0, 0, 21),
        login="_json_key",
        by=1,
        settings={"replicas": 2, "gpu": "rtx4090"},
    ),
    SampleImage("whisper", "self_hosted", OWN, "speech/whisper:3.1", 0, span(0, 0, 9), settings={"replicas": 2}),
    SampleImage(
        "simulate",
        "ghcr",
        "ghcr.io",
        "acme/simulate:0.12-rc1",
        0,
        span(1, 3),
        login="acme-builds",
        by=1,
        credential="GitHub packages",
    ),
)
UPSCALE = SampleImage("upscale", "google", GAR, "acme-prod/vision/upscale:2.4", 4_120 * MB, span(seconds=41))
READER = "acme-prod, reader"
NOT_THERE = "simulate"
WRONG = "whisper"
