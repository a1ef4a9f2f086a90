"""Addresses below `/oidc/`."""

from __future__ import annotations

from django.urls import path

from portal.issuers import views

app_name = "issuers"
urlpatterns = [
    path("<uuid:issuer>/.well-known/openid-configuration", views.discovery, name="discovery"),
    path("<uuid:issuer>/jwks", views.jwks, name="jwks"),
]
