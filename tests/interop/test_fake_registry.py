"""The fake registry is real enough for stock clients."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.support.fakes.certificates import Authority
from tests.support.fakes.registry import FakeRegistry


@pytest.mark.interop
@pytest.mark.parametrize("auth", ["none", "basic", "bearer"])
@pytest.mark.parametrize("docker_types", [False, True])
def test_skopeo_copies_from_it(auth: str, docker_types: bool, tmp_path: Path) -> None:
    tls = Authority(tmp_path).issue("127.0.0.1") if docker_types else None
    with FakeRegistry(auth=auth, users={"alice": "wonderland"}, tls=tls, directory=tmp_path) as registry:
        pushed = registry.push_image("team/app", "1.0", [b"one", b"two"], docker_types=docker_types, index=True)
        source = ["--src-tls-verify=false", f"docker://{registry.host}/team/app:1.0"]
        login = [] if auth == "none" else ["--src-creds", "alice:wonderland"]
        policy = ["--insecure-policy", "--override-os", "linux", "--override-arch", "amd64"]
        command = ["skopeo", *policy, "copy", *login, *source, f"dir:{tmp_path / 'copy'}"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        assert registry.errors == []
    for digest in pushed.layer_digests:
        assert (tmp_path / "copy" / digest.partition(":")[2]).exists()
