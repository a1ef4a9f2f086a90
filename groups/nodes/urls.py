"""Addresses."""

from __future__ import annotations

from django.urls import path, re_path

from groups.nodes import views

app_name = "nodes"
urlpatterns = [
    path("enrol", views.enrol, name="enrol"),
    path("poll", views.poll, name="poll"),
    path("key", views.key, name="key"),
    re_path(r"", views.nothing, name="nothing"),
]
