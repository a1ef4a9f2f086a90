"""AWS on loopback: moto's server in a process of its own, with users, roles and signatures that are checked."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from typing import Any, Self

import boto3
import requests

ACCOUNT = "123456789012"

_SERVE = """
import sys
from moto.server import ThreadedMotoServer
server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
server.start()
print(server.get_host_and_port()[1], flush=True)
sys.stdin.read()  # until the tests end, in whatever way
server.stop()
"""


class FakeAws:
    """`url` answers for every service. Whoever asks may do anything, until `demand_permissions`."""

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [sys.executable, "-c", _SERVE],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={"HOME": "/nonexistent"},
            text=True,
        )
        assert self._process.stdout is not None
        port = self._process.stdout.readline().strip()
        assert port, "moto's server did not start"
        self.url = f"http://127.0.0.1:{port}"
        return self

    def __exit__(self, *exception: object) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.kill()  # it keeps nothing, and would take a second to end by itself
        self._process.wait(10)
        self._process.stdin.close()
        self._process.stdout.close()

    def add_user(self, name: str, actions: Sequence[str]) -> dict[str, str]:
        """Return the values of a new user's access key; the user may do `actions` and nothing else."""
        iam = self._client("iam")
        iam.create_user(UserName=name)
        if actions:
            iam.put_user_policy(UserName=name, PolicyName="may", PolicyDocument=_policy(actions))
        key = iam.create_access_key(UserName=name)["AccessKey"]
        return {"access_key_id": key["AccessKeyId"], "secret_access_key": key["SecretAccessKey"]}

    def assume_role(self, name: str, actions: Sequence[str]) -> dict[str, str]:
        """Return the temporary values of a new role that may do `actions`."""
        iam = self._client("iam")
        arn = iam.create_role(RoleName=name, AssumeRolePolicyDocument=_policy(["sts:AssumeRole"]))["Role"]["Arn"]
        iam.put_role_policy(RoleName=name, PolicyName="may", PolicyDocument=_policy(actions))
        key = self._client("sts").assume_role(RoleArn=arn, RoleSessionName="drayage")["Credentials"]
        return {
            "access_key_id": key["AccessKeyId"],
            "secret_access_key": key["SecretAccessKey"],
            "session_token": key["SessionToken"],
        }

    def demand_permissions(self, demanded: bool) -> None:
        """From now on, check signatures and policies, or don't."""
        with requests.Session() as session:
            session.trust_env = False
            answer = session.post(f"{self.url}/moto-api/reset-auth", data=b"0" if demanded else b"inf", timeout=10)
            answer.raise_for_status()

    def _client(self, service: str) -> Any:
        return boto3.session.Session().client(
            service,
            region_name="eu-west-1",
            endpoint_url=self.url,
            aws_access_key_id="AKIAANYBODYATALL0000",
            aws_secret_access_key="nothing-is-checked",  # pragma: allowlist secret
        )


def _policy(actions: Sequence[str]) -> str:
    statement = {"Effect": "Allow", "Action": list(actions), "Resource": "*"}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})
