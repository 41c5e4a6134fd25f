"""Why a job does not go on.

StopError          the trainer stops working on it
├── LostError      another trainer holds it
├── CancelledError its cancelling was asked for
└── AskedToStop    this process was
JobError           it failed; the message is for whoever asked for it
ChangedError       what it learnt from has changed; it begins anew
"""


class StopError(Exception):
    """The trainer stops working on the job."""


class LostError(StopError):
    """Another trainer holds the job, or nobody needs it any more."""


class CancelledError(StopError):
    """Its cancelling was asked for."""


class AskedToStopError(StopError):
    """This process is to end; the job goes back to the queue."""


class JobError(Exception):
    """The job failed; the message is for whoever asked for it."""


class ChangedError(Exception):
    """What the job learnt from has changed; it begins anew."""


class ControlError(Exception):
    """The control API refused, or did not answer for long; the message says what, `field` which value is to blame."""

    def __init__(
        self, message: str, status: int | None = None, *, field: str | None = None, retry_after_s: float | None = None
    ) -> None:
        super().__init__(message)
        self.status, self.field, self.retry_after_s = status, field, retry_after_s
