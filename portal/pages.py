"""Addresses of the portal's own pages."""

from __future__ import annotations

from django.urls import path

from portal import views

app_name = "portal"
urlpatterns = [
    path("", views.home, name="home"),
    path("o/<slug:org>/", views.organization, name="organization"),
    path("o/<slug:org>/support/", views.support, name="support"),
    path("o/<slug:org>/support/stop-sharing/", views.stop_sharing, name="stop_sharing"),
]
