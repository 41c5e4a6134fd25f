"""Grafana's HTTP API, as far as the job needs it: the only module that knows grafana-client."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import niquests
from grafana_client.api import GrafanaApi
from grafana_client.client import GrafanaClientError, GrafanaException

from grafana.access.wishes import AccessError

NOT_FOUND = 404
TIMEOUT_S = 30.0


class Server:
    """One Grafana, spoken to as its administrator; `inside` gives the same in another organisation."""

    def __init__(self, url: str, password: str, *, user: str = "admin", organisation: int | None = None) -> None:
        self.url, self.user, self._password = url, user, password
        parts = urlsplit(url)
        prefix = f"{parts.path.strip('/')}/" if parts.path.strip("/") else ""
        self.api: Any = GrafanaApi(  # none of its methods is typed
            (user, password),
            host=parts.netloc,
            protocol=parts.scheme,
            url_path_prefix=prefix,
            timeout=TIMEOUT_S,
            organization_id=organisation,
        )

    def inside(self, organisation: int) -> "Server":
        return Server(self.url, self._password, user=self.user, organisation=organisation)

    def found(self, ask: Callable[..., Any], *given: Any) -> Any:
        """What `ask` answers, or None where Grafana knows no such thing."""
        try:
            return ask(*given)
        except GrafanaClientError as error:
            if error.status_code == NOT_FOUND:
                return None
            raise

    def opens(self, uid: str) -> bool:
        """Whether a data source gets into its database."""
        try:
            return bool(self.api.datasource.health(uid).get("status") == "OK")
        except GrafanaClientError:
            return False

    def close(self) -> None:
        self.api.client.s.close()


@contextmanager
def in_words(url: str) -> Iterator[None]:
    """Raise `AccessError` instead of what the client raises; the words hold no password."""
    try:
        yield
    except niquests.exceptions.ConnectionError as error:
        raise AccessError(f"no Grafana answers at {url}: start it, or name another as GRAFANA_URL") from error
    except GrafanaException as error:
        if error.status_code == 401:
            raise AccessError("Grafana does not take GRAFANA_ADMIN_PASSWORD: was it changed there?") from error
        raise AccessError(f"Grafana refused: {error.message}") from error
