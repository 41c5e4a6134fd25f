"""What installs packages: pip, fetched where Python came without it, and uv, both as the user's settings of pip say."""

import configparser
import hashlib
import os
import re
import ssl
import urllib.request
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import urldefrag, urljoin

_UV = {
    "index-url": "UV_DEFAULT_INDEX",
    "extra-index-url": "UV_INDEX",
    "find-links": "UV_FIND_LINKS",
    "trusted-host": "UV_INSECURE_HOST",
    "cert": "SSL_CERT_FILE",
    "proxy": "ALL_PROXY",
    "timeout": "UV_HTTP_TIMEOUT",
}
"""Settings of pip, and uv's variables for them (docs.astral.sh/uv/reference/environment)."""


class _Links(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found += [value for name, value in attrs if tag == "a" and name == "href" and value]


def read_setting(name: str) -> str | None:
    """A setting of pip: from the environment, else from the user's, else from the machine's configuration file."""
    value = os.environ.get(f"PIP_{name.upper().replace('-', '_')}")
    if value:
        return value
    home = Path.home()
    named = os.environ.get("PIP_CONFIG_FILE")
    files = [Path(named)] if named else []
    files += [home / ".config/pip/pip.conf", home / ".pip/pip.conf", Path("/etc/pip.conf")]
    for file in files:
        parser = configparser.ConfigParser(interpolation=None)
        parser.read(file)
        for section in ("install", "global"):
            if parser.has_option(section, name):
                return parser.get(section, name)
    return None


def uv_settings() -> dict[str, str]:
    """Pip's settings as uv's variables, for uv reads none of pip's. What the environment says to uv itself stays."""
    found: dict[str, str] = {}
    for name, variable in _UV.items():
        words = (read_setting(name) or "").split()
        if name == "find-links":  # pip passes over a folder that is not there, uv ends with an error
            words = [word for word in words if "://" in word or Path(word).is_dir()]
        if words and variable not in os.environ:
            found[variable] = ("," if name == "find-links" else " ").join(words)
    return found


def fetch_pip(pin: Path, folder: Path) -> Path:
    """The wheel of the version and digest that `pin` names, saved in `folder`; `RuntimeError` if there is none."""
    pinned = re.search(r"^pip==(\S+) --hash=sha256:([0-9a-f]{64})$", pin.read_text(), re.MULTILINE)
    if pinned is None:
        raise RuntimeError(f"{pin} pins no pip with a hash")
    name = f"pip-{pinned[1]}-py3-none-any.whl"
    index = read_setting("index-url")
    if index is None:
        raise RuntimeError("this Python has no pip: install python3.11-venv, or name a package index in PIP_INDEX_URL")
    page = index.rstrip("/") + "/pip/"
    links = _Links()
    links.feed(_read(page).decode())
    for link in links.found:
        if urldefrag(link).url.rsplit("/", 1)[-1] == name:
            data = _read(urljoin(page, urldefrag(link).url))
            if hashlib.sha256(data).hexdigest() != pinned[2]:
                raise RuntimeError(f"{name} from {page} is not the pinned file: its SHA-256 differs")
            wheel = folder / name
            wheel.write_bytes(data)
            return wheel
    raise RuntimeError(f"{page} has no {name}: install your Python's venv package (python3.11-venv), or another index")


def _read(url: str) -> bytes:
    context = ssl.create_default_context(cafile=read_setting("cert"))
    with urllib.request.urlopen(url, timeout=60, context=context) as answer:
        return bytes(answer.read())
