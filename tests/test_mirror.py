"""`tests/` mirrors the product: a module's test is found by its name, and what deviates is listed here.

`groups/rules/quotas.py` is tested by `tests/groups/rules/test_quotas.py`, or by several files whose names begin with
that (`test_quotas_….py`). A test that is about a whole folder has the folder's name and place.
"""

from __future__ import annotations

import ast
from pathlib import Path

from tests.support.product_modules import APPS, CHECKOUT, MODULES, TREES

TESTS = CHECKOUT / "tests"
SEVERAL = {
    "groups/api/test_group_lifecycle.py": "starting, stopping and changing groups by API",
    "groups/api/test_read_keys.py": "what a key that only reads sees",
    "groups/api/test_secrets.py": "secrets in the wrong place of a request",
    "groups/ingest/test_failures.py": "pulls that fail, step by step",
    "groups/ingest/test_memory.py": "the memory that a pull takes",
    "groups/ingest/test_pull.py": "pulls that succeed",
    "groups/ingest/test_retry.py": "pulls that are tried again",
    "groups/nodes/test_many_at_once.py": "many nodes at once",
    "groups/nodes/test_row_locks.py": "which rows polls and moves lock, and in which order",
    "groups/test_recording.py": "what actions on groups and nodes record",
    "portal/accounts/test_account_pages.py": "that all pages of accounts have the portal's frame",
    "portal/admin/test_operator_actions.py": "what operators do to organizations and pulls",
    "portal/admin/test_registered_models.py": "every model in the admin",
    "portal/api/test_documents.py": "the OpenAPI documents",
    "portal/test_constraints.py": "constraints and indexes of the database",
    "portal/test_database_writer.py": "that the database and the sign-in page give no code for a node",
    "portal/test_database_writer_keys.py": "that the database alone gives no API key and no invitation",
    "portal/test_stolen_copy.py": "that nothing in the database and in Redis is a bearer",
    "portal/test_stolen_web_host.py": "that the web zone's keys and the database open nothing",
    "portal/audit/test_lock_order.py": "the order in which actions lock",
    "portal/management/test_third_party_commands.py": "commands of other packages",
    "portal/operations/test_agreement.py": "that sweeper, metrics and pages agree",
    "portal/organizations/test_deactivated_accounts.py": "what an account gets that an operator has deactivated",
    "portal/organizations/test_unproven_accounts.py": "accounts that whoever invites made with somebody's address",
    "portal/organizations/test_recording.py": "what actions on organizations record",
    "portal/support/test_recording.py": "what actions of support record",
    "registries/federation/exchanges/test_cloud_sdks.py": "the clouds' own libraries at the fakes",
    "registries/federation/exchanges/test_refused_tokens.py": "tokens that no cloud may take",
    "registries/oci/test_hostile.py": "registries that attack the client",
    "registries/providers/test_complete.py": "that a provider has all its parts",
    "registries/providers/test_contract.py": "what holds for every provider",
    "registries/providers/test_public.py": "the kinds that are pulled without a credential",
}
"""Tests that are about no single module, and what they are about."""
TESTED_BY = {
    "groups/agent/test_identity.py": ["groups.agent.files"],
    "groups/agent/test_opening.py": ["groups.agent.order"],
    "groups/api/test_container_groups.py": [
        "groups.api.credentials",
        "groups.api.patch",
        "groups.api.representations",
        "groups.api.schemas.countries",
        "groups.api.schemas.no_secrets",
        "groups.api.unsupported",
    ],
    "groups/api/test_group_lifecycle.py": ["groups.api.instances", "groups.api.quotas"],
    "groups/api/test_lookup.py": ["groups.api.errors"],
    "groups/api/test_records.py": ["groups.api.checks"],
    "groups/delivery/test_sending.py": ["groups.delivery.blob_responses"],
    "groups/delivery/test_tokens.py": ["groups.delivery.ledger"],
    "groups/delivery/test_views.py": ["groups.delivery.errors"],
    "groups/ingest/test_failures.py": ["groups.ingest.pipeline"],
    "groups/ingest/test_pull.py": ["groups.jobs"],
    "groups/nodes/test_enrolment.py": ["groups.nodes.keys"],
    "groups/nodes/test_instance_orders.py": ["groups.nodes.instance_moves"],
    "groups/nodes/test_report.py": ["groups.nodes.problems"],
    "groups/nodes/test_reconcile.py": ["groups.nodes.instance_changes"],
    "groups/nodes/test_scheduler.py": ["groups.rules.node_room"],
    "groups/nodes/test_views.py": ["groups.nodes.poll"],
    "groups/rules/test_outage_detection.py": ["groups.rules.registry_traffic"],
    "groups/storage/test_store.py": ["groups.storage.blob_files"],
    "groups/web/test_ledger_views.py": ["groups.actions.tokens"],
    "groups/web/test_lifecycle_views.py": ["groups.web.group_page", "groups.web.requests"],
    "groups/web/test_new_group_views_reading.py": ["groups.web.image_field"],
    "groups/web/test_sign_in_confirmation.py": ["groups.queries.sign_in_offers"],
    "registries/federation/exchanges/test_exchange.py": [
        "registries.federation.exchanges.aws",
        "registries.federation.exchanges.azure",
        "registries.federation.exchanges.google",
        "registries.federation.exchanges.quay",
    ],
    "registries/providers/test_trust_kinds.py": [
        "registries.providers.acr_trust",
        "registries.providers.ecr_trust",
        "registries.providers.google_trust",
        "registries.providers.quay_trust",
        "registries.providers.trusts",
    ],
    "registries/trusts/test_actions.py": ["registries.secrets.trust_marks"],
    "registries/trusts/setup/test_other_side.py": [
        "registries.trusts.setup.aws",
        "registries.trusts.setup.azure",
        "registries.trusts.setup.google",
        "registries.trusts.setup.quay",
    ],
    "registries/test_trust_views.py": ["registries.forms.trust", "registries.trusts.other_sides"],
    "groups/api/test_trusts.py": ["registries.trusts.presentation"],
    "registries/federation/test_tokens.py": [
        "registries.federation.identities",
        "registries.federation.issuer",
        "registries.federation.subjects",
    ],
    "interop/test_agent_podman.py": [
        "groups.agent.__main__",
        "groups.agent.podman",
        "groups.agent.podman_form",
        "groups.agent.runtime",
    ],
    "interop/test_delivery_agent.py": [
        "groups.agent.events",
        "groups.agent.portal",
        "groups.agent.skopeo",
    ],
    "interop/test_slow_clients.py": ["portal.management.commands.serve"],
    "interop/test_up.py": [
        "portal.management.commands.demo",
        "portal.management.commands.up",
    ],
    "interop/test_whole_way.py": ["portal.management.commands.create_enrolment"],
    "portal/accounts/test_adapters.py": ["portal.accounts.forms", "portal.accounts.views"],
    "portal/admin/test_person_factors.py": ["portal.management.commands.reset_second_factors"],
    "portal/organizations/test_factor_requirement.py": ["portal.organizations.factor_views"],
    "portal/accounts/test_passkeys.py": ["portal.accounts.factor_forms"],
    "portal/accounts/test_kept_forms.py": ["portal.accounts.continue_views", "portal.templatetags.fresh_sign_in"],
    "portal/accounts/test_own_account.py": ["portal.accounts.own_forms", "portal.accounts.own_views"],
    "portal/accounts/test_session_views.py": [
        "portal.accounts.browser_sessions",
        "portal.accounts.session_actions",
        "portal.accounts.signed_in",
    ],
    "portal/accounts/test_password_mails.py": ["portal.accounts.jobs"],
    "portal/admin/test_people.py": [
        "portal.accounts.actions",
        "portal.admin.third_party",
    ],
    "portal/accounts/sso/test_actions_invited.py": ["portal.templatetags.single_sign_on"],
    "portal/accounts/sso/test_completion.py": [
        "portal.accounts.sso.forms",
        "portal.accounts.sso.views",
        "portal.accounts.sso.wakeups",
    ],
    "portal/accounts/sso/test_exchange.py": [
        "portal.accounts.sso.discovery",
        "portal.accounts.sso.id_token",
        "portal.accounts.sso.problems",
        "portal.accounts.sso.provider_connection",
    ],
    "portal/accounts/sso/test_domain_lookup.py": ["portal.accounts.sso.domains"],
    "portal/accounts/sso/test_organization_actions.py": [
        "portal.accounts.sso.organization_views",
        "portal.accounts.sso.provider_address",
    ],
    "portal/accounts/sso/test_session.py": ["portal.accounts.sso.access", "portal.accounts.sso.middleware"],
    "portal/accounts/sso/test_sign_ins.py": ["portal.accounts.sso.providers"],
    "portal/admin/test_organizations.py": ["portal.admin.organization_forms"],
    "portal/admin/test_registered_models.py": ["portal.admin.support"],
    "portal/api/test_access.py": [
        "portal.api.middleware",
        "portal.api.problems",
        "portal.api.reading",
    ],
    "portal/api/test_documents.py": ["groups.api.responses", "portal.api.description", "portal.api.docs"],
    "portal/audit/test_chain.py": ["portal.audit.erasure"],
    "portal/audit/test_export.py": ["portal.audit.export_slots"],
    "portal/audit/test_views.py": ["portal.audit.log"],
    "portal/config/test_env.py": [
        "portal.config.database",
        "portal.config.mail",
        "portal.config.sso",
        "portal.config.values",
    ],
    "portal/home/test_overview_views.py": ["portal.http.context"],
    "portal/home/test_search.py": ["portal.home.search_views"],
    "portal/http/test_compression.py": ["portal.operations.probes"],
    "portal/http/test_middleware.py": ["portal.http.request_id"],
    "portal/mail/test_console.py": ["portal.mail.sending"],
    "portal/management/commands/test_create_organization.py": ["portal.management.password_input"],
    "portal/management/test_third_party_commands.py": [
        "portal.management.commands.changepassword",
        "portal.management.commands.createsuperuser",
    ],
    "portal/notifications/test_sending.py": [
        "portal.notifications.jobs",
        "portal.notifications.subscriptions",
    ],
    "portal/notifications/test_views.py": ["portal.notifications.forms"],
    "portal/notifications/test_webhooks.py": ["portal.notifications.signing", "portal.notifications.wakeups"],
    "portal/operations/test_metrics.py": ["groups.queries.metrics"],
    "portal/operations/test_views.py": [
        "portal.operations.alerts",
        "portal.operations.storage",
        "portal.operations.workers",
    ],
    "portal/organizations/test_api_keys.py": [
        "portal.management.commands.create_api_key",
        "portal.organizations.api_key_rows",
        "portal.organizations.api_key_views",
    ],
    "portal/organizations/test_team_views.py": [
        "portal.organizations.errors",
        "portal.organizations.rules",
    ],
    "portal/runtime/test_http_connection.py": ["portal.runtime.transfer_buffers"],
    "portal/runtime/test_http_server.py": ["portal.runtime.http_requests"],
    "portal/support/desk/test_actions.py": ["portal.support.admin_log"],
    "portal/support/desk/test_queue.py": ["portal.support.desk.filters", "portal.support.targets"],
    "portal/support/desk/test_views.py": ["portal.support.queries"],
    "portal/support/test_conversations.py": ["portal.support.mails", "portal.support.readers"],
    "portal/support/test_views.py": ["portal.support.forms", "portal.templatetags.support"],
    "registries/forms/paste/test_commands.py": [
        "registries.forms.paste.arguments",
        "registries.forms.paste.cloud_commands",
        "registries.forms.paste.piped",
        "registries.forms.paste.requests",
        "registries.forms.paste.windows",
    ],
    "registries/forms/paste/test_images.py": ["registries.forms.paste.image_pages"],
    "registries/forms/paste/test_key_files.py": ["registries.forms.paste.kubernetes"],
    "registries/forms/paste/test_reading.py": ["registries.forms.paste.login"],
    "registries/forms/paste/test_variables.py": ["registries.forms.paste.blocks"],
    "registries/forms/paste/test_reading_selection.py": ["registries.forms.paste_messages"],
    "registries/forms/paste/test_shell.py": ["registries.forms.paste.quotes"],
    "registries/forms/test_credential.py": ["registries.forms.credential_data", "registries.forms.credential_fields"],
    "registries/oci/test_auth.py": ["registries.oci.login"],
    "registries/oci/test_auth_tokens.py": ["registries.oci.tokens"],
    "registries/oci/test_fetch.py": ["registries.oci.redirects"],
    "registries/oci/test_tags.py": ["registries.oci.rate_limits"],
    "registries/providers/test_contract.py": ["registries.providers.base"],
    "registries/providers/test_ecr.py": ["registries.providers.ecr_host"],
    "registries/providers/test_google.py": ["registries.providers.google_key"],
    "registries/test_views.py": ["registries.forms.fields"],
    "test_actions_record.py": ["registries.foundation.activity", "registries.foundation.actor"],
    "portal/test_settings.py": ["portal.http.browser_policy", "portal.http.message_storage"],
    "test_types.py": ["registries.foundation.generic_bases", "registries.foundation.requests"],
}
"""Modules without a test of their own, by the test that shows what they do: through a page, an API or a command."""


