"""Runs a worker on the queues that are named, until SIGTERM or SIGINT."""

from __future__ import annotations

from argparse import ArgumentParser

from django.core.management.base import BaseCommand, CommandError
from django.db import connections

from groups.queues.redis_queues import connect_to_wait
from groups.queues.wakeup import QUEUES
from groups.worker import PullWorker

WORKER_CLASS, SERIALIZER = "groups.worker.PullWorker", "rq.serializers.JSONSerializer"


class Command(BaseCommand):
    help = f"Run a worker. Queues, in the order in which it takes from them: {', '.join(QUEUES)}."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("queues", nargs="+", choices=QUEUES, metavar="QUEUE")
        parser.add_argument("--name", help="Shown to operators; by default a random one.")
        parser.add_argument("--burst", action="store_true", help="End when the queues are empty.")
        parser.add_argument("--max-jobs", type=int, metavar="N", help="End after this many jobs.")
        for option, only in (("--worker-class", WORKER_CLASS), ("--serializer", SERIALIZER)):
            parser.add_argument(option, default=only, help=f"Accepted for compatibility: {only}.")

    def handle(
        self,
        *,
        queues: list[str],
        name: str | None,
        burst: bool,
        max_jobs: int | None,
        worker_class: str,
        serializer: str,
        **options: object,
    ) -> None:
        if worker_class != WORKER_CLASS or serializer != SERIALIZER:
            raise CommandError(f"the worker class is {WORKER_CLASS} and the serializer {SERIALIZER}: leave both out")
        worker = PullWorker(queues, connection=connect_to_wait(), name=name)
        connections.close_all()  # before the first fork
        worker.work(burst=burst, max_jobs=max_jobs)
