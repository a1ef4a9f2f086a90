"""Reads the host of an ECR registry: account, region, partition, and the AWS host that issues its tokens.

Source: the pattern of amazon-ecr-credential-helper, and the partitions of AWS's endpoint table.
"""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Partition:
    """A separate part of AWS: a pattern of its regions, the suffix of its API, and the suffixes of its registries."""

    name: str
    region: str
    api_suffix: str
    host_suffixes: tuple[str, ...]


PARTITIONS = (
    Partition(
        "aws-cn", r"cn-[a-z]+-[0-9]{1,2}", "amazonaws.com.cn", ("amazonaws.com.cn", "on.amazonwebservices.com.cn")
    ),
    Partition("aws-us-gov", r"us-gov-[a-z]+-[0-9]{1,2}", "amazonaws.com", ("amazonaws.com", "on.aws")),
    Partition(
        "aws-eusc", r"eusc-[a-z]{2}-[a-z]+-[0-9]{1,2}", "amazonaws.eu", ("amazonaws.eu", "on.amazonwebservices.eu")
    ),
    Partition("aws-iso", r"us-iso-[a-z]+-[0-9]{1,2}", "c2s.ic.gov", ("c2s.ic.gov",)),
    Partition("aws-iso-b", r"us-isob-[a-z]+-[0-9]{1,2}", "sc2s.sgov.gov", ("sc2s.sgov.gov",)),
    Partition("aws-iso-e", r"eu-isoe-[a-z]+-[0-9]{1,2}", "cloud.adc-e.uk", ("cloud.adc-e.uk",)),
    Partition("aws-iso-f", r"us-isof-[a-z]+-[0-9]{1,2}", "csp.hci.ic.gov", ("csp.hci.ic.gov",)),
    Partition("aws", r"(?!cn-)[a-z]{2}-[a-z]+-[0-9]{1,2}", "amazonaws.com", ("amazonaws.com", "on.aws")),
)

HOST_PATTERNS = {
    rf"([0-9]{{12}})\.dkr[.-]ecr(-fips)?\.({partition.region})\.{re.escape(suffix)}": partition
    for partition in PARTITIONS
    for suffix in partition.host_suffixes
}
"""Patterns of hosts, each with its partition. Their groups are account, the mark of FIPS endpoints, and region."""

PUBLIC_HOST = "public.ecr.aws"
PUBLIC_REGION = "us-east-1"
PUBLIC_API_HOST = f"api.ecr-public.{PUBLIC_REGION}.amazonaws.com"
"""The public registry, and where its tokens come from: one region for the whole world."""


@dataclass(frozen=True)
class EcrHost:
    """A private ECR registry: `123456789012.dkr.ecr.eu-west-1.amazonaws.com`. `api_suffix` is the domain of the
    partition's services."""

    account: str
    region: str
    partition: str
    api_host: str
    fips: bool
    api_suffix: str


def parse_host(host: str) -> EcrHost | None:
    """Read the host of a private ECR registry, port 443 allowed; None for any other host."""
    if not host.isascii():
        return None
    host = host.lower().removesuffix(":443")
    for pattern, partition in HOST_PATTERNS.items():
        if match := re.fullmatch(pattern, host):
            account, fips, region = match.groups()
            api_host = f"{'ecr-fips' if fips else 'api.ecr'}.{region}.{partition.api_suffix}"
            return EcrHost(account, region, partition.name, api_host, fips is not None, partition.api_suffix)
    return None
