"""Addresses below `/o/<org>/registries/`."""

from __future__ import annotations

from django.urls import path

from registries import trust_views, views

app_name = "registries"
urlpatterns = [
    path("", views.credentials, name="list"),
    path("new/", views.new, name="new"),
    path("guides/<slug:kind>/", views.guide, name="guide"),
    path("trusts/new/", trust_views.new, name="trust_new"),
    path("trusts/<uuid:trust>/", trust_views.detail, name="trust"),
    path("trusts/<uuid:trust>/edit/", trust_views.edit, name="trust_edit"),
    path("trusts/<uuid:trust>/remove/", trust_views.remove, name="trust_remove"),
    path("<uuid:credential>/", views.detail, name="detail"),
    path("<uuid:credential>/edit/", views.edit, name="edit"),
    path("<uuid:credential>/destroy/", views.destroy, name="destroy"),
    path("<uuid:credential>/erase/", views.erase, name="erase"),
]
