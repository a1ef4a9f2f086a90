"""What the database itself refuses, and the indexes that long lists need: written down here, asked of the database.

A constraint that leaves a model together with its migration fails here and nowhere else.
"""

from __future__ import annotations

import re

import pytest
from django.db import connection
from django.db.backends.utils import CursorWrapper

OURS = ("groups_", "portal_", "registries_")
UNIQUE = {
    "groups_blob name",
    "groups_containergroup project_id,name",
    "groups_enrolment code_hash",
    "groups_layer image_id,position",
    "groups_layerdelivery token_id,digest",
    "groups_nodemanifest image_id,node_id",
    "groups_nodetoken session_hash",
    "groups_nodetoken token_hash",
    "groups_outage registry",
    "groups_pullstep image_id,attempt,name",
    "portal_activity number",
    "portal_activity organization_id,number",
    "portal_addresschange token_hash",
    "portal_apikey key_hash",
    "portal_browsersession row_key",
    "portal_emailchoice organization_id,user_id",
    "portal_invitation token_hash",
    "portal_signinlimit key",
    "portal_linkedidentity provider_id,person_id",
    "portal_linkedidentity provider_id,subject",
    "portal_membership organization_id,user_id",
    "portal_notice occurrence_id,user_id",
    "portal_notice occurrence_id,webhook_id",
    "portal_organization slug",
    "portal_organization uuid",
    "portal_passwordreset token_hash",
    "portal_project organization_id,slug",
    "portal_project uuid",
    "registries_trust organization_id,host",
    "registries_trust project_id,host",
    "portal_providerlogout jti_hash",
    "portal_ssoprovider organization_id",
    "portal_ssosignin state_hash",
    "portal_supportlook failure_id,person_id,day",
    "portal_supportreader request_id,person_id",
    "portal_verifieddomain name",
    "portal_verifieddomain organization_id,name",
    "portal_user an expression",
    "portal_user email",
}
"""Table and columns."""
CHECKS = {
    "credential_sealed_or_destroyed",
    "invitation_role",
    "membership_role",
    "notice_to_one",
}
"""Those that are written in a model."""
INDEXES = {
    "activity_by_action",
    "groups_blob_organiz_d73e78_idx",
    "groups_cont_organiz_df3f4a_idx",
    "groups_fail_created_427967_idx",
    "groups_fail_organiz_135dfb_idx",
    "groups_fail_registr_a91a6f_idx",
    "groups_imag_organiz_f64071_idx",
    "groups_imag_status_526098_idx",
    "groups_imag_status_efeecb_idx",
    "groups_inst_state_e58733_idx",
    "groups_node_group_i_72a73b_idx",
    "groups_occu_organiz_e0646d_idx",
    "groups_occu_told_at_efa4c0_idx",
    "portal_apik_organiz_fc09cd_idx",
    "portal_invi_organiz_57985c_idx",
    "portal_noti_status_910bc1_idx",
    "portal_noti_webhook_10eb25_idx",
    "portal_supp_person__d95ff6_idx",
    "portal_supp_state_d80f96_idx",
    "registries__deadlin_c9c160_idx",
    "registries__organiz_f990ee_idx",
}
"""Those that are written in a model."""
REFERENCES = {
    "groups_blob.organization_id portal_organization",
    "groups_containergroup.created_by_id portal_user",
    "groups_containergroup.image_id groups_image",
    "groups_containergroup.next_image_id groups_image",
    "groups_containergroup.organization_id portal_organization",
    "groups_containergroup.project_id portal_project",
    "groups_enrolment.created_by_id portal_user",
    "groups_enrolment.node_id groups_node",
    "groups_failedattempt.organization_id portal_organization",
    "groups_failure.group_id groups_containergroup",
    "groups_failure.organization_id portal_organization",
    "groups_image.credential_id registries_credential",
    "groups_image.trust_id registries_trust",
    "groups_image.organization_id portal_organization",
    "groups_imagecheck.against_id groups_containergroup",
    "groups_imagecheck.created_by_id portal_user",
    "groups_imagecheck.credential_id registries_credential",
    "groups_imagecheck.project_id portal_project",
    "groups_imagecheck.trust_id registries_trust",
    "groups_imagecheck.organization_id portal_organization",
    "groups_instance.avoids_id groups_node",
    "groups_instance.group_id groups_containergroup",
    "groups_instance.node_id groups_node",
    "groups_layer.blob_id groups_blob",
    "groups_layer.image_id groups_image",
    "groups_layerdelivery.token_id groups_nodetoken",
    "groups_nodemanifest.image_id groups_image",
    "groups_nodemanifest.node_id groups_node",
    "groups_nodetoken.group_id groups_containergroup",
    "groups_nodetoken.image_id groups_image",
    "groups_nodetoken.instance_id groups_instance",
    "groups_nodetoken.node_id groups_node",
    "groups_nodetoken.organization_id portal_organization",
    "groups_occurrence.failure_id groups_failure",
    "groups_occurrence.group_id groups_containergroup",
    "groups_occurrence.organization_id portal_organization",
    "groups_pullstep.image_id groups_image",
    "groups_quota.organization_id portal_organization",
    "groups_redemption.token_id groups_nodetoken",
    "portal_addresschange.person_id portal_user",
    "portal_apikey.created_by_id portal_user",
    "portal_apikey.organization_id portal_organization",
    "portal_apikey.owner_id portal_user",
    "portal_apikey.project_id portal_project",
    "portal_browsersession.person_id portal_user",
    "portal_emailchoice.organization_id portal_organization",
    "portal_emailchoice.user_id portal_user",
    "portal_failurecase.failure_id groups_failure",
    "portal_invitation.accepted_by_id portal_user",
    "portal_invitation.invited_by_id portal_user",
    "portal_invitation.organization_id portal_organization",
    "portal_linkedidentity.person_id portal_user",
    "portal_linkedidentity.provider_id portal_ssoprovider",
    "portal_providerlogout.provider_id portal_ssoprovider",
    "portal_providersession.identity_id portal_linkedidentity",
    "portal_ssoprovider.organization_id portal_organization",
    "portal_ssosignin.provider_id portal_ssoprovider",
    "portal_verifieddomain.organization_id portal_organization",
    "portal_membership.organization_id portal_organization",
    "portal_membership.user_id portal_user",
    "portal_notice.occurrence_id groups_occurrence",
    "portal_notice.user_id portal_user",
    "portal_notice.webhook_id portal_webhook",
    "portal_passwordmail.person_id portal_user",
    "portal_passwordreset.person_id portal_user",
    "portal_project.organization_id portal_organization",
    "portal_supportlook.failure_id groups_failure",
    "portal_supportlook.person_id portal_user",
    "portal_supportmessage.author_id portal_user",
    "portal_supportmessage.request_id portal_supportrequest",
    "portal_supportreader.person_id portal_user",
    "portal_supportreader.request_id portal_supportrequest",
    "portal_supportrequest.failure_id groups_failure",
    "portal_supportrequest.organization_id portal_organization",
    "portal_supportrequest.user_id portal_user",
    "portal_webhook.created_by_id portal_user",
    "portal_webhook.organization_id portal_organization",
    "registries_credential.created_by_id portal_user",
    "registries_credential.organization_id portal_organization",
    "registries_trust.created_by_id portal_user",
    "registries_trust.organization_id portal_organization",
    "registries_trust.project_id portal_project",
    "registries_trustuse.organization_id portal_organization",
    "registries_trustuse.trust_id registries_trust",
}
"""Column and the table of the row."""


