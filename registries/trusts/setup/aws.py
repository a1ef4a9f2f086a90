"""AWS: an identity provider and a role (IAM User Guide, "Create an OpenID Connect identity provider in IAM", and
"Create a role for OpenID Connect federation"; CloudFormation and the Terraform provider `aws`)."""

from __future__ import annotations

import json

from registries.providers.ecr_host import EcrHost, parse_host
from registries.trusts.setup.other_side import ANY, OtherSide, Step, Way, to_replace

_UNKNOWN = EcrHost("ACCOUNT_ID", "REGION", "aws", "", fips=False, api_suffix="amazonaws.com")
"""Before a host is entered."""
_READ = ["ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer", "ecr:BatchCheckLayerAvailability"]


def ways(side: OtherSide) -> tuple[Way, ...]:
    """Return the ways: AWS CLI, console, CloudFormation, Terraform."""
    place = parse_host(side.host) or _UNKNOWN
    account, name = _role(side, place)
    provider = f"arn:{place.partition}:iam::{account}:oidc-provider/{side.bare_issuer}"
    trust, pull = trust_policy(side, provider), pull_policy(place)
    return (
        Way("AWS CLI", (_shell(side, name, trust, pull),)),
        Way("Console", _console(side, trust, pull, name)),
        Way("CloudFormation", (_cloudformation(side, name, pull),)),
        Way("Terraform", (_terraform(side, name, pull),)),
    )


def trust_policy(side: OtherSide, provider: str) -> dict[str, object]:
    """Return the role's trust policy for an identity provider's ARN."""
    return {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"Federated": provider},
                "Action": "sts:AssumeRoleWithWebIdentity",
                "Condition": _condition(side),
            }
        ],
    }


def pull_policy(place: EcrHost) -> dict[str, object]:
    """Return what the role may do: sign in, and read one repository."""
    resource = f"arn:{place.partition}:ecr:{place.region}:{place.account}:repository/{ANY}"
    return {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Action": "ecr:GetAuthorizationToken", "Resource": "*"},
            {"Effect": "Allow", "Action": _READ, "Resource": resource},
        ],
    }


def _condition(side: OtherSide) -> dict[str, object]:
    audience, subject = {f"{side.bare_issuer}:aud": side.audience}, f"{side.bare_issuer}:sub"
    if side.pattern:
        return {"StringEquals": audience, "StringLike": {subject: side.pattern}}
    return {"StringEquals": {**audience, subject: side.subject}}


def _role(side: OtherSide, place: EcrHost) -> tuple[str, str]:
    """Return the account and the name of the role: the trust's, or the usual ones."""
    parts = side.settings.get("role_arn", "").split(":", 5)
    if len(parts) == 6:
        return parts[4], parts[5].rpartition("/")[2]
    return place.account, "drayage-pull"


def _text(document: object) -> str:
    return json.dumps(document, indent=2)


def _shell(side: OtherSide, name: str, trust: object, pull: object) -> Step:
    code = f"""aws iam create-open-id-connect-provider \\
  --url {side.issuer} \\
  --client-id-list {side.audience}
aws iam create-role --role-name {name} --assume-role-policy-document '{_text(trust)}'
aws iam put-role-policy --role-name {name} --policy-name pull --policy-document '{_text(pull)}'
aws iam get-role --role-name {name} --query Role.Arn --output text
"""
    return Step(f"{to_replace(code)} The last line prints the role's ARN.", code, "sh")


def _console(side: OtherSide, trust: object, pull: object, name: str) -> tuple[Step, ...]:
    return (
        Step("IAM, Identity providers, Add provider, OpenID Connect. Provider URL:", side.issuer),
        Step("Audience:", side.audience),
        Step(f"IAM, Roles, Create role, Custom trust policy. Name it {name}. Its trust policy:", _text(trust), "json"),
        Step(
            f"Add permissions, Create inline policy, JSON. {to_replace(_text(pull))}",
            _text(pull),
            "json",
        ),
        Step("Copy the role's ARN from its page."),
    )


def _cloudformation(side: OtherSide, name: str, pull: dict[str, object]) -> Step:
    template = {
        "AWSTemplateFormatVersion": "2010-09-09",
        "Resources": {
            "Issuer": {
                "Type": "AWS::IAM::OIDCProvider",
                "Properties": {"Url": side.issuer, "ClientIdList": [side.audience]},
            },
            "PullRole": {
                "Type": "AWS::IAM::Role",
                "Properties": {
                    "RoleName": name,
                    "AssumeRolePolicyDocument": trust_policy(side, "PROVIDER"),
                    "Policies": [{"PolicyName": "pull", "PolicyDocument": pull}],
                },
            },
        },
        "Outputs": {"RoleArn": {"Value": {"Fn::GetAtt": ["PullRole", "Arn"]}}},
    }
    code = _text(template).replace('"PROVIDER"', '{"Ref": "Issuer"}')
    return Step(f"Deploy this with CAPABILITY_NAMED_IAM. {to_replace(code)}", code, "json")


def _terraform(side: OtherSide, name: str, pull: object) -> Step:
    trust = _text(trust_policy(side, "PROVIDER")).replace('"PROVIDER"', "aws_iam_openid_connect_provider.drayage.arn")
    code = f"""resource "aws_iam_openid_connect_provider" "drayage" {{
  url            = "{side.issuer}"
  client_id_list = ["{side.audience}"]
}}

resource "aws_iam_role" "drayage" {{
  name               = "{name}"
  assume_role_policy = jsonencode({_indented(trust)})
}}

resource "aws_iam_role_policy" "drayage" {{
  name   = "pull"
  role   = aws_iam_role.drayage.id
  policy = jsonencode({_indented(_text(pull))})
}}

output "role_arn" {{
  value = aws_iam_role.drayage.arn
}}
"""
    return Step(to_replace(code), code, "hcl")


def _indented(text: str) -> str:
    return text.replace("\n", "\n  ")
