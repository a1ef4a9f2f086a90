"""A deployed portal with nodes for benchmarks: PostgreSQL, the processes that serve, and where they are wanted Valkey
and workers.

Run as a module it is the process beside it (`tests.support.helper_process`) that makes rows with the project's own
code.
"""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Self

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from portal.config.env import CHECKOUT
from registries.foundation.actor import CONSOLE
from tests.support.helper_process import Beside, Calls, serve
from tests.support.postgresql import Postgres
from tests.support.processes import bare_environment, free_port, until_answers

TICKS = os.sysconf("SC_CLK_TCK")


class Fleet:
    """The portal and the keys of its nodes. `own_url` is where the web process listens. Calls to `hands` run beside
    it."""

    def __init__(self, folder: Path, *, workers: int = 0, **settings: str) -> None:
        self.folder, self._workers, self._settings = folder, workers, settings
        self.keys: dict[str, ec.EllipticCurvePrivateKey] = {}
        self.host, self.layers_host, self.own_url = "", "", ""
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        try:
            self._start()
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(self, *exception: object) -> None:
        self._stack.close()

    def hands(self, call: str, **arguments: Any) -> Any:
        """Have the process beside do something; return what it says."""
        return getattr(self._hands, call)(**arguments)

    def join(self, count: int) -> list[str]:
        """Enrol `count` nodes; return their ids."""
        keys = [ec.generate_private_key(ec.SECP256R1()) for _ in range(count)]
        pems = [key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode() for key in keys]
        ids: list[str] = self.hands("join", keys=pems)
        self.keys |= dict(zip(ids, keys, strict=True))
        return ids

    def web_cpu(self) -> float:
        """CPU seconds of the web process so far."""
        return _cpu(self._web.pid)

    def layers_memory(self) -> int:
        """Resident bytes of the process that sends layers."""
        return _memory(self._layers.pid)

    def database_cpu(self) -> float:
        """CPU seconds of PostgreSQL so far, ended processes of it included."""
        first = self._postgres.pid
        return _cpu(first, ended=True) + sum(_cpu(pid) for pid in _children(first))

    def _start(self) -> None:
        port, layers_port = free_port(), free_port()
        self.host, self.layers_host = f"127.0.0.1:{port}", f"127.0.0.1:{layers_port}"
        self.own_url = f"http://{self.host}"
        self.environment = bare_environment() | {
            "PORTAL_DATA_DIR": str(self.folder),
            "PORTAL_PUBLIC_URL": self.own_url,
            "PORT": str(port),
            "PORTAL_LAYERS_PORT": str(layers_port),
            "DJANGO_SETTINGS_MODULE": "portal.settings",
            **self._settings,
        }
        if not self._workers:
            self.environment["REDIS_URL"] = "redis://127.0.0.1:1/0"  # nobody listens there
        self.folder.mkdir(exist_ok=True)
        self._postgres = self._stack.enter_context(Postgres(durable=True))
        self.environment["DATABASE_URL"] = self._postgres.url
        subprocess.run([sys.executable, "manage.py", "prepare"], cwd=CHECKOUT, env=self.environment, check=True)
        self._hands = Beside("tests.benchmarks.fleet", self.environment, self.folder / "hands.log")
        self._stack.callback(self._hands.close)
        self._web = self._launch("web", self.hands("web_command"), "web")
        self._layers = self._launch("layers", self.hands("layers_command"), "web")
        if self._workers:
            self._start_workers()
        until_answers(f"{self.own_url}/livez", self._web, self.folder / "web.log")
        until_answers(f"http://{self.layers_host}/livez", self._layers, self.folder / "layers.log")
        self.hands("set_up")

    def _start_workers(self) -> None:
        commands = self.hands("commands")
        self._launch("redis", commands["redis"], "worker")
        for number in range(self._workers):
            self._launch(f"worker-{number}", commands["worker"], "worker")

    def _launch(self, name: str, command: list[str], zone: str) -> subprocess.Popen[bytes]:
        with (self.folder / f"{name}.log").open("wb") as log:
            process = subprocess.Popen(
                command, cwd=CHECKOUT, env=self.environment | {"PORTAL_ZONE": zone}, stdout=log, stderr=log
            )
        self._stack.callback(_end, process)
        return process


