"""Addresses below `/o/<org>/settings/notifications/`, in the namespace `portal`."""

from __future__ import annotations

from django.urls import path

from portal.notifications import views

_ROOT = "o/<slug:org>/settings/notifications/"
_HOOK = f"{_ROOT}webhooks/<uuid:webhook>/"

urlpatterns = [
    path(_ROOT, views.notifications, name="notifications"),
    path(f"{_ROOT}webhooks/", views.add_webhook, name="add_webhook"),
    path(_HOOK, views.webhook, name="webhook"),
    path(f"{_HOOK}log/", views.sent, name="webhook_log"),
    path(f"{_HOOK}rotate/", views.rotate, name="webhook_rotate"),
    path(f"{_HOOK}test/", views.test, name="webhook_test"),
    path(f"{_HOOK}switch/", views.switch, name="webhook_switch"),
    path(f"{_HOOK}delete/", views.delete, name="webhook_delete"),
    path(f"{_HOOK}log/<uuid:notice>/again/", views.send_again, name="webhook_again"),
]
