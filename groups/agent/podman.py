"""Runs instances with podman, in the node's own store: other containers of the machine are not touched.

    <data>/podman/{root,run,tmp}    podman's own
    <data>/logs/<instance>.log      the container's output, in podman's k8s-file format, at most LOG_BYTES

A container is called `drayage-<instance>` and carries the node's id as a label. Its environment goes into a file and,
for values that such a file can't contain, into podman's secrets; never onto a command line.
"""

from __future__ import annotations

import contextlib
import json
import re
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Collection, Iterator
from pathlib import Path

from groups.agent.files import make_private_folder, write_private
from groups.agent.podman_form import Form, environment, run_root
from groups.agent.portal import Start
from groups.agent.runtime import Container, NotStarted, RuntimeFailed

PREFIX = "drayage-"
REPOSITORY = "localhost/drayage"
LOG_BYTES = 10_000_000
MAX_LOGS = 100
GRACE_SECONDS = 10
CALL_SECONDS = 60
IMPORT_SECONDS = 3600
NOT_FOUND, NOT_RUNNABLE = 127, 126
# Values that every version of podman reads the same from an environment file: no quotes, line ends, outer blanks.
_PLAIN = re.compile(r"(?:[!#-&(-\[\]-~](?:[ !#-&(-\[\]-~]*[!#-&(-\[\]-~])?)?")
MAX_PLAIN_LENGTH = 4096
_BOOT = Path("/proc/sys/kernel/random/boot_id")


