"""What the server and the person at the station want of this device; kept on disk, so that it holds offline.

Until a server has said which profile the site has, nothing may be seen.
"""

import logging
import threading
from dataclasses import replace
from pathlib import Path
from typing import Literal

import msgspec

from stressvision_agent.drafts import AnyDraft, EpisodeDraft, WindowDraft
from stressvision_agent.files import write_whole
from stressvision_agent.metrics import DIRECTIVE_FAILURES, PAUSED, WITHHELD
from stressvision_agent.off_line import OffLine
from stressvision_contracts.fleet import DesiredModel, HeartbeatReply
from stressvision_contracts.labels import PROFILE_CONDITIONS, PROFILE_LABELS, SiteProfile

log = logging.getLogger(__name__)

PauseReason = Literal["worker", "server", "profile"]


class Wishes(msgspec.Struct, frozen=True, kw_only=True):
    """The last answer to a heartbeat, as far as it outlives the moment."""

    site_profile: SiteProfile = "off"
    paused: bool = False
    desired_model: DesiredModel | None = None


class Directives:
    """Thread-safe: one thread writes, all read one immutable value. `known`: a server has once said what it wants.

    `changed` is set when the wishes change, for one thread that waits for it.
    """

    def __init__(self, file: Path, off_switch: Path, off_line: OffLine | None = None) -> None:
        self._file, self._off_switch, self._off_line = file, off_switch, off_line
        kept = _read(file)
        self.known = kept is not None
        self.wishes = kept or Wishes()
        self.changed = threading.Event()

    def obey(self, reply: HeartbeatReply) -> None:
        """Take over what the server wants and keep it. A disk that refuses is counted; the wish holds all the same."""
        wishes = Wishes(site_profile=reply.site_profile, paused=reply.paused, desired_model=reply.desired_model)
        if self.known and wishes == self.wishes:
            return
        log.info("server's wishes changed", extra={"wishes": msgspec.to_builtins(wishes)})
        self.wishes, self.known = wishes, True
        self.changed.set()
        try:
            write_whole(self._file, msgspec.json.encode(wishes))
        except OSError:
            DIRECTIVE_FAILURES.inc()
            log.exception("server's wishes cannot be kept")

    def pause_reason(self) -> PauseReason | None:
        """Why nothing may be seen. The switch at the station outranks the server."""
        reason: PauseReason | None = None
        if self._is_switched_off():
            reason = "worker"
        elif self.wishes.paused:
            reason = "server"
        elif self.wishes.site_profile == "off":
            reason = "profile"
        PAUSED.set(reason is not None)
        return reason

    def _is_switched_off(self) -> bool:
        try:
            self._off_switch.lstat()
        except (FileNotFoundError, NotADirectoryError):
            return self._off_line is not None and self._off_line.is_closed()
        except OSError:  # a switch that cannot be read may be on
            DIRECTIVE_FAILURES.inc()
        return True

    def is_paused(self) -> bool:
        return self.pause_reason() is not None

    def admit(self, draft: AnyDraft) -> AnyDraft | None:
        """`draft` without what the site's profile forbids; None when nothing of it may leave the device."""
        profile = self.wishes.site_profile
        match draft:
            case EpisodeDraft() if draft.condition not in PROFILE_CONDITIONS[profile]:
                WITHHELD.inc()
                return None
            case WindowDraft():
                labels = PROFILE_LABELS[profile]
                if not labels:
                    WITHHELD.inc()
                    return None
                return replace(
                    draft,
                    seconds={label: value for label, value in draft.seconds.items() if label in labels},
                    mean_probability={
                        label: value for label, value in draft.mean_probability.items() if label in labels
                    },
                )
            case _:
                return draft


def _read(file: Path) -> Wishes | None:
    try:
        return msgspec.json.decode(file.read_bytes(), type=Wishes)
    except FileNotFoundError:
        return None
    except (OSError, msgspec.DecodeError):
        DIRECTIVE_FAILURES.inc()
        log.exception("server's wishes cannot be read: nothing is seen until the next heartbeat")
        return None
