"""Which model this device uses: what is written down when, so that every crash leaves an old or a new one that works.

The journal is written first and the links follow it, so a start only has to let the links catch up.
"""

import logging
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec
import numpy as np

from stressvision_agent.updates.journal import Journal, Offer, read_journal, write_journal
from stressvision_agent.updates.metrics import FALLBACKS, UPDATES
from stressvision_agent.updates.shelf import Shelf
from stressvision_contracts.fleet import UpdateState
from stressvision_vision.classifier import Classifier, ModelError, OutputError, read_model

log = logging.getLogger(__name__)

MOST_STARTS: Final = 2
"""A model that the agent did not live through proving in so many starts is taken back."""

KILLED = "the agent ended twice while the model was being proven"


@dataclass(frozen=True, slots=True)
class Loading:
    """How a model is loaded: `factory` is the one that the settings name."""

    factory: Path
    threads: int = 1
    delegate: Path | None = None

    def load(self, path: Path) -> Classifier:
        """Load the model at `path` and let it answer once, for the first answer is a slow one. `ModelError`."""
        classifier = Classifier(path, num_threads=self.threads, delegate=self.delegate)
        spec = classifier.manifest.input
        with suppress(OutputError):  # what that means is for those to say who watch it
            classifier.probabilities(np.zeros((spec.height, spec.width), np.uint8))
        return classifier