class Podman:
    """See `groups.agent.runtime.Runtime`."""

    runs = True

    def __init__(self, data: Path, form: Form, node_id: str, *, grace: float = GRACE_SECONDS) -> None:
        self._folder, self._form, self._node_id = make_private_folder(data / "podman"), form, node_id
        self._grace = int(grace)
        self._logs = make_private_folder(data / "logs")
        self._policy = self._folder / "policy.json"
        write_private(self._policy, b'{"default": [{"type": "insecureAcceptAnything"}]}')  # the digest was checked
        self._one_import = threading.Lock()
        self._forget_last_boot()

    @property
    def remark(self) -> str:
        return self._form.remark

    def has(self, digest: str) -> bool:
        return self._run("image", "exists", _name(digest)).returncode == 0

    def take(self, digest: str, folder: Path) -> None:
        pull = ("pull", "--quiet", "--signature-policy", str(self._policy), f"dir:{folder}")
        with self._one_import:  # an image without a name must not be deleted
            done = self._run(*pull, seconds=IMPORT_SECONDS)
            image = done.stdout.strip().rpartition("\n")[2]
            if done.returncode != 0 or self._run("tag", image, _name(digest)).returncode != 0:
                raise RuntimeFailed(f"podman can't take the image: {_last(done.stderr)}")

    def keep_only(self, digests: Collection[str]) -> None:
        with self._one_import:
            names = self._run("images", "--format", "{{.Repository}}:{{.Tag}}").stdout.split()
            ours = {name for name in names if name.startswith(f"{REPOSITORY}:")}
            for name in ours - {_name(digest) for digest in digests}:
                self._run("rmi", name)  # refused while a container uses it; deleted the next time
            logs = sorted(self._logs.iterdir(), key=lambda path: path.stat().st_mtime)
            for path in logs[:-MAX_LOGS]:
                path.unlink(missing_ok=True)

    def create(self, start: Start) -> None:
        self.remove(start.instance)
        with self._environment(start) as options:
            command = ["create", "--name", PREFIX + start.instance, "--label", f"drayage.node={self._node_id}"]
            command += [*self._form.container(start.cpu, start.memory_mb), *options]
            command += ["--log-driver", "k8s-file", "--log-opt", f"max-size={LOG_BYTES}"]
            command += ["--log-opt", f"path={self._logs / start.instance}.log"]
            command += ["--device", "nvidia.com/gpu=all"] if start.gpu else []
            command += ["--entrypoint", json.dumps(start.command)] if start.command else []
            done = self._run(*command, "--pull", "never", _name(start.digest))
        if done.returncode != 0:
            raise RuntimeFailed(f"podman can't make the container: {_last(done.stderr)}")

    def start(self, instance: str) -> None:
        done = self._run("start", PREFIX + instance)
        if done.returncode != 0:
            error = _last(done.stderr)
            code = NOT_FOUND if "not found" in error or "No such file" in error else NOT_RUNNABLE
            raise NotStarted(f"the command can't be started: {error.rpartition('crun: ')[2]}", code)

    def end(self, instance: str) -> None:
        seconds = self._grace + CALL_SECONDS
        self._run("stop", "--ignore", "--time", str(self._grace), PREFIX + instance, seconds=seconds)

    def remove(self, instance: str) -> None:
        self._run("rm", "--force", "--ignore", "--time", "0", "--volumes", PREFIX + instance)
        for name in self._secrets():
            if name.startswith(f"{PREFIX}{instance}-"):
                self._run("secret", "rm", name)

    def containers(self) -> dict[str, Container]:
        done = self._run("ps", "--all", "--format", "json")
        if done.returncode != 0:
            raise RuntimeFailed(f"podman does not answer: {_last(done.stderr)}")
        return {
            row["Names"][0].removeprefix(PREFIX): Container(
                is_running=row["State"] in ("running", "paused", "stopping"),
                exit_code=row["ExitCode"] if row["State"] in ("exited", "stopped") else None,
            )
            for row in json.loads(done.stdout or "[]") or []
        }

    @contextlib.contextmanager
    def _environment(self, start: Start) -> Iterator[list[str]]:
        """Yield the options for the container's environment; the files that they name exist until the context ends."""
        plain = {name: value for name, value in start.environment.items() if _is_plain(value)}
        with tempfile.TemporaryDirectory(prefix="environment-", dir=self._folder) as place:
            file = Path(place) / "plain"
            write_private(file, "".join(f"{name}={value}\n" for name, value in plain.items()).encode())
            options = ["--env-file", str(file)]
            for number, name in enumerate(start.environment.keys() - plain.keys()):
                secret, value = f"{PREFIX}{start.instance}-{number}", Path(place) / str(number)
                write_private(value, start.environment[name].encode())
                done = self._run("secret", "create", secret, str(value))
                if done.returncode != 0:
                    raise RuntimeFailed(f"podman can't keep an environment variable: {_last(done.stderr)}")
                options += ["--secret", f"{secret},type=env,target={name}"]
            yield options

    def _secrets(self) -> list[str]:
        if not (self._folder / "root" / "secrets").exists():
            return []
        return self._run("secret", "ls", "--format", "{{.Name}}").stdout.split()

    def _run(self, *arguments: str, seconds: float = CALL_SECONDS) -> subprocess.CompletedProcess[str]:
        """Call podman. Its output goes to files, since a container's monitor outlives the call and keeps pipes open."""
        command = [*self._form.command(self._folder), *arguments]
        with (
            tempfile.TemporaryFile("w+", errors="replace") as out,
            tempfile.TemporaryFile("w+", errors="replace") as err,
        ):
            try:
                code = subprocess.run(  # noqa: S603 (no shell; what a customer named is behind its option)
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=out,
                    stderr=err,
                    timeout=seconds,
                    env=environment(self._folder),
                    start_new_session=True,  # Ctrl-C is for the node
                ).returncode
            except subprocess.TimeoutExpired:
                return subprocess.CompletedProcess(command, NOT_RUNNABLE, "", f"no end within {seconds:.0f} s")
            out.seek(0)
            err.seek(0)
            return subprocess.CompletedProcess(command, code, out.read(), err.read())

    def _forget_last_boot(self) -> None:
        """After a restart of the machine, delete podman's state of running containers, which it recognizes as outdated
        only in folders that a restart empties."""
        boot, known = _BOOT.read_bytes() if _BOOT.exists() else b"", self._folder / "boot"
        if known.exists() and known.read_bytes() != boot:
            for place in (run_root(self._folder), self._folder / "tmp"):
                shutil.rmtree(place, ignore_errors=True)
        write_private(known, boot)


def _name(digest: str) -> str:
    return f"{REPOSITORY}:{digest.removeprefix('sha256:')}"


def _is_plain(value: str) -> bool:
    return len(value) <= MAX_PLAIN_LENGTH and _PLAIN.fullmatch(value) is not None


def _last(output: str) -> str:
    """The last line, without podman's prefix, at most 240 characters."""
    return output.strip().rpartition("\n")[2].removeprefix("Error: ")[-240:]