def _end(process: subprocess.Popen[Any]) -> None:
    process.terminate()
    try:
        process.communicate(timeout=20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()


def _cpu(pid: int, *, ended: bool = False) -> float:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return sum(int(fields[number]) for number in ((11, 12, 13, 14) if ended else (11, 12))) / TICKS


def _memory(pid: int) -> int:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def _children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


class Hands(Calls):
    """What can be asked of the process beside the portal."""

    def set_up(self) -> None:
        from portal.models import User
        from portal.organizations.actions import create_organization
        from registries.foundation.actor import CONSOLE

        create_organization(
            slug="acme",
            name="Acme",
            owner=User.objects.create_user("alice@acme.example", address_proof="mail"),
            by=CONSOLE,
        )

    def join(self, keys: list[str]) -> list[str]:
        from groups.models import Node
        from registries.secrets.node_vouchers import call_mark_of, voucher_of

        nodes = [Node(name=f"node-{number}", public_key=key) for number, key in enumerate(keys)]
        for node in nodes:
            node.call_mark = call_mark_of(node_id=node.pk, public_key=node.public_key)
            node.voucher = voucher_of(node_id=node.pk, name=node.name, public_key=node.public_key)
        return [str(node.pk) for node in Node.objects.bulk_create(nodes)]

    def group(self, name: str, sizes: list[int], replicas: int) -> None:
        """A stopped group whose image has layers of about these sizes."""
        from portal.models import Organization
        from tests.support.delivery_setup import make_group, make_source, store_image

        acme = Organization.objects.get()
        source = make_source(*(os.urandom(size) for size in sizes))
        make_group(acme, store_image(acme, source), name, replicas=replicas)

    def watch(self, people: int, groups: int) -> dict[str, list[tuple[str, str, str]]]:
        """Sign in members who watch groups that wait for nodes; return for each kind of page what each of them
        requests: cookie, path, and the ETag of what their page shows."""
        from django.conf import settings
        from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY

        from groups.queries.etags import group_version, project_version
        from portal.accounts.sessions import SessionStore
        from portal.models import Membership, Organization, Role, User
        from tests.support.delivery_setup import make_group, make_source, store_image

        acme = Organization.objects.get()
        image = store_image(acme, make_source(os.urandom(1000)))
        made = [make_group(acme, image, f"watched-{number}", replicas=3) for number in range(groups)]
        for group in made:
            self.start(group.name)
        marks = [str(group_version(group.project_id, group.name, Role.MEMBER)) for group in made]
        project = made[0].project
        listed = project_version(project.pk)
        below = f"/o/{acme.slug}/{project.slug}/groups/"
        asked: dict[str, list[tuple[str, str, str]]] = {"a_group": [], "the_list": []}
        for number in range(people):
            person = User.objects.create_user(f"watcher-{number}@acme.example", address_proof="mail")
            Membership.objects.create(organization=acme, user=person, role=Role.MEMBER)
            session = SessionStore()
            session[SESSION_KEY] = str(person.pk)
            session[BACKEND_SESSION_KEY] = "django.contrib.auth.backends.ModelBackend"
            session[HASH_SESSION_KEY] = person.get_session_auth_hash()
            session.create()
            cookie, seen = f"{settings.SESSION_COOKIE_NAME}={session.session_key}", number % groups
            asked["a_group"].append((cookie, f"{below}{made[seen].name}/status/", marks[seen]))
            asked["the_list"].append((cookie, f"{below}-/rows/", listed))
        return asked

    def start(self, name: str) -> None:
        from groups.actions.lifecycle import start
        from groups.models import ContainerGroup

        start(ContainerGroup.objects.get(name=name), by=CONSOLE)

    def run(self, name: str) -> dict[str, str]:
        """Have the group's instances run, one on each node in turn; return each node's instance."""
        from django.db.models.functions import Now

        from groups.models import ContainerGroup, Instance, Node

        group, nodes = ContainerGroup.objects.get(name=name), list(Node.objects.order_by("pk"))
        placed = [
            Instance(group=group, node=node, state="running", assigned_at=Now()) for node in nodes[: group.replicas]
        ]
        Instance.objects.bulk_create(placed)
        ContainerGroup.objects.filter(pk=group.pk).update(status="running")
        return {str(instance.node_id): str(instance.pk) for instance in placed}

    def tokens(self, name: str) -> list[list[str]]:
        """Mint a token for each running instance of the group; return node and secret."""
        from groups.delivery.tokens import mint
        from groups.models import Instance, NodeManifest
        from groups.nodes.manifests import prepare

        found = []
        rows = Instance.objects.filter(group__name=name).select_related("node", "group")
        first = prepare(rows[0].pk)
        assert first
        for row in rows:
            made, _ = NodeManifest.objects.get_or_create(
                image=first.image, node=row.node, defaults={"digest": first.digest, "body": first.body}
            )
            found.append([str(row.node_id), mint(row, made)[0]])
        return found

    def stored(self, name: str) -> list[list[str]]:
        """Digest and file of each of the group's layers, as they are stored."""
        from groups.models import Layer
        from groups.storage import store

        layers = Layer.objects.filter(image__groups__name=name).order_by("position").select_related("blob")
        return [[layer.blob.cipher_digest, str(store.local_path(layer.blob.name))] for layer in layers if layer.blob]


if __name__ == "__main__":
    serve(Hands())
