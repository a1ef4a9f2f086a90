"""lscr.io: the images of LinuxServer.io, public, passed through to GitHub's registry, which gives the tokens
(getwud/wud#143)."""

from __future__ import annotations

from registries.providers.base import Provider, Section

LSCR = Provider(
    kind="lscr",
    name="LinuxServer.io",
    called="LinuxServer.io's registry",
    section=Section.PUBLIC,
    mark="LS",
    hosts=(r"lscr\.io",),
    host="lscr.io",
    fields=(),
    guide="registries/guides/lscr.html",
    hints={
        "authentication_failed": "Images here need no credential. Check the name: lscr.io/linuxserver/NAME.",
        "access_denied": "Images here need no credential, and it says the same where there is no such image: check the "
        "name, lscr.io/linuxserver/NAME.",
        "image_not_found": "See the image's tags on fleet.linuxserver.io. Images that have ended are removed.",
        "rate_limited": "GitHub, which serves these images, limits how often an address pulls. Wait a few minutes.",
        "registry_unreachable": "www.githubstatus.com tells whether GitHub Packages, which serves these images, has an "
        "outage.",
    },
)
