"""Addresses."""

from __future__ import annotations

from django.urls import re_path

from groups.delivery import views

app_name = "delivery"
urlpatterns = [
    re_path(r"^\Z", views.base, name="base"),
    re_path(r"^token\Z", views.token, name="token"),
    re_path(r"^(?P<name>.+)/manifests/(?P<reference>[^/]+)\Z", views.manifest, name="manifest"),
    re_path(r"^(?P<name>.+)/blobs/(?P<digest>[^/]+)\Z", views.blob, name="blob"),
    re_path(r"", views.nothing, name="nothing"),
]
