"""`up` with a demo organization, a private sample registry and one node, and a walk-through of one group.

With `DEMO_ONCE=1` it checks that what the node decrypted equals what the registry held, prints one JSON line with the
figures, and ends.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import socket
import sys
from pathlib import Path

from django.conf import settings
from django.core.management.base import CommandError

from groups.models import Node, NodeToken
from groups.nodes.enrolment import create_enrolment
from portal.accounts.actions import create_person, set_password
from portal.demo.image import sample_image
from portal.demo.registry import REPOSITORY, TAG
from portal.demo.walkthrough import Sample, Walkthrough, WalkthroughFailed, compare
from portal.management.commands import up
from portal.models import Organization, User
from portal.organizations.actions import create_organization
from portal.runtime.supervisor import Child, Supervisor
from registries.foundation.actor import CONSOLE
from registries.secrets.private_files import make_private, write_once

MEMBER = "demo@localhost"
NODE = "demo-node"
REGISTRY_USER = "deploy"


class Command(up.Command):
    help = "Run the portal with a demo organization, a private sample registry and one node."

    def start(self, supervisor: Supervisor) -> None:
        """Start the portal with loopback open, where the sample registry is."""
        os.environ.setdefault("PORTAL_REGISTRY_ALLOW_NETWORKS", "127.0.0.0/8")
        super().start(supervisor)

    def run(self, supervisor: Supervisor) -> None:
        """Run the walk-through once, then keep the portal running, or end if DEMO_ONCE is set."""
        self.folder = settings.PORTAL_DATA_DIR / "demo"
        make_private(self.folder)
        user, organization = self._people()
        sample = self._registry(supervisor)
        self._node(supervisor)
        once = os.environ.get("DEMO_ONCE", "") not in ("", "0")
        walkthrough = Walkthrough(organization, user, say=self.say, tend=supervisor.tend)
        try:
            if once or not NodeToken.objects.filter(organization=organization, ended_because="delivered").exists():
                walkthrough.run(sample)
                if once:
                    self._check(walkthrough)
                    return
        except WalkthroughFailed as problem:
            raise CommandError(str(problem)) from None
        super().run(supervisor)

    def _people(self) -> tuple[User, Organization]:
        """Create the demo's member and organization if they are missing; print how to sign in."""
        user = User.objects.filter(email=MEMBER).first() or create_person(MEMBER, None, by=CONSOLE)
        password = secrets.token_urlsafe(9)
        set_password(user, password, by=CONSOLE)
        organization = Organization.objects.filter(slug="demo").first() or create_organization(
            slug="demo", name="Demo", owner=user, by=CONSOLE
        )
        self.say(f"Member          {MEMBER}   password {password}")
        return user, organization

    def _registry(self, supervisor: Supervisor) -> Sample:
        """Start the sample registry; its address stays the same over restarts if the port is free."""
        secret = self.folder / "registry-password"
        if not secret.exists():
            secret.touch(mode=0o600)
            secret.write_text(secrets.token_urlsafe(18))
        port = _free_port(self.folder / "registry-port")
        command = [sys.executable, "-m", "portal.demo.registry", "--port", str(port)]
        command += ["--user", REGISTRY_USER, "--password-file", str(secret)]
        supervisor.start(Child("sample-registry", command))
        self.say(f"Sample image    127.0.0.1:{port}/{REPOSITORY}:{TAG}   user {REGISTRY_USER}, password in {secret}")
        return Sample(f"127.0.0.1:{port}/{REPOSITORY}:{TAG}", REGISTRY_USER, secret.read_text())

    def _node(self, supervisor: Supervisor) -> None:
        """Start the demo node. It enrols on its first start and keeps its identity."""
        home = self.folder / "node"
        if not Node.objects.filter(name=NODE, status=Node.Status.ACTIVE).exists():
            shutil.rmtree(home, ignore_errors=True)
        code = self.folder / "node-code"
        code.unlink(missing_ok=True)
        if not home.exists():
            write_once(code, create_enrolment(NODE, by=CONSOLE)[0].encode())
        command = [sys.executable, "-m", "groups.agent", "--portal", settings.PORTAL_PUBLIC_URL]
        command += ["--code-file", str(code), "--data", str(home), "--interval", "1", "--network", "none"]
        command += ["--keep-images", "--end-containers", "--platform", "linux/amd64"]
        supervisor.start(Child("node", command))

    def _check(self, walkthrough: Walkthrough) -> None:
        """Compare the node's layers with the registry's; print the figures."""
        compare(sample_image(), self.folder / "node" / "images")
        puller = "skopeo" if shutil.which("skopeo") else "own"
        self.say(json.dumps({"name": "demo", **walkthrough.figures, "puller": puller, "equal": True}))


def _free_port(kept: Path) -> int:
    """Return the port that was used before if it is free, else a free one."""
    for port in (int(kept.read_text()) if kept.exists() else 0, 0):
        try:
            with socket.create_server(("127.0.0.1", port)) as probe:
                kept.write_text(str(probe.getsockname()[1]))
                return int(probe.getsockname()[1])
        except OSError:
            continue
    raise CommandError("there is no free port for the sample registry")
