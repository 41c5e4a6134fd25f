"""Where alerts are sent: a TOML file with addresses that are secrets, so it is the worker's alone and never logged.

[[channels]]
name = "callao-shift"         # shows in logs, in the API and in the database
url = "tgram://token/chat"    # any address that Apprise knows
step = 1                      # 1: told at once; 2: told when nobody acknowledges
sites = ["Callao"]            # left out: every site
"""

import logging
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import apprise
from apprise import Apprise, AppriseAsset, NotifyFormat, NotifyType
from apprise.common import PersistentStoreMode

from stressvision_store.alerts_raising import Channel

OTHERS = 0o077


class ChannelsError(ValueError):
    """The file of channels cannot be used; the message names the file and the entry, never an address."""


@dataclass(frozen=True, slots=True)
class AddressedChannel:
    """`url` is a secret: it is in no representation."""

    channel: Channel
    url: "Secret"

    def send(self, title: str, body: str) -> bool:
        """Whether it went out. Blocks for as long as Apprise waits: 4 s to connect and 4 s for an answer."""
        asset = AppriseAsset(
            app_id="Stress Vision",
            app_desc="Stress Vision",
            storage_mode=PersistentStoreMode.MEMORY,
            async_mode=False,
            secure_logging=True,
        )
        sender = Apprise(asset=asset)
        if not sender.add(self.url.word):
            return False
        return bool(
            sender.notify(body=body, title=title, notify_type=NotifyType.WARNING, body_format=NotifyFormat.TEXT)
        )


class Secret:
    """A word that does not show by accident."""

    __slots__ = ("word",)

    def __init__(self, word: str) -> None:
        self.word = word

    def __repr__(self) -> str:
        return "…"


def silence_senders() -> None:
    """What Apprise and its clients log names hosts, and at the debug level whole addresses with their tokens."""
    for name in ("apprise", "urllib3", "requests_oauthlib", "oauthlib"):
        logger = logging.getLogger(name)
        logger.handlers = [logging.NullHandler()]
        logger.propagate = False


def load_channels(path: Path) -> list[AddressedChannel]:
    """Raise `ChannelsError` when the file is readable by others, or when an entry is wrong."""
    try:
        if path.stat().st_mode & OTHERS:
            raise ChannelsError(f"{path} holds secrets and may be read by others; chmod 600 it")
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ChannelsError(f"{path} cannot be read: {error.strerror}") from None
    except tomllib.TOMLDecodeError as error:
        raise ChannelsError(f"{path} is no TOML: {error}") from None
    if set(content) - {"channels"} or not isinstance(content.get("channels", []), list):
        raise ChannelsError(f"{path} holds [[channels]] and nothing else")
    channels = [_channel(path, place, entry) for place, entry in enumerate(content.get("channels", []), 1)]
    names = [each.channel.name for each in channels]
    if twice := {name for name in names if names.count(name) > 1}:
        raise ChannelsError(f"{path}: the name {min(twice)!r} is given twice")
    return channels


def _channel(path: Path, place: int, entry: Any) -> AddressedChannel:
    def fail(what: str) -> ChannelsError:
        return ChannelsError(f"{path}, channel {place}: {what}")

    if not isinstance(entry, dict) or set(entry) - {"name", "url", "step", "sites"}:
        raise fail("an entry has name and url, and may have step and sites")
    name, url, step, sites = entry.get("name"), entry.get("url"), entry.get("step", 1), entry.get("sites")
    if not isinstance(name, str) or not name:
        raise fail("name is missing")
    if step not in (1, 2):
        raise fail("step is 1 (told at once) or 2 (told when nobody acknowledges)")
    if sites is not None and not (isinstance(sites, list) and sites and all(isinstance(each, str) for each in sites)):
        raise fail("sites is a list of names of sites")
    if not isinstance(url, str) or apprise.Apprise.instantiate(url, suppress_exceptions=True) is None:
        raise fail("url is no address that Apprise knows (see its list of services)")
    return AddressedChannel(Channel(name, step, None if sites is None else frozenset(sites)), Secret(url))
