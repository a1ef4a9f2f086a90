"""How podman is called on this machine: found out once by running `true`, and stored in <data>/podman/form.json.

The full form has podman's own network and limits containers to their CPU and memory. If that does not work, such as
inside another container or without an init system, containers run without cgroups, in a mount namespace in which podman
finds the cgroup tree that it expects; the node then reports with each instance what is missing.
"""

from __future__ import annotations

import hashlib
import json
import os
import resource
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from groups.agent.events import say
from groups.agent.files import make_private_folder, write_private

PROBE = "localhost/probe:1"
SECONDS = 60
MAX_RUN_ROOT_LENGTH = 50
# Only this process and podman are in the namespace, so the machine's own mounts don't change.
_OWN_CGROUPS = 'umount -R /sys/fs/cgroup; mount -t cgroup2 none /sys/fs/cgroup; exec "$@"'


@dataclass(frozen=True)
class Form:
    """One way to call podman."""

    driver: str
    limits: bool
    network: bool

    @property
    def remark(self) -> str:
        """What containers lack on this machine, for people; empty if nothing."""
        lacking = [*([] if self.limits else ["CPU and memory limits"]), *([] if self.network else ["network"])]
        return f"Runs without {' and without '.join(lacking)} on this node" if lacking else ""

    def command(self, store: Path) -> list[str]:
        """The beginning of a command line for the podman with its images and containers in `store`."""
        podman = ["podman", "--root", str(store / "root"), "--runroot", str(run_root(store))]
        podman += ["--tmpdir", str(store / "tmp"), "--storage-driver", self.driver, "--events-backend", "file"]
        if self.limits:
            return podman
        return ["unshare", "-m", "sh", "-c", _OWN_CGROUPS, "sh", *podman, "--cgroup-manager", "cgroupfs"]

    def container(self, cpu: float = 0, memory_mb: int = 0) -> list[str]:
        """The options of a container with these limits; 0 is none."""
        options = [] if self.network else ["--network", "none"]
        if self.limits:
            options += ["--cpus", str(cpu)] if cpu else []
            return options + (["--memory", f"{memory_mb}m"] if memory_mb else [])
        files, processes = _at_most(resource.RLIMIT_NOFILE, 16384), _at_most(resource.RLIMIT_NPROC, 4096)
        return [*options, "--cgroups", "disabled", "--ulimit", f"nofile={files}", "--ulimit", f"nproc={processes}"]


def run_root(store: Path) -> Path:
    """The folder for podman's state until the machine's restart. Podman limits its path to 50 characters: for a longer
    one, it is a folder in the machine's own place for such state."""
    own = store / "run"
    if len(str(own)) <= MAX_RUN_ROOT_LENGTH:
        return own
    place = os.environ.get("XDG_RUNTIME_DIR") or ("/run" if os.geteuid() == 0 else tempfile.gettempdir())
    return Path(place, f"drayage-{hashlib.sha256(str(store).encode()).hexdigest()[:12]}")


class CannotRun(Exception):
    """There is no podman, or it can't run containers on this machine; the text says which."""


def find(folder: Path, network: str) -> Form:
    """Return the best form that works. `network` is `none` for containers without any. Raises CannotRun."""
    if shutil.which("podman") is None:
        raise CannotRun("this node has no container runtime")
    for left in folder.glob("probe-*"):  # by a node that was killed
        shutil.rmtree(left, ignore_errors=True)
    known = folder / "form.json"
    if known.exists():
        form = Form(**json.loads(known.read_bytes()))
        if network != "none" or not form.network:
            return form
    for form in _forms(network):
        if (problem := _try(form, folder)) is None:
            write_private(known, json.dumps(asdict(form)).encode())
            return form
        say("podman", driver=form.driver, limits=form.limits, network=form.network, works=False, reason=problem)
    raise CannotRun(f"this node's podman can't run containers: {problem}")


def _forms(network: str) -> Iterator[Form]:
    """All forms, best first."""
    for driver, limits in (("overlay", True), ("vfs", True), ("vfs", False)):
        for has_network in (True, False) if network != "none" else (False,):
            yield Form(driver, limits, has_network)


def environment(folder: Path) -> dict[str, str]:
    """The environment variables for podman itself."""
    wanted = ("PATH", "HOME", "XDG_RUNTIME_DIR", "DBUS_SESSION_BUS_ADDRESS")
    kept = {name: os.environ[name] for name in wanted if name in os.environ}
    return {"HOME": str(folder), "TMPDIR": str(make_private_folder(folder / "temporary")), **kept}


def _at_most(limit: int, usual: int) -> str:
    """A container's soft and hard limit, at most this process's own: podman's default can be higher and fail."""
    most = resource.getrlimit(limit)[1]
    number = usual if most == resource.RLIM_INFINITY else min(most, usual)
    return f"{number}:{number}"


def _try(form: Form, folder: Path) -> str | None:
    """Run the machine's own `true` in an otherwise empty image; return why that failed, or None."""
    store = Path(tempfile.mkdtemp(prefix="probe-", dir=folder))
    try:
        return _try_in(form, folder, store)
    finally:
        for _ in range(3):  # podman cleans up after the call and may write again
            shutil.rmtree(store, ignore_errors=True)
            shutil.rmtree(run_root(store), ignore_errors=True)
            time.sleep(0.1)


def _try_in(form: Form, folder: Path, store: Path) -> str | None:
    files = store / "files"
    files.mkdir()
    for name in ("bin", "lib", "lib64"):
        if Path("/", name).is_symlink():
            (files / name).symlink_to(f"usr/{name}")
    (files / "usr").mkdir()
    archive = shutil.make_archive(str(store / "image"), "tar", files)
    command = form.command(store)
    if form.limits and os.geteuid() == 0:  # the mounts of a storage driver go with the attempt
        command = ["unshare", "-m", *command]
    run = ["run", "--rm", *form.container(1, 64), "-v", "/usr:/usr:ro", PROBE, "/usr/bin/true"]
    for step in (["import", "--quiet", archive, PROBE], run):
        try:
            done = subprocess.run(  # noqa: S603 (our own command line)
                [*command, *step],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=SECONDS,
                env=environment(folder),
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            return type(error).__name__
        if done.returncode != 0:
            return done.stderr.decode(errors="replace").strip().rpartition("\n")[2][-300:]
    return None
