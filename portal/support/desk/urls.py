"""Addresses of the support desk, below `/admin/desk/`."""

from __future__ import annotations

from django.urls import path

from portal.support.desk import views

app_name = "desk"
urlpatterns = [
    path("", views.queue, name="queue"),
    path("pulse/", views.pulse, name="pulse"),
    path("<str:what>/<uuid:pk>/", views.case, name="case"),
]
