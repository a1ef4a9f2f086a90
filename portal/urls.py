"""Every address of the portal."""

from __future__ import annotations

from allauth.account.decorators import secure_admin_login
from django.contrib import admin
from django.urls import include, path
from django.views.generic import RedirectView

from portal import api
from portal.accounts import continue_views, factor_views, own_views, session_views, views
from portal.api import docs
from portal.operations import metrics, probes

admin.site.site_header = "Drayage operations"
admin.site.site_title = "Drayage"
admin.site.index_title = "Operations"
admin.site.login = secure_admin_login(admin.site.login)  # type: ignore[method-assign]
admin.site.logout = views.signs_out(admin.site.logout)  # type: ignore[method-assign, assignment]
admin.site.password_change = RedirectView.as_view(  # type: ignore[method-assign, assignment]
    pattern_name="account_change_password"
)
admin.site.password_change_done = RedirectView.as_view(  # type: ignore[method-assign, assignment]
    pattern_name="account_change_password"
)

urlpatterns = [
    path("livez", probes.livez, name="livez"),
    path("readyz", probes.readyz, name="readyz"),
    path("metrics", metrics.metrics, name="metrics"),
    path("accounts/email/", views.no_such_page),
    path("accounts/confirm-email/", views.no_such_page),
    path("accounts/confirm-email/<str:key>/", views.no_such_page),
    path("accounts/profile/", own_views.profile, name="account_profile"),
    path("accounts/profile/name/", own_views.change_name, name="account_name"),
    path("accounts/profile/prove/", own_views.prove_address, name="account_prove_address"),
    path("accounts/profile/address/", own_views.change_address, name="account_address"),
    path("accounts/profile/new-address/", own_views.new_address, name="account_new_address"),
    path("accounts/profile/delete/", own_views.delete, name="account_delete"),
    path("accounts/address/<str:token>/", own_views.open_address_link, name="account_address_link"),
    path("accounts/password/change/", views.change_password, name="account_change_password"),
    path("accounts/password/reset/", views.reset_password, name="account_reset_password"),
    path("accounts/2fa/authenticate/", views.authenticate, name="mfa_authenticate"),
    path("accounts/2fa/reauthenticate/", views.reauthenticate, name="mfa_reauthenticate"),
    path("accounts/2fa/", include("portal.accounts.factor_urls")),
    path("accounts/password/remove/", factor_views.remove_password, name="account_remove_password"),
    path("accounts/continue/", continue_views.continue_form, name="account_continue"),
    path("accounts/sessions/", session_views.sessions, name="account_sessions"),
    path("accounts/sessions/end-others/", session_views.end_others, name="account_sessions_end"),
    path("accounts/sessions/<uuid:browser>/end/", session_views.end, name="account_session_end"),
    path("", include("portal.accounts.sso.urls")),
    path("accounts/", include("allauth.urls")),
    path("admin/operations/", include("portal.operations.urls")),
    path("admin/desk/", include("portal.support.desk.urls")),
    path("admin/rq/", RedirectView.as_view(pattern_name="operations:health")),  # kept for bookmarks
    path("admin/", admin.site.urls),
    path("api/docs", docs.docs, name="api_docs"),
    path("api/public/", api.public.urls),
    path("api/v1/", api.v1.urls),
    path("oidc/", include("portal.issuers.urls")),
    path("v2/", include("groups.delivery.urls")),
    path("node/v1/", include("groups.nodes.urls")),
    path("o/<slug:org>/registries/", include("registries.urls")),
    path("o/<slug:org>/<slug:project>/groups/", include("groups.urls")),
    path("", include("portal.home.urls")),
]
