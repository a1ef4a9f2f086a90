"""What browsers may do with responses, in addition to the content policy and Django's security headers."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

UNUSED = (
    "accelerometer", "ambient-light-sensor", "autoplay", "bluetooth", "browsing-topics", "camera", "clipboard-read",
    "display-capture", "encrypted-media", "fullscreen", "gamepad", "geolocation", "gyroscope", "hid", "idle-detection",
    "local-fonts", "magnetometer", "microphone", "midi", "otp-credentials", "payment", "picture-in-picture",
    "screen-wake-lock", "serial", "storage-access", "usb",
    "web-share", "window-management", "xr-spatial-tracking",
)  # fmt: skip
"""Features of browsers that no page uses."""
USED = ("clipboard-write", "publickey-credentials-create", "publickey-credentials-get")
"""Pages copy text to the clipboard, add passkeys and sign in with them."""
PERMISSIONS_POLICY = ", ".join([*(f"{feature}=()" for feature in UNUSED), *(f"{feature}=(self)" for feature in USED)])


class BrowserPolicyMiddleware:
    """Pages have no access to a device's features, and other sites can't embed any response."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        response.headers.setdefault("Cross-Origin-Resource-Policy", "same-origin")
        if response.headers.get("Content-Type", "").startswith("text/html"):
            response.headers.setdefault("Permissions-Policy", PERMISSIONS_POLICY)
        return response
