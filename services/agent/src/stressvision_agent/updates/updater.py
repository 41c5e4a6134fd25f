"""The thread that brings models: it obtains what is wished for, puts it in use, watches it, and goes back by itself."""

import logging
import threading
import time
from collections.abc import Callable

from stressvision_agent.backoff import Backoff
from stressvision_agent.classify import FaceClassifier
from stressvision_agent.directives import Directives
from stressvision_agent.metrics import LOOP_FAILURES
from stressvision_agent.settings import Settings
from stressvision_agent.updates.download import NO_ROOM, TargetRefusedError
from stressvision_agent.updates.in_use import ModelInUse
from stressvision_agent.updates.journal import Offer
from stressvision_agent.updates.metrics import UNDER_WAY, UPDATE_FAILURES
from stressvision_agent.updates.obtaining import Obtaining
from stressvision_agent.updates.offers import Offers
from stressvision_agent.updates.repository import RepositoryRefusedError
from stressvision_agent.updates.slots import Slots
from stressvision_agent.updates.sources import SourceUnavailableError
from stressvision_agent.updates.trial import ModelRefusedError
from stressvision_contracts.fleet import ModelUpdate, UpdateState
from stressvision_vision.classifier import ModelError

log = logging.getLogger(__name__)

LOOK_S = 1.0
"""So often the thread looks at the model on probation, and for an offer made at the device."""

TOLD_AFTER = 3
"""So many refusals of the repository in a row are told to the server; asking goes on."""


NEWS_S = 600.0
"""So long after it was put in use the server hears of a new model more often."""


TRUST_AGAIN_S = 300.0
"""A server that has no repository yet is asked again so often."""


SUPERSEDED = "another model was wished for before it was proven"


class HungError(RuntimeError):
    """The model in use hangs; it has been taken back, and a new process must begin without it."""


