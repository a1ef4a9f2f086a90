"""Google: a pool, a provider in it, and who may read the repository (Google Cloud, "Configure Workload Identity
Federation with other identity providers"; the Terraform provider `google`)."""

from __future__ import annotations

from registries.trusts.setup.other_side import ANY, OtherSide, Step, Way, to_replace

_POOL = "drayage"


def ways(side: OtherSide) -> tuple[Way, ...]:
    """Return the ways: gcloud, console, Terraform."""
    return (
        Way("gcloud", (_shell(side),)),
        Way("Console", _console(side)),
        Way("Terraform", (_terraform(side),)),
    )


def condition(side: OtherSide) -> str:
    """Return the attribute condition (CEL) that lets in the subjects of the trust, and nobody else."""
    if side.pattern:
        return f"assertion.sub.startsWith('{side.pattern.rstrip('*')}')"
    return f"assertion.sub == '{side.subject}'"


def _principal(side: OtherSide, pool: str) -> str:
    """Return who is let in, as IAM names it."""
    where = f"//iam.googleapis.com/projects/{pool}"
    return f"principalSet:{where}/*" if side.pattern else f"principal:{where}/subject/{side.subject}"


def _numbers(side: OtherSide) -> tuple[str, str, str]:
    """Return project number, pool and provider: those of the trust, or the usual ones."""
    parts = side.settings.get("provider", "").split("/")
    return (parts[1], parts[5], parts[7]) if len(parts) == 8 else ("$PROJECT_NUMBER", _POOL, _POOL)


def _shell(side: OtherSide) -> Step:
    number, pool, provider = _numbers(side)
    location = side.host.partition("-docker.pkg.dev")[0] if "-docker.pkg.dev" in side.host else "LOCATION"
    member = _principal(side, f"{number}/locations/global/workloadIdentityPools/{pool}")
    account = side.settings.get("service_account", "")
    code = f"""PROJECT=PROJECT_ID
PROJECT_NUMBER=$(gcloud projects describe "$PROJECT" --format='value(projectNumber)')
gcloud iam workload-identity-pools create {pool} --project="$PROJECT" --location=global
gcloud iam workload-identity-pools providers create-oidc {provider} \\
  --project="$PROJECT" --location=global --workload-identity-pool={pool} \\
  --issuer-uri="{side.issuer}" \\
  --attribute-mapping="google.subject=assertion.sub" \\
  --attribute-condition="{condition(side)}"
"""
    if account:
        code += f"""gcloud iam service-accounts add-iam-policy-binding {account} \\
  --project="$PROJECT" --role=roles/iam.workloadIdentityUser --member="{member}"
gcloud artifacts repositories add-iam-policy-binding {ANY} --project="$PROJECT" --location={location} \\
  --role=roles/artifactregistry.reader --member="serviceAccount:{account}"
"""
    else:
        code += f"""gcloud artifacts repositories add-iam-policy-binding {ANY} --project="$PROJECT"
        --location={location} \\
  --role=roles/artifactregistry.reader --member="{member}"
"""
    code += f"""gcloud iam workload-identity-pools providers describe {provider} --project="$PROJECT" \\
  --location=global --workload-identity-pool={pool} --format='value(name)'
"""
    return Step(f"{to_replace(code)} The last line prints the provider's resource name.", code, "sh")


def _console(side: OtherSide) -> tuple[Step, ...]:
    return (
        Step(
            "IAM & Admin, Workload Identity Federation, Create pool. Name it drayage, and add a provider of the type "
            "OpenID Connect. Issuer:",
            side.issuer,
        ),
        Step("Audiences: leave Default audience. Attribute mapping: google.subject is", "assertion.sub"),
        Step("Attribute conditions, Condition CEL:", condition(side)),
        Step(
            "Artifact Registry, the repository, Permissions, Add principal, role Artifact Registry Reader. Principal:",
            _principal(side, f"{_numbers(side)[0]}/locations/global/workloadIdentityPools/{_numbers(side)[1]}"),
        ),
        Step("Copy the provider's resource name, from projects/ on."),
    )


def _terraform(side: OtherSide) -> Step:
    _, pool, provider = _numbers(side)
    name = "google_iam_workload_identity_pool.drayage.name"
    member = (
        f'"principalSet://iam.googleapis.com/${{{name}}}/*"'
        if side.pattern
        else f'"principal://iam.googleapis.com/${{{name}}}/subject/{side.subject}"'
    )
    code = f"""resource "google_iam_workload_identity_pool" "drayage" {{
  workload_identity_pool_id = "{pool}"
}}

resource "google_iam_workload_identity_pool_provider" "drayage" {{
  workload_identity_pool_id          = google_iam_workload_identity_pool.drayage.workload_identity_pool_id
  workload_identity_pool_provider_id = "{provider}"
  attribute_mapping                  = {{ "google.subject" = "assertion.sub" }}
  attribute_condition                = "{condition(side)}"
  oidc {{
    issuer_uri = "{side.issuer}"
  }}
}}

resource "google_artifact_registry_repository_iam_member" "drayage" {{
  location   = "LOCATION"
  repository = "{ANY}"
  role       = "roles/artifactregistry.reader"
  member     = {member}
}}

output "provider" {{
  value = google_iam_workload_identity_pool_provider.drayage.name
}}
"""
    return Step(to_replace(code), code, "hcl")
