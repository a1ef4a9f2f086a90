"""Addresses of one's own second factors. They have allauth's names, which its templates and redirects use."""

from __future__ import annotations

from django.urls import path

from portal.accounts import factor_views as views
from portal.accounts.views import no_such_page

urlpatterns = [
    path("", views.overview, name="mfa_index"),
    path("totp/activate/", views.add_app, name="mfa_activate_totp"),
    path("totp/deactivate/", views.remove_app, name="mfa_deactivate_totp"),
    path("webauthn/", views.list_passkeys, name="mfa_list_webauthn"),
    path("webauthn/add/", views.add_passkey, name="mfa_add_webauthn"),
    path("webauthn/login/", views.sign_in_with_passkey, name="mfa_login_webauthn"),
    path("webauthn/reauthenticate/", views.passkey_again, name="mfa_reauthenticate_webauthn"),
    path("webauthn/keys/<int:pk>/remove/", views.remove_passkey, name="mfa_remove_webauthn"),
    path("webauthn/keys/<int:pk>/edit/", views.rename_passkey, name="mfa_edit_webauthn"),
    path("recovery-codes/", views.view_recovery_codes, name="mfa_view_recovery_codes"),
    path("recovery-codes/generate/", views.generate_recovery_codes, name="mfa_generate_recovery_codes"),
    path("recovery-codes/download/", no_such_page, name="mfa_download_recovery_codes"),
]
