"""Addresses of the operators' pages, below `/admin/operations/`."""

from __future__ import annotations

from django.urls import path

from portal.operations import views

app_name = "operations"
urlpatterns = [
    path("", views.start, name="start"),
    path("health/", views.health_page, name="health"),
    path("queues/<slug:queue>/", views.queue_page, name="queue"),
    path("storage/", views.storage_page, name="storage"),
]
