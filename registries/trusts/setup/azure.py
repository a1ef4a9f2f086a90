"""Azure: an application with a federated credential for each subject, and the role AcrPull (Microsoft Entra, "Configure
an app to trust an external identity provider"; the Terraform providers `azuread` and `azurerm`).

Entra ID compares subjects exactly, so each project has a federated credential of its own; an application has at most
20.
"""

from __future__ import annotations

import json

from registries.trusts.setup.other_side import OtherSide, Step, Way, to_replace

_APP = "drayage-pull"


def ways(side: OtherSide) -> tuple[Way, ...]:
    """Return the ways: Azure CLI, portal, Terraform."""
    return (
        Way("Azure CLI", (_shell(side),)),
        Way("Azure portal", _portal(side)),
        Way("Terraform", (_terraform(side),)),
    )


def federated_credentials(side: OtherSide) -> list[dict[str, object]]:
    """Return the parameters of a federated credential for each project."""
    return [
        {"name": f"drayage-{slug}", "issuer": side.issuer, "subject": subject, "audiences": [side.audience]}
        for slug, subject in side.subjects.items()
    ]


def _registry(side: OtherSide) -> str:
    return side.host.partition(".azurecr.")[0] if ".azurecr." in side.host else "REGISTRY"


def _shell(side: OtherSide) -> Step:
    client = side.settings.get("client_id", "")
    first = (
        f"CLIENT_ID={client}\n"
        if client
        else f"CLIENT_ID=$(az ad app create --display-name {_APP} --query appId --output tsv)\n"
        'az ad sp create --id "$CLIENT_ID"\n'
    )
    credentials = "".join(
        f"az ad app federated-credential create --id \"$CLIENT_ID\" --parameters '{json.dumps(one)}'\n"
        for one in federated_credentials(side)
    )
    code = f"""{first}{credentials}az role assignment create --role AcrPull --assignee "$CLIENT_ID" \\
  --scope "$(az acr show --name {_registry(side)} --query id --output tsv)"
az account show --query tenantId --output tsv
echo "$CLIENT_ID"
"""
    return Step(f"{to_replace(code)} The last two lines print the tenant ID and the client ID.".strip(), code, "sh")


def _portal(side: OtherSide) -> tuple[Step, ...]:
    return (
        Step(f"Microsoft Entra ID, App registrations, New registration. Name it {_APP}."),
        Step(
            "Certificates & secrets, Federated credentials, Add credential, Other issuer. Issuer:",
            side.issuer,
        ),
        *(
            Step(f"Value (Subject identifier){_of_project(slug, side)}:", subject)
            for slug, subject in side.subjects.items()
        ),
        Step("Audience:", side.audience),
        Step(
            "The registry, Access control (IAM), Add role assignment: AcrPull, for the application. Then copy "
            "Application (client) ID and Directory (tenant) ID from the application's Overview."
        ),
    )


def _of_project(slug: str, side: OtherSide) -> str:
    return f" for the project {slug}, in a credential of its own" if len(side.subjects) > 1 else ""


def _terraform(side: OtherSide) -> Step:
    blocks = "".join(
        f"""
resource "azuread_application_federated_identity_credential" "{one["name"]}" {{
  application_id = azuread_application.drayage.id
  display_name   = "{one["name"]}"
  issuer         = "{side.issuer}"
  subject        = "{one["subject"]}"
  audiences      = ["{side.audience}"]
}}
"""
        for one in federated_credentials(side)
    )
    code = f"""resource "azuread_application" "drayage" {{
  display_name = "{_APP}"
}}

resource "azuread_service_principal" "drayage" {{
  client_id = azuread_application.drayage.client_id
}}
{blocks}
resource "azurerm_role_assignment" "drayage" {{
  scope                = data.azurerm_container_registry.registry.id
  role_definition_name = "AcrPull"
  principal_id         = azuread_service_principal.drayage.object_id
}}

data "azurerm_container_registry" "registry" {{
  name                = "{_registry(side)}"
  resource_group_name = "RESOURCE_GROUP"
}}

output "client_id" {{
  value = azuread_application.drayage.client_id
}}
"""
    return Step(to_replace(code), code, "hcl")