class Slots:
    """Belongs to one process; after `start` to the thread that updates. `OSError` where the disk refuses."""

    def __init__(self, folder: Path, journal_file: Path, loading: Loading) -> None:
        self.shelf, self.loading = Shelf(folder), loading
        self._file = journal_file
        self.journal = read_journal(journal_file)
        self._factory: str | None = None

    def start(self) -> Classifier:
        """Return the model to begin with: the one that was in use, else the last good one, else the factory's.

        `ModelError` when not even that one can be loaded.
        """
        try:
            self._recover()
        except OSError:
            # a disk that takes no writes must not keep a device from seeing; but no unproven model begins uncounted
            log.exception("state of models cannot be put right")
            if self.journal.offer is not None and self.journal.state == "installed":
                self.journal = self.journal.step(self.journal.offer, "reverted", "the disk takes no writes", retry=True)
        refused = self.journal.state in {"rejected", "reverted"}
        return self._load_first(self.shelf.named("good" if refused else "current"))

    def load_good(self) -> Classifier:
        """Return the last good model, else the one before, else the factory's; raise `ModelError` for none."""
        return self._load_first(self.shelf.named("good"))

    def _load_first(self, wanted: str | None) -> Classifier:
        good, previous = self.shelf.named("good"), self.journal.previous
        # None is the factory model, which comes before what was good before it
        candidates = [wanted, good, previous, None] if good is not None else [wanted, None, previous]
        fault: ModelError | None = None
        for digest in dict.fromkeys(candidates):
            try:
                return self.loading.load(self.loading.factory if digest is None else self.shelf.path(digest))
            except ModelError as error:
                FALLBACKS.inc()
                log.exception("a model cannot be loaded")
                fault = error if digest is None else fault
                if digest is not None:
                    self._disown(digest, str(error))
        raise fault or ModelError("there is no model")

    def load(self, digest: str) -> Classifier:
        """Load a model that is here; raise `ModelError`."""
        return self.loading.load(self.loading.factory if digest == self.factory_digest else self.shelf.path(digest))

    def _recover(self) -> None:
        """Let the links say what the journal says; count a start of a model that is not proven."""
        offer = self.journal.offer
        match self.journal.state:
            case "installed" if offer is not None:
                starts = self.journal.starts + 1
                if starts >= MOST_STARTS:
                    self.revert(KILLED)
                else:
                    self._write(msgspec.structs.replace(self.journal, starts=starts))
                    self.shelf.point("current", self._slot(offer.digest))
            case "confirmed" if offer is not None:
                self._point_both(offer.digest)
            case _:
                self._fall_back()

    def settle(self) -> None:
        """Write again what the disk refused before."""
        write_journal(self._file, self.journal)
        offer = self.journal.offer
        if offer is not None and self.journal.state == "confirmed":
            self._point_both(offer.digest)
        elif offer is not None and self.journal.state == "installed":
            self.shelf.point("current", self._slot(offer.digest))
        else:
            self._fall_back()

    def tidy(self, wanted: str | None) -> None:
        """Remove every model but the one in use, the good one, the one before, and `wanted`."""
        if not self.shelf.folder.is_dir():
            return
        with self.shelf.locked(wait=False) as alone:
            if alone:
                self.shelf.prune({self.journal.previous, wanted})

    def _disown(self, digest: str, reason: str) -> None:
        offer = self.journal.offer
        try:
            if offer is not None and offer.digest == digest:
                self._step(offer, "reverted", f"cannot be loaded: {reason}", retry=True)
            self.shelf.point("current", self.shelf.named("good"))
            if self.shelf.named("good") == digest:
                self.shelf.point("good", None)
                self.shelf.point("current", None)
        except OSError:
            log.exception("state of models cannot be put right")

    def stopped(self) -> None:
        """A clean stop is no start that a model failed in."""
        if self.journal.state == "installed" and self.journal.starts:
            self._write(msgspec.structs.replace(self.journal, starts=self.journal.starts - 1))

    @property
    def factory_digest(self) -> str | None:
        """Of the factory model, None when it is broken."""
        if self._factory is None:
            try:
                self._factory = read_model(self.loading.factory)[1].digest
            except ModelError:
                return None
        return self._factory

    @property
    def good(self) -> str | None:
        """Digest of the last good model."""
        return self.shelf.named("good") or self.factory_digest

    def is_proven(self, digest: str) -> bool:
        """Whether that model is here and was in use before: it needs neither fetching nor proving."""
        if digest == self.factory_digest:
            return True
        return digest in {self.shelf.named("good"), self.journal.previous} and self.shelf.kept(digest) is not None

    def note(self, offer: Offer, state: UpdateState) -> None:
        """Keep that `offer` was fetched or verified; the model in use stays."""
        self._advance(offer, state)

    def refuse(self, offer: Offer, reason: str, *, retry: bool = False) -> None:
        """`offer` will not be used; with `retry` it is asked for again all the same."""
        self._step(offer, "rejected", reason, retry=retry)
        self._fall_back()

    def install(self, offer: Offer) -> bool:
        """Use `offer` from now on, until it is confirmed or reverted; False when `settle` has something left to do."""
        self._advance(offer, "installed")
        try:
            self.shelf.point("current", self._slot(offer.digest))
        except OSError:
            log.exception("the journal knows of a model that the link does not")
            return False
        return True

    def confirm(self, offer: Offer) -> None:
        """`offer` is good; the last good one is kept beside it."""
        good = self.shelf.named("good")
        if good is not None and good != offer.digest:
            self._write(msgspec.structs.replace(self.journal, previous=good))
        self._step(offer, "confirmed")
        self._point_both(offer.digest)

    def revert(self, reason: str) -> None:
        """Go back from the model in use to the last good one."""
        offer = self.journal.offer
        if offer is not None:
            self._step(offer, "reverted", reason)
        self._fall_back()

    def _fall_back(self) -> None:
        self.shelf.point("current", self.shelf.named("good"))

    def _point_both(self, digest: str) -> None:
        self.shelf.point("good", self._slot(digest))
        self.shelf.point("current", self._slot(digest))

    def _slot(self, digest: str) -> str | None:
        return None if digest == self.factory_digest else digest

    def _advance(self, offer: Offer, state: UpdateState) -> None:
        """Forward goes only what the disk takes note of."""
        journal = self.journal.step(offer, state)
        write_journal(self._file, journal)
        self.journal = journal
        _tell(offer, state, None)

    def _step(self, offer: Offer, state: UpdateState, reason: str | None = None, *, retry: bool = False) -> None:
        """What is proven or refused is so, whatever the disk says."""
        _tell(offer, state, reason)
        self._write(self.journal.step(offer, state, reason, retry=retry))

    def _write(self, journal: Journal) -> None:
        self.journal = journal
        write_journal(self._file, journal)


def _tell(offer: Offer, state: UpdateState, reason: str | None) -> None:
    UPDATES.labels(state=state).inc()
    log.info("model update", extra={"version": offer.version, "state": state, "reason": reason})
