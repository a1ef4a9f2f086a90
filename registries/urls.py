"""Addresses below `/o/<org>/registries/`."""

from __future__ import annotations

from django.urls import path

from registries import views

app_name = "registries"
urlpatterns = [
    path("", views.credentials, name="list"),
    path("new/", views.new, name="new"),
    path("guides/<slug:kind>/", views.guide, name="guide"),
    path("<uuid:credential>/", views.detail, name="detail"),
    path("<uuid:credential>/edit/", views.edit, name="edit"),
    path("<uuid:credential>/destroy/", views.destroy, name="destroy"),
    path("<uuid:credential>/erase/", views.erase, name="erase"),
]