def files() -> list[Path]:
    """The tests of the apps, relative to the folder of tests."""
    return sorted(path.relative_to(TESTS) for app in APPS for path in (TESTS / app).rglob("test_*.py"))


def modules_of(test: Path) -> list[str]:
    """The modules or folders that a test is about by its name, as paths without a suffix."""
    name = test.stem.removeprefix("test_")
    words = name.split("_")
    names = {"_".join(words[:count]) for count in range(1, len(words) + 1)}
    folder = CHECKOUT / test.parent
    return [str(test.parent / name) for name in names if (folder / f"{name}.py").exists() or (folder / name).is_dir()]


def own_tests() -> dict[str, list[str]]:
    """The tests of each module or folder by dotted name."""
    found: dict[str, list[str]] = {}
    for test in files():
        for module in modules_of(test):
            found.setdefault(module.replace("/", "."), []).append(str(test))
    return found


def needs_a_test(name: str) -> bool:
    """Whether there is a function in the module. Declarations show in what uses them, and models in every test."""
    has_code = any(isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) for node in ast.walk(TREES[name]))
    return has_code and MODULES[name].name != "__init__.py" and "models" not in name.split(".")


def test_each_test_is_where_its_module_is() -> None:
    homeless = [str(test) for test in files() if not modules_of(test)]
    assert sorted(homeless) == sorted(SEVERAL)


def test_each_module_has_a_test_or_says_where_it_is_tested() -> None:
    own = own_tests()
    untested = {name for name in MODULES if needs_a_test(name) and not {name, name.rpartition(".")[0]} & own.keys()}
    elsewhere = [name for names in TESTED_BY.values() for name in names]
    assert len(elsewhere) == len(set(elsewhere))
    assert untested - set(elsewhere) == set()
    assert set(elsewhere) - untested == set(), "has a test of its own, or needs none"


def test_the_tests_that_are_named_exist() -> None:
    assert [test for test in TESTED_BY if not (TESTS / test).exists()] == []
