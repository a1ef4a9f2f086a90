"""`python -m groups.agent --portal URL --code-file FILE --data DIR [--once]`

Enrols with the code on the first start, then polls until SIGTERM or SIGINT. Containers keep running and are found
again at the next start. With `--once` it exits with 0 when it has got at least one instance, all of them are fetched
(and run, with podman), and this was reported. Prints one JSON object per line.
"""

from __future__ import annotations

import argparse
import os
import random
import re
import signal
import socket
import sys
import threading
from pathlib import Path

from groups.agent import identity, podman_form, skopeo
from groups.agent.enrolment_code import CodeUnreadable, read_code
from groups.agent.events import say
from groups.agent.files import make_private_folder
from groups.agent.identity import Identity
from groups.agent.images import Images
from groups.agent.instances import FIRST_WAIT, Instances
from groups.agent.machine import platform_of_machine
from groups.agent.order import Puller
from groups.agent.own import OwnPuller
from groups.agent.podman import GRACE_SECONDS, Podman
from groups.agent.podman_form import CannotRun
from groups.agent.portal import Portal, PortalRefused, PortalUnreachable
from groups.agent.runtime import NoRuntime, Runtime, RuntimeFailed
from groups.agent.skopeo import SkopeoPuller

MAX_WAIT = 60.0
REFUSED, NO_PODMAN = 2, 3


def main(arguments: list[str] | None = None) -> int:
    """Run the node and return the exit code."""
    options = _options(arguments)
    os.umask(0o077)
    stopped = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopped.set())
    portal, me = Portal(options.portal), identity.load(Path(options.data).absolute())
    try:
        me = _join(portal, me, options, stopped)
    except (PortalRefused, CodeUnreadable) as refused:
        say("refused", reason=str(refused))
        return REFUSED
    if me.node_id is None:
        return 0
    puller, runtime = _puller(options.puller), _runtime(options, me.folder, me.node_id)
    names = {"puller": type(puller).__name__, "runtime": type(runtime).__name__}
    say("ready", node=me.node_id, portal=portal.url, **names, remark=runtime.remark)
    images = Images(me.folder, puller, runtime, keep=options.keep_images)
    try:
        instances = Instances(me, portal.url.startswith("https://"), images, runtime, options.restart_wait)
    except RuntimeFailed as error:
        say("runtime", reason=str(error))
        return NO_PODMAN
    try:
        _work(portal, me, instances, options, stopped)
    finally:
        instances.close(end_containers=options.end_containers)
        say("ended", node=me.node_id)
    return 0


def _join(portal: Portal, me: Identity, options: argparse.Namespace, stopped: threading.Event) -> Identity:
    """Enrol, unless the node has an id already. Raises PortalRefused and CodeUnreadable, after which another try is
    useless."""
    wait, code = options.interval, read_code(options) if me.node_id is None else ""
    while me.node_id is None and not stopped.is_set():
        try:
            me = me.joined(portal.enrol(me, code, _name()), portal.url)
            say("enrolled", node=me.node_id)
        except PortalUnreachable as error:
            say("unreachable", reason=str(error), wait=round(wait, 1))
            stopped.wait(wait)
            wait = _longer(wait)
    return me


def _work(
    portal: Portal, me: Identity, instances: Instances, options: argparse.Namespace, stopped: threading.Event
) -> None:
    """Poll until `stopped` is set, or `--once` is fulfilled."""
    capacity = {"cpu": options.cpu, "memory_mb": options.memory_mb, "gpu": options.gpu}
    wait = options.interval
    while not stopped.is_set():
        instances.settle()
        reports, settled = instances.reports(), instances.are_settled
        try:
            orders = portal.poll(me, capacity, reports, options.platform)
        except (PortalUnreachable, PortalRefused) as error:
            say("unreachable" if isinstance(error, PortalUnreachable) else "refused", reason=str(error))
            wait = _longer(wait)
        else:
            wait = options.interval
            instances.carry_out(orders, reports)
            if options.once and settled and not orders.start:
                return
        stopped.wait(wait * random.uniform(0.9, 1.1))  # noqa: S311 (spreads the polls of many nodes)


def _name() -> str:
    """The machine's name, in characters that the portal accepts. The node itself keeps the operator's name."""
    return re.sub(r"[^A-Za-z0-9]+", "-", socket.gethostname()).strip("-")[:63].strip("-") or "node"


def _longer(wait: float) -> float:
    return min(wait * 2, MAX_WAIT)


def _puller(wanted: str) -> Puller:
    if wanted == "skopeo" or (wanted == "auto" and skopeo.is_installed()):
        return SkopeoPuller()
    return OwnPuller()


def _runtime(options: argparse.Namespace, data: Path, node_id: str) -> Runtime:
    if options.runtime == "none":
        return NoRuntime()
    try:
        form = podman_form.find(make_private_folder(data / "podman"), options.network)
    except CannotRun as error:
        return NoRuntime(str(error))
    return Podman(data, form, node_id, grace=options.grace)


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m groups.agent", description="The reference node.")
    parser.add_argument("--portal", required=True, metavar="URL", help="the portal's public address")
    parser.add_argument(
        "--code-file",
        default="",
        metavar="FILE",
        help="file with the one-time enrolment code, - for standard input; not read once the node is enrolled",
    )
    parser.add_argument("--code", default="", help="the code itself: everyone on this machine can see it")
    parser.add_argument("--data", required=True, metavar="DIR", help="where key, state and images are kept")
    parser.add_argument(
        "--once", action="store_true", help="end once everything assigned has been fetched and reported"
    )
    parser.add_argument("--puller", choices=["auto", "skopeo", "own"], default="auto")
    parser.add_argument(
        "--runtime", choices=["auto", "none"], default="auto", help="none: fetch images but run nothing"
    )
    parser.add_argument("--network", choices=["auto", "none"], default="auto", help="none: containers have no network")
    parser.add_argument("--keep-images", action="store_true", help="keep fetched images in addition to podman's store")
    parser.add_argument(
        "--end-containers", action="store_true", help="stop containers when the agent ends; it restarts them later"
    )
    parser.add_argument("--grace", type=int, default=GRACE_SECONDS, metavar="SECONDS", help="from SIGTERM to SIGKILL")
    parser.add_argument("--restart-wait", type=float, default=FIRST_WAIT, metavar="SECONDS", help="doubled each time")
    parser.add_argument("--interval", type=float, default=3.0, metavar="SECONDS", help="between polls")
    parser.add_argument("--cpu", type=int, default=os.cpu_count() or 1, help="cores to offer")
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**20
    parser.add_argument("--memory-mb", type=int, default=memory, help="memory to offer")
    parser.add_argument("--gpu", default="", help="name of the GPU to offer")
    machine = platform_of_machine()
    parser.add_argument("--platform", default=machine, help=f"platform of the images that it runs; here {machine}")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
