"""One attempt to read an image, with its steps and its registry clients. Pulls and checks share it.

How a step is written differs: a pull writes a row for each (`steps.PullSteps`), a check writes lines in its own row
(`check_steps.CheckSteps`). Everything else around a step, and the opening of clients, is the same and is here.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import Generic, Protocol, TypeVar

from django.db.models import TextChoices

from groups.ingest import registry_access
from groups.ingest.claim import Claim
from groups.ingest.opened_credential import OpenedCredential
from groups.ingest.steps import Note
from groups.models import Image, ImageCheck, PullStep
from registries.failures import PullFailed
from registries.oci.client import RegistryClient
from registries.oci.timeouts import Timeouts

StepName = TypeVar("StepName", bound=TextChoices)
WrittenName = TypeVar("WrittenName", bound=TextChoices, contravariant=True)


class StepWriter(Protocol[WrittenName]):
    """Writes the steps of one attempt."""

    def step(self, name: WrittenName, /) -> AbstractContextManager[Note]:
        """Write that the step `name` begins, and how it ends. Raises Stale once the attempt is over."""
        ...


class Attempt(Generic[StepName]):
    """The steps and clients of one pull or check of `image`.

    `claim` is a pull's: once it is lost, its clients are aborted. A check has none. `timeouts` limits how long a
    client waits for the registry; None is the client's own default. `current` is the value of the step that is
    running, or that was the last.
    """

    def __init__(
        self,
        image: Image | ImageCheck,
        steps: StepWriter[StepName],
        *,
        claim: Claim | None = None,
        timeouts: Timeouts | None = None,
    ) -> None:
        self.current: str = PullStep.Name.RESOLVE.value
        self._image = image
        self._steps = steps
        self._claim = claim
        self._timeouts = timeouts
        self._clients = ExitStack()

    @contextmanager
    def step(self, name: StepName) -> Iterator[Note]:
        """Write that the step begins and how it ends; yields the note in which to put its detail.

        A failure is raised as what it means at this kind of registry (`registry_access.classify_failures`); one about
        credentials also says whether the image is public. Raises Stale once the attempt is over, and TurnOver where the
        pull has to make room.
        """
        self.current = name.value
        with (
            self._steps.step(name) as note,
            registry_access.flag_if_public(self._image, self._timeouts),
            registry_access.classify_failures(self._image),
            self._while_claimed(),
        ):
            yield note

    @contextmanager
    def _while_claimed(self) -> Iterator[None]:
        """Raise what `Claim.check` raises: before the block, and instead of a failure in it, since requests are aborted
        once the claim is lost or the turn is over."""
        if self._claim is None:
            yield
            return
        self._claim.check()
        try:
            yield
        except PullFailed:
            self._claim.check()
            raise

    @contextmanager
    def closing_clients(self) -> Iterator[None]:
        """Close the clients of this attempt at the end."""
        with self._clients:
            yield

    def anonymous_client(self) -> RegistryClient:
        """Open a client without credentials. Raises HostNotAllowed. Use it within `closing_clients`."""
        return self._open(None)

    def signed_in_client(self, opened: OpenedCredential | None) -> RegistryClient:
        """Open a client that signs in with an opened credential, at its host; None is for an image that is
        pulled without credentials.

        Raises HostNotAllowed and CredentialMalformed. Use it within `closing_clients`.
        """
        return self._open(opened)

    def _open(self, opened: OpenedCredential | None) -> RegistryClient:
        client = self._clients.enter_context(registry_access.open_client(self._image, opened, self._timeouts))
        if self._claim is not None:
            self._claim.when_lost.append(client.abort)
        return client
