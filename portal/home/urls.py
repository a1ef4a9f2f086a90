"""Addresses of the portal's own pages."""

from __future__ import annotations

from django.urls import include, path

from portal.audit import views as audit_views
from portal.home import overview_views, search_views
from portal.organizations import api_key_views, factor_views, invitation_views, member_views, team_views
from portal.support import views as support_views

app_name = "portal"
urlpatterns = [
    path("", overview_views.home, name="home"),
    path("o/<slug:org>/", overview_views.organization, name="organization"),
    path("o/<slug:org>/search/", search_views.search, name="search"),
    path("o/<slug:org>/support/", support_views.support, name="support"),
    path("o/<slug:org>/support/ask/", support_views.ask, name="ask"),
    path("o/<slug:org>/support/stop-sharing/", support_views.stop_sharing, name="stop_sharing"),
    path("o/<slug:org>/support/<uuid:asked>/", support_views.conversation, name="conversation"),
    path("o/<slug:org>/support/<uuid:asked>/reply/", support_views.reply, name="conversation_reply"),
    path("o/<slug:org>/support/<uuid:asked>/solve/", support_views.solve, name="conversation_solve"),
    path("o/<slug:org>/support/<uuid:asked>/share/", support_views.share, name="conversation_share"),
    path("o/<slug:org>/support/<uuid:asked>/stop-sharing/", support_views.unshare, name="conversation_unshare"),
    path("o/<slug:org>/settings/members/", team_views.members, name="members"),
    path("o/<slug:org>/settings/members/invite/", team_views.invite, name="invite"),
    path("o/<slug:org>/settings/members/second-factors/", factor_views.change, name="second_factors"),
    path("o/<slug:org>/settings/members/leave/", member_views.leave, name="leave"),
    path("o/<slug:org>/settings/members/<int:member>/role/", member_views.change_role, name="member_role"),
    path("o/<slug:org>/settings/members/<int:member>/remove/", member_views.remove, name="member_remove"),
    path("o/<slug:org>/settings/invitations/<uuid:invitation>/withdraw/", team_views.withdraw, name="withdraw"),
    path("o/<slug:org>/settings/activity/", audit_views.activity, name="activity"),
    path("o/<slug:org>/settings/activity/export.csv", audit_views.export_csv, name="activity_csv"),
    path("o/<slug:org>/settings/activity/export.jsonl", audit_views.export_json_lines, name="activity_json_lines"),
    path("o/<slug:org>/settings/api-keys/", api_key_views.keys, name="api_keys"),
    path("o/<slug:org>/settings/api-keys/create/", api_key_views.create, name="api_key_create"),
    path("o/<slug:org>/settings/api-keys/<uuid:key>/rotate/", api_key_views.rotate, name="api_key_rotate"),
    path("o/<slug:org>/settings/api-keys/<uuid:key>/take-over/", api_key_views.take_over, name="api_key_take_over"),
    path("o/<slug:org>/settings/api-keys/<uuid:key>/revoke/", api_key_views.revoke, name="api_key_revoke"),
    path("", include("portal.notifications.urls")),
    path("invitations/accept/", invitation_views.invitation, name="invitation_accept"),
    path("invitations/<str:token>/", invitation_views.open_invitation, name="invitation"),
]
