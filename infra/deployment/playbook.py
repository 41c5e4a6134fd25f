"""Runs a playbook over an inventory and says in the end which hosts need what."""

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

from deployment import operator_tools, payload
from deployment.layout import ANSIBLE, PAYLOAD, DeploymentError, is_bundle

_RECAP = re.compile(
    r"^(?P<host>\S+)\s+: ok=\d+\s+changed=(?P<changed>\d+)\s+unreachable=(?P<unreachable>\d+)\s+failed=(?P<failed>\d+)"
)
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")


def check_inventory(name: str) -> Path:
    """The inventory's path; `DeploymentError` says what to do when there is none."""
    example = ANSIBLE / "hosts.example.yml"
    if not name:
        raise DeploymentError(
            f"say which hosts: make deploy INVENTORY=hosts.yml, a copy of {example} with your hosts in it"
        )
    path = Path(name).resolve()
    if not path.exists():
        raise DeploymentError(f"there is no inventory {path}: copy {example} there and put your hosts in it")
    return path


def play(book: str, inventory: Path, words: str = "", **variables: object) -> None:
    """Run `book` with more words for ansible-playbook; `DeploymentError` names hosts that did not get through."""
    programs = operator_tools.ensure()
    given = {"payload": str(PAYLOAD), "release": payload.digest(), "offline": is_bundle(), **variables}
    command = [
        programs / "ansible-playbook",
        "-i",
        inventory,
        "-e",
        json.dumps(given),
        *shlex.split(words),
        ANSIBLE / book,
    ]
    settings = {
        **os.environ,
        "ANSIBLE_CONFIG": str(ANSIBLE / "ansible.cfg"),
        "PATH": f"{programs}:{os.environ['PATH']}",
    }
    if sys.stdout.isatty():
        settings["ANSIBLE_FORCE_COLOR"] = "1"
    lines = []
    with subprocess.Popen(list(map(str, command)), env=settings, stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        for line in running.stdout:
            print(line, end="", flush=True)
            lines.append(_COLOUR.sub("", line))
    judge(lines, running.returncode, inventory)


def judge(lines: list[str], code: int, inventory: Path) -> None:
    """Raise `DeploymentError` unless every host in Ansible's recap got through."""
    recap = [found for line in lines if (found := _RECAP.match(line))]
    away = [found["host"] for found in recap if int(found["unreachable"])]
    failed = [found["host"] for found in recap if int(found["failed"])]
    if away:
        raise DeploymentError(
            f"not reached: {', '.join(away)}. Look above at UNREACHABLE; try `ssh USER@ADDRESS` with the inventory's "
            "ansible_user, ansible_host and ansible_ssh_private_key_file. The other hosts are not held up by it"
            + (f". Failed: {', '.join(failed)}" if failed else "")
        )
    if failed:
        raise DeploymentError(f"failed: {', '.join(failed)}. Mend what stands above at `fatal:`, and run it again")
    if code != 0:
        raise DeploymentError(f"ansible-playbook ended with {code}; its words stand above")
    if not recap:
        raise DeploymentError(f"{inventory} names no host (or the limit leaves none)")
