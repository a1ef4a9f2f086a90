"""Addresses as pages show them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registries.foundation.address_mask import mask_address


@pytest.mark.parametrize(
    "address",
    [
        "https://hooks.example.com/drayage",
        "https://hooks.example.com:8443/v1/team-events/",
        "https://hooks.example.com/api/webhooks/team-1/notify.php",
        "https://example.com",
        "https://[2001:db8::1]/IncomingWebhook",
        "",
    ],
)
def test_a_plain_address_is_shown(address: str) -> None:
    assert mask_address(address) == address


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        (
            "https://hooks.slack.com/services/T024BE7LD/B01ABCDEF/aBcDeFgHiJkLmNoPqRsTuVwX",  # pragma: allowlist secret
            "https://hooks.slack.com/services/…/…/…",
        ),
        ("https://discord.com/api/webhooks/99999999999/x9-Y_z8", "https://discord.com/api/webhooks/…/…"),
        ("https://acme.example/hook?token=s3cret&team=a", "https://acme.example/hook?token=…&team=…"),
        ("https://acme.example/hook?s3cretS3cret", "https://acme.example/hook?…"),
        ("https://user:s3cret@acme.example/hook", "https://…@acme.example/hook"),
        ("https://acme.example/hook#s3cret", "https://acme.example/hook#…"),
        ("https://acme.example/7f3a9c1d-2b4e-4f60-8182-93a4b5c6d7e8", "https://acme.example/…"),
        ("https://[", "…"),
        ("s3cret", "…"),
    ],
)
def test_secret_parts_are_hidden(address: str, shown: str) -> None:
    assert mask_address(address) == shown


@given(st.text(max_size=200))
def test_any_text_has_a_shown_form(text: str) -> None:
    assert mask_address(mask_address(text)) is not None
    assert mask_address(f"https://a.example/{text}").startswith(("https://a.example/", "…"))