@pytest.fixture
def found(db: None) -> dict[str, set[str]]:
    """Names of checks and indexes, and columns of what is unique and of what refers to another table."""
    with connection.cursor() as cursor:
        tables = [name for name in connection.introspection.table_names(cursor) if name.startswith(OURS)]
        read = of_sqlite if connection.vendor == "sqlite" else of_any
        result: dict[str, set[str]] = {"unique": set(), "checks": set(), "indexes": set(), "references": set()}
        for table in tables:
            read(cursor, table, result)
        return result


def of_sqlite(cursor: CursorWrapper, table: str, result: dict[str, set[str]]) -> None:
    """Django's introspection takes a second, because it parses all tables."""
    cursor.execute("SELECT sql FROM sqlite_master WHERE type = 'table' AND name = %s", [table])
    result["checks"] |= set(re.findall(r'CONSTRAINT "(\w+)" CHECK', cursor.fetchone()[0]))
    cursor.execute('SELECT "from", "table" FROM pragma_foreign_key_list(%s)', [table])
    result["references"] |= {f"{table}.{column} {other}" for column, other in cursor.fetchall()}
    cursor.execute("SELECT name, \"unique\" FROM pragma_index_list(%s) WHERE origin != 'pk'", [table])
    for name, is_unique in cursor.fetchall():
        if not is_unique:
            result["indexes"].add(name)
            continue
        cursor.execute("SELECT name FROM pragma_index_info(%s) ORDER BY seqno", [name])
        columns = ",".join(column or "an expression" for (column,) in cursor.fetchall())
        result["unique"].add(f"{table} {columns}")


def of_any(cursor: CursorWrapper, table: str, result: dict[str, set[str]]) -> None:
    for name, row in connection.introspection.get_constraints(cursor, table).items():
        columns = ",".join(column or "an expression" for column in row["columns"] or ())
        if row["foreign_key"]:
            result["references"].add(f"{table}.{columns} {row['foreign_key'][0]}")
        elif row["check"]:
            result["checks"].add(name)
        elif row["unique"] and not row["primary_key"]:
            result["unique"].add(f"{table} {columns or 'an expression'}")
        elif row["index"]:
            result["indexes"].add(name)


def test_what_is_there_once(found: dict[str, set[str]]) -> None:
    assert {row for row in found["unique"] if not row.startswith("portal_user_")} == UNIQUE


def test_what_rows_may_not_hold(found: dict[str, set[str]]) -> None:
    assert found["checks"] >= CHECKS


def test_what_refers_to_a_row_that_must_exist(found: dict[str, set[str]]) -> None:
    assert {row for row in found["references"] if not row.startswith("portal_user_")} == REFERENCES


def test_what_is_found_without_reading_the_table(found: dict[str, set[str]]) -> None:
    assert found["indexes"] >= INDEXES