class ModelUpdater:
    """`first_model`, then `run` in a thread of its own. `report` and `is_under_way` may be asked from any thread."""

    def __init__(
        self,
        settings: Settings,
        slots: Slots,
        obtaining: Obtaining,
        offers: Offers,
        directives: Directives,
        tell: Callable[[], None] = lambda: None,
    ) -> None:
        """`tell` is called when there is news for the server."""
        self._settings, self._slots, self._obtaining, self._directives = settings, slots, obtaining, directives
        self._tell = tell
        self._offers = offers
        self._backoff = Backoff(settings.updates.backoff_first_s, settings.updates.backoff_last_s)
        self._in_use = ModelInUse(slots, settings.updates)
        self._pursued: Offer | None = None
        self._not_before_s = 0.0
        self._refusals = 0
        self._obtains = self._unsettled = False
        self._installed_s = float("-inf")
        self._trusts, self._trust_again_s = False, 0.0

    def first_model(self) -> FaceClassifier:
        """Return the model to begin with; raise `ModelError` when there is none."""
        return self._in_use.first()

    def report(self) -> ModelUpdate | None:
        return self._slots.journal.report()

    def is_under_way(self) -> bool:
        """A model that waits for faces all night is no longer news."""
        if self._slots.journal.state == "installed":
            return time.monotonic() - self._installed_s < NEWS_S
        return self._obtains or self._slots.journal.state in {"downloaded", "verified"}

    def run(self, stop: threading.Event, adopt: Callable[[FaceClassifier], None]) -> None:
        """Work until `stop`; `adopt` lets the seeing side look with another model. `HungError` ends it, too."""
        self._in_use.adopt = adopt
        self._pursued = self._offers.holding(self._directives.wishes.desired_model)
        self._tidy()
        while not stop.is_set():
            self._directives.changed.clear()
            try:
                self.turn()
            except HungError:
                raise
            except Exception:  # the edge of the thread
                LOOP_FAILURES.labels(loop="update").inc()
                log.exception("updating failed")
                self._put_off()
            UNDER_WAY.set(self.is_under_way())
            self._directives.changed.wait(LOOK_S)
        self._look_after()
        self._keep(self._slots.stopped)

    def turn(self) -> None:
        """Look at the model in use, then do what is wished for, as far as it is due."""
        if self._unsettled:
            self._settle()
        self._look_after()
        self._trust()
        offer = self._offers.holding(self._directives.wishes.desired_model)
        if offer != self._pursued:
            self._pursued, self._not_before_s, self._refusals = offer, 0.0, 0
            self._backoff.succeeded()
        if offer is None or self._is_settled(offer) or time.monotonic() < self._not_before_s:
            return
        if self._slots.is_proven(offer.digest):
            self._go_to(offer)
        else:
            self._pursue(offer)

    def _trust(self) -> None:
        """Learn whose models to trust as soon as there is a server, not only when it has one to offer."""
        if self._trusts or not self._directives.known or time.monotonic() < self._trust_again_s:
            return
        self._trust_again_s = time.monotonic() + TRUST_AGAIN_S
        try:
            self._obtaining.repository().trust()
        except (SourceUnavailableError, RepositoryRefusedError, OSError) as error:
            log.info("no root of a model repository yet", extra={"reason": str(error)})
        else:
            self._trusts = True

    def _is_settled(self, offer: Offer) -> bool:
        journal = self._slots.journal
        if journal.refuses(offer):
            return True
        return journal.offer == offer and journal.state in {"installed", "confirmed"}

    def _go_to(self, offer: Offer) -> None:
        """Use a model that was good before: it is here, so neither server nor proof is needed."""
        if self._in_use.digest != offer.digest:
            self._in_use.use(self._slots.load(offer.digest), proven=True)
        self._in_use.prove()
        self._keep(lambda: self._slots.confirm(offer))

    def _pursue(self, offer: Offer) -> None:
        if self._slots.journal.state == "installed":
            self._take_back(SUPERSEDED)
        self._obtains = True
        try:
            self._obtaining.obtain(offer, lambda state: self._reached(offer, state))
            self._install(offer)
        except ModelRefusedError as refusal:
            self._count("model")
            self._refuse(offer, str(refusal))
        except ModelError as error:
            self._count("model")
            self._refuse(offer, f"it cannot be loaded: {error}")
        except TargetRefusedError as refusal:
            self._count("altered")
            self._doubt(offer, str(refusal))
        except RepositoryRefusedError as refusal:
            self._count(refusal.why)
            self._doubt(offer, str(refusal))
        except SourceUnavailableError as error:
            self._count("unavailable")
            self._put_off(str(error), error.retry_after_s)
        except OSError as error:
            self._count("disk_full" if error.errno in NO_ROOM else "disk")
            self._put_off(str(error))
        else:
            self._backoff.succeeded()
            self._refusals = 0
        finally:
            self._obtains = False

    def _reached(self, offer: Offer, state: UpdateState) -> None:
        self._slots.note(offer, state)
        self._tell()

    def _install(self, offer: Offer) -> None:
        classifier = self._slots.load(offer.digest)
        self._unsettled = not self._slots.install(offer)
        self._installed_s = time.monotonic()
        self._in_use.use(classifier, proven=False)
        self._tell()

    def _look_after(self) -> None:
        """Confirm or take back the model on probation, when that can be told."""
        verdict, offer = self._in_use.verdict(), self._slots.journal.offer
        if verdict is None or offer is None:
            return
        word, reason = verdict
        if word == "proven":
            self._in_use.prove()
            self._keep(lambda: self._slots.confirm(offer))
            self._tidy()
            return
        self._count("in_use")
        log.warning("model taken back", extra={"version": self._in_use.version, "reason": reason})
        if word == "hung":
            self._keep(lambda: self._slots.revert(reason))
            raise HungError(reason)
        self._take_back(reason)

    def _take_back(self, reason: str) -> None:
        """Go back to the last good model, whether the disk takes note of it or not."""
        self._return_to_good()
        self._keep(lambda: self._slots.revert(reason))

    def _return_to_good(self) -> None:
        try:
            self._in_use.return_to_good()
        except ModelError:
            log.exception("no good model can be loaded: the one in use stays")

    def _refuse(self, offer: Offer, reason: str, *, retry: bool = False) -> None:
        """`offer` is not used; neither is an unproven one that it came upon."""
        log.warning("model refused", extra={"version": offer.version, "reason": reason})
        self._return_to_good()
        self._keep(lambda: self._slots.refuse(offer, reason, retry=retry))
        self._tidy()

    def _doubt(self, offer: Offer, reason: str) -> None:
        """Something is wrong with the repository, which may be mended: say so after some tries, and go on trying."""
        self._refusals += 1
        self._put_off(reason)
        if self._refusals == TOLD_AFTER:
            self._refuse(offer, reason, retry=True)

    def _put_off(self, reason: str = "", asked_s: float | None = None) -> None:
        wait_s = self._backoff.next_s(asked_s)
        self._not_before_s = time.monotonic() + wait_s
        if reason:
            log.warning("model not obtained", extra={"reason": reason, "again_in_s": round(wait_s, 1)})

    def _keep(self, write: Callable[[], None]) -> None:
        """What was decided holds, whether the disk takes it now or later."""
        try:
            write()
        except OSError:
            self._count("disk")
            log.exception("state of models cannot be kept")
            self._unsettled = True
        self._tell()

    def _tidy(self) -> None:
        """What neither is in use nor may be gone back to, nor is on its way, goes."""
        pursued = self._pursued.digest if self._pursued and not self._slots.journal.refuses(self._pursued) else None
        try:
            self._slots.tidy(pursued)
        except OSError:
            self._count("disk")
            log.exception("old models cannot be removed")

    def _settle(self) -> None:
        try:
            self._slots.settle()
        except OSError:
            return
        self._unsettled = False

    @staticmethod
    def _count(reason: str) -> None:
        UPDATE_FAILURES.labels(reason=reason).inc()
