"""The off switch on a GPIO line: a toggle between the line and ground, pulled up inside the board."""

import logging
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from stressvision_agent.metrics import DIRECTIVE_FAILURES
from stressvision_agent.settings import DeviceSettings

if TYPE_CHECKING:
    from gpiod import LineRequest

log = logging.getLogger(__name__)


class OffLine:
    """Holds the line from the first look on. Thread-safe."""

    def __init__(self, chip: Path, line: int) -> None:
        self._chip, self._line = chip, line
        self._request: LineRequest | None = None
        self._faulty = False
        self._lock = threading.Lock()

    def is_closed(self) -> bool:
        """Whether nothing may be seen. A line that cannot be read counts as closed, and is taken anew next time."""
        with self._lock:
            try:
                closed = self._read()
            except OSError:
                DIRECTIVE_FAILURES.inc()
                if not self._faulty:
                    log.exception("off switch cannot be read: nothing is seen", extra={"chip": str(self._chip)})
                self._faulty = True
                self._let_go()
                return True
            self._faulty = False
            return closed

    def read(self) -> bool:
        """Whether the switch is closed; raise `OSError` when the line cannot be had, as while the agent has it."""
        with self._lock:
            return self._read()

    def release(self) -> None:
        """Let others have the line. Idempotent."""
        with self._lock:
            self._let_go()

    def _read(self) -> bool:
        import gpiod
        from gpiod.line import Bias, Direction, Value

        if self._request is None:
            wanted = gpiod.LineSettings(direction=Direction.INPUT, bias=Bias.PULL_UP, active_low=True)
            self._request = gpiod.request_lines(
                str(self._chip), consumer="stressvision-agent", config={self._line: wanted}
            )
        return self._request.get_value(self._line) is Value.ACTIVE

    def _let_go(self) -> None:
        request, self._request = self._request, None
        if request is not None:
            request.release()


def open_off_line(settings: DeviceSettings) -> OffLine | None:
    """None where the station has no such switch."""
    return None if settings.off_line is None else OffLine(settings.off_chip, settings.off_line)
