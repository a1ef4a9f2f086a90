"""Addresses of single sign-on."""

from __future__ import annotations

from django.urls import path

from portal.accounts.sso import organization_views, views

app_name = "sso"
urlpatterns = [
    path("accounts/sso/", views.find, name="find"),
    path("accounts/sso/start/", views.portal_start, name="portal_start"),
    path("accounts/sso/again/", views.again, name="again"),
    path("accounts/sso/callback/", views.callback, name="portal_callback"),
    path("accounts/sso/connected/", views.connected, name="connected"),
    path("accounts/sso/connected/<uuid:identity>/disconnect/", views.disconnect, name="disconnect"),
    path("accounts/sso/<uuid:sign_in>/", views.wait, name="wait"),
    path("accounts/sso/<uuid:sign_in>/connect/", views.connect, name="connect"),
    path("accounts/sso/<int:organization>/callback/", views.callback, name="callback"),
    path("accounts/sso/<int:organization>/logout/", views.logout, name="logout"),
    path("o/<slug:org>/settings/sso/", organization_views.settings_page, name="settings"),
    path("o/<slug:org>/settings/sso/provider/", organization_views.save_provider, name="save_provider"),
    path("o/<slug:org>/settings/sso/policy/", organization_views.save_policy, name="save_policy"),
    path("o/<slug:org>/settings/sso/check/", organization_views.check_provider, name="check_provider"),
    path("o/<slug:org>/settings/sso/remove/", organization_views.remove_provider, name="remove_provider"),
    path("o/<slug:org>/settings/sso/domains/add/", organization_views.add_domain, name="add_domain"),
    path(
        "o/<slug:org>/settings/sso/domains/<uuid:domain>/check/", organization_views.check_domain, name="check_domain"
    ),
    path(
        "o/<slug:org>/settings/sso/domains/<uuid:domain>/remove/",
        organization_views.remove_domain,
        name="remove_domain",
    ),
]
