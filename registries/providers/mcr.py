"""Microsoft Artifact Registry (mcr.microsoft.com): Microsoft's own images, public, with no way to sign in."""

from __future__ import annotations

from registries.providers.base import Provider, Section

MCR = Provider(
    kind="mcr",
    name="Microsoft (MCR)",
    called="Microsoft's registry",
    section=Section.PUBLIC,
    mark="MCR",
    hosts=(r"mcr\.microsoft\.com", r"[a-z0-9-]{1,63}\.data\.mcr\.microsoft\.com"),
    host="mcr.microsoft.com",
    fields=(),
    guide="registries/guides/mcr.html",
    hints={
        "authentication_failed": "Images here need no credential. Check the name, for example on mcr.microsoft.com.",
        "access_denied": "Images here need no credential. Check the name: mcr.microsoft.com/dotnet/aspnet, for "
        "example.",
        "image_not_found": "See the image's tags on mcr.microsoft.com. Images that Microsoft has ended are removed.",
        "rate_limited": "Microsoft limits how often an address, ours, pulls. It works again after a while.",
        "registry_unreachable": "azure.status.microsoft tells of outages.",
    },
)
