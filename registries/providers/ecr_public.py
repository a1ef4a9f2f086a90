"""Amazon ECR Public, public.ecr.aws: public images; an access key only raises the limits.

Its tokens come from us-east-1 for the whole world (Amazon ECR Public API Reference, GetAuthorizationToken). The limits
are in "Amazon ECR Public service quotas".
"""

from __future__ import annotations

from registries.failures import AuthenticationFailed
from registries.oci.errors import Stage
from registries.providers.base import Provider, Section
from registries.providers.ecr import KEY_FIELDS, check_key, request_login
from registries.providers.ecr_host import PUBLIC_API_HOST, PUBLIC_HOST
from registries.providers.rules import Rule

ECR_PUBLIC = Provider(
    kind="ecr_public",
    name="Amazon ECR Public",
    section=Section.PUBLIC,
    mark="AWS",
    hosts=(r"public\.ecr\.aws",),
    host=PUBLIC_HOST,
    fields=KEY_FIELDS,
    checks=(check_key,),
    request=request_login,
    exchange_host=lambda host: PUBLIC_API_HOST,
    rules=(
        Rule(AuthenticationFailed, stages=(Stage.TOKEN,), statuses=(403,), words=("authorization token has expired",)),
    ),
    guide="registries/guides/ecr_public.html",
    hints={
        "authentication_failed": "Check both parts of the access key, and that it is active: IAM, Users, Security "
        "credentials. Without a credential the image can be pulled too.",
        "access_denied": "Check the name, which begins with the alias of the registry: public.ecr.aws/ALIAS/IMAGE. An "
        "access key needs ecr-public:GetAuthorizationToken and sts:GetServiceBearerToken on *.",
        "image_not_found": "See the image's tags on gallery.ecr.aws. Docker Hub's own images are named "
        "public.ecr.aws/docker/library/IMAGE.",
        "rate_limited": "Without a credential AWS limits how much an address, ours, pulls a month and a second. An "
        "access key of any AWS account raises both limits.",
        "credential_malformed": "Paste access key ID (AKIA… or ASIA…) and secret access key without quotes, or use no "
        "credential: images here are public.",
        "credential_expired": "A session token ends after minutes or hours. Make a new one, or use no credential.",
        "registry_unreachable": "health.aws.amazon.com tells of outages.",
    },
)
