"""Addresses below `/o/<org>/<project>/groups/`. Other addresses beside a group's name can't be names of groups: `new`
is reserved, and no name begins with a hyphen."""

from __future__ import annotations

from django.urls import path

from groups.web import check_views, group_views, instance_views, ledger_views, lifecycle_views, new_group_views

app_name = "groups"
urlpatterns = [
    path("", group_views.groups, name="list"),
    path("-/rows/", group_views.rows, name="rows"),
    path("new/", new_group_views.new, name="new"),
    path("new/read/", new_group_views.read, name="read"),
    path("new/check/", check_views.check, name="check"),
    path("new/check/<uuid:check>/", check_views.checked, name="checked"),
    path("<slug:name>/", group_views.detail, name="detail"),
    path("<slug:name>/status/", group_views.status, name="status"),
    path("<slug:name>/start/", lifecycle_views.start, name="start"),
    path("<slug:name>/stop/", lifecycle_views.stop, name="stop"),
    path("<slug:name>/retry/", lifecycle_views.retry, name="retry"),
    path("<slug:name>/delete/", lifecycle_views.delete, name="delete"),
    path("<slug:name>/scale/", instance_views.scale, name="scale"),
    path("<slug:name>/instances/<uuid:instance>/restart/", instance_views.restart, name="instance_restart"),
    path("<slug:name>/instances/<uuid:instance>/recreate/", instance_views.recreate, name="instance_recreate"),
    path("<slug:name>/instances/<uuid:instance>/reallocate/", instance_views.reallocate, name="instance_reallocate"),
    path("<slug:name>/ledger/", ledger_views.ledger, name="ledger"),
    path("<slug:name>/ledger.csv", ledger_views.export, name="ledger_csv"),
    path("<slug:name>/ledger/<uuid:token>/revoke/", ledger_views.revoke, name="token_revoke"),
    path("<slug:name>/failures/<uuid:failure>/", lifecycle_views.failure, name="failure"),
]
