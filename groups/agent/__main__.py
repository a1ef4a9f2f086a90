"""`python -m groups.agent --portal URL --code CODE --data DIR [--once]`

Joins with the code on the first start, then polls until SIGTERM or SIGINT. With `--once` it ends with 0 when
something was given to it, all of that is here, and the portal has heard so. Prints one JSON object a line.
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
from typing import Any

from groups.agent import identity, skopeo
from groups.agent.events import say
from groups.agent.identity import Identity
from groups.agent.instances import Instances
from groups.agent.order import Puller
from groups.agent.own import OwnPuller
from groups.agent.portal import Portal, PortalRefused, PortalUnreachable
from groups.agent.runtime import NoRuntime
from groups.agent.skopeo import SkopeoPuller

LONGEST_WAIT = 60.0
REFUSED = 2


def main(arguments: list[str] | None = None) -> int:
    """Run the node; return the exit code."""
    options = _options(arguments)
    stopped = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopped.set())
    portal, me = Portal(options.portal), identity.load(Path(options.data).absolute())
    try:
        me = _join(portal, me, options, stopped)
    except PortalRefused as refused:
        say("refused", reason=str(refused))
        return REFUSED
    if me.node_id is None:
        return 0
    puller = _puller(options.puller)
    say("ready", node=me.node_id, portal=portal.url, puller=type(puller).__name__)
    instances = Instances(me, portal.url.startswith("https://"), puller, NoRuntime())
    try:
        _work(portal, me, instances, options, stopped)
    finally:
        instances.close()
        say("ended", node=me.node_id)
    return 0


def _join(portal: Portal, me: Identity, options: argparse.Namespace, stopped: threading.Event) -> Identity:
    """Enrol, unless that was done. Raises PortalRefused, for which trying again is no help."""
    wait = options.interval
    while me.node_id is None and not stopped.is_set():
        try:
            me = me.joined(portal.enrol(me, options.code, _name()), portal.url)
            say("enrolled", node=me.node_id)
        except PortalUnreachable as error:
            say("unreachable", reason=str(error), wait=round(wait, 1))
            stopped.wait(wait)
            wait = _longer(wait)
    return me


def _work(
    portal: Portal, me: Identity, instances: Instances, options: argparse.Namespace, stopped: threading.Event
) -> None:
    """Poll until the end."""
    capacity = {"cpu": options.cpu, "memory_mb": options.memory_mb, "gpu": options.gpu}
    wait = options.interval
    while not stopped.is_set():
        instances.settle()
        told, settled = instances.reports(), instances.are_settled
        try:
            orders = portal.poll(me, capacity, told)
        except (PortalUnreachable, PortalRefused) as error:
            say("unreachable" if isinstance(error, PortalUnreachable) else "refused", reason=str(error))
            wait = _longer(wait)
        else:
            wait = options.interval
            instances.follow(orders, told)
            if options.once and settled and not orders.start:
                return
        stopped.wait(wait * random.uniform(0.9, 1.1))  # noqa: S311 (so that nodes don't come all at once)


def _name() -> str:
    """What the machine is called, as far as the portal takes it. The operator's name for the node stands."""
    return re.sub(r"[^A-Za-z0-9]+", "-", socket.gethostname()).strip("-")[:63].strip("-") or "node"


def _longer(wait: float) -> float:
    return min(wait * 2, LONGEST_WAIT)


def _puller(wanted: str) -> Puller:
    if wanted == "skopeo" or (wanted == "auto" and skopeo.is_installed()):
        return SkopeoPuller()
    return OwnPuller()


def _options(arguments: list[str] | None) -> Any:
    parser = argparse.ArgumentParser(prog="python -m groups.agent", description="The reference node.")
    parser.add_argument("--portal", required=True, metavar="URL", help="the portal's public address")
    parser.add_argument("--code", default="", help="one-time enrolment code; not looked at once the node has joined")
    parser.add_argument("--data", required=True, metavar="DIR", help="where key, state and images are kept")
    parser.add_argument("--once", action="store_true", help="end when what was given is here and reported")
    parser.add_argument("--puller", choices=["auto", "skopeo", "own"], default="auto")
    parser.add_argument("--interval", type=float, default=3.0, metavar="SECONDS", help="between polls")
    parser.add_argument("--cpu", type=int, default=os.cpu_count() or 1, help="cores to offer")
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**20
    parser.add_argument("--memory-mb", type=int, default=memory, help="memory to offer")
    parser.add_argument("--gpu", default="", help="name of the GPU to offer")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
