"""Makes Grafana what it ought to be. What is so already is left alone: a second run changes nothing."""

import json
import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

from grafana.access.server import Server
from grafana.access.wishes import AUDIENCES, AccessError, Audience, Folder, Person

FILES_S = 20.0
"""How long a Grafana that has just started may take to read its files."""

VIEW = 1
"""Grafana's number of the permission to look."""


@dataclass(slots=True)
class Job:
    """`sources` by uid are what Grafana's API takes. `people` None: leave everybody as they are.

    `changes` says what was done; `passwords` are those of users who are new.
    """

    server: Server
    sources: Mapping[str, Mapping[str, Any]]
    dashboards: Path
    people: Sequence[Person] | None
    changes: list[str] = field(default_factory=list)
    passwords: dict[str, str] = field(default_factory=dict)

    def run(self) -> None:
        for audience in AUDIENCES:
            number = self._organisation(audience)
            inside = self.server.inside(number)
            try:
                if audience.sources:
                    self._data_sources(audience, inside)
                team = self._team(audience, inside)
                for folder in audience.folders:
                    self._folder(audience, folder, inside)
                    self._permissions(audience, folder, team, inside)
                    if audience.sources:
                        self._dashboards(audience, folder, inside)
                self._home(audience, inside)
                if self.people is not None:
                    self._members(audience, number, team, inside)
            finally:
                inside.close()

    def _did(self, audience: Audience, what: str) -> None:
        self.changes.append(f"{audience.name}: {what}")

    def _organisation(self, audience: Audience) -> int:
        orgs = self.server.api.organizations
        known = {each["name"]: int(each["id"]) for each in orgs.list_organization()}
        number = known.get(audience.organisation, audience.number)
        if number is None:
            number = int(self.server.api.organization.create_organization(audience.organisation)["orgId"])
            self._did(audience, "organisation made")
        elif audience.organisation not in known:
            orgs.update_organization(number, {"name": audience.organisation})
            self._did(audience, "organisation named")
        if self.server.user not in {member["login"] for member in orgs.organization_user_list(number)}:
            orgs.organization_user_add(number, {"loginOrEmail": self.server.user, "role": "Admin"})
            self._did(audience, f"{self.server.user} joins, to set it up")
        return number

    def _data_sources(self, audience: Audience, inside: Server) -> None:
        there = {source["uid"]: source for source in inside.api.datasource.list_datasources()}
        for uid in sorted(set(there) - set(audience.sources)):
            inside.api.datasource.delete_datasource_by_uid(uid)
            self._did(audience, f"data source {uid} taken away: viewers could have asked it anything")
        for uid in audience.sources:
            wanted = dict(self.sources[uid])
            if uid not in there:
                inside.api.datasource.create_datasource(wanted)
                self._did(audience, f"data source {uid} made")
            elif not _covers(there[uid], {key: value for key, value in wanted.items() if key != "secureJsonData"}):
                inside.api.datasource.update_datasource_by_uid(uid, wanted)
                self._did(audience, f"data source {uid} set")
            elif not inside.opens(uid):
                # Grafana never shows a password; one that no longer opens the database is the old one
                inside.api.datasource.update_datasource_by_uid(uid, wanted)
                self._did(audience, f"password of data source {uid} set")

    def _folder(self, audience: Audience, folder: Folder, inside: Server) -> None:
        there = inside.found(inside.api.folder.get_folder, folder.uid)
        if there is None:
            inside.api.folder.create_folder(folder.title, folder.uid)
            self._did(audience, f"folder {folder.uid} made")
        elif there["title"] != folder.title:
            inside.api.folder.update_folder(folder.uid, folder.title, overwrite=True)
            self._did(audience, f"folder {folder.uid} named")

    def _dashboards(self, audience: Audience, folder: Folder, inside: Server) -> None:
        """The message of a dashboard's newest version has the digest of the file that it was made of."""
        files = sorted((self.dashboards / folder.name).glob("*.json"))
        if not files:
            raise AccessError(f"no dashboards in {self.dashboards / folder.name}: is GRAFANA_DASHBOARDS right?")
        wanted = set()
        for file in files:
            board, message = json.loads(file.read_text(encoding="utf-8")), f"stressvision {_digest(file)}"
            wanted.add(board["uid"])
            if _newest_message(inside, board["uid"]) != message:
                inside.api.dashboard.update_dashboard(
                    {"dashboard": board, "folderUid": folder.uid, "message": message, "overwrite": True}
                )
                self._did(audience, f"dashboard {board['uid']} written")
        for there in inside.api.search.search_dashboards(type_="dash-db", folder_uids=folder.uid):
            if there["uid"] not in wanted:
                inside.api.dashboard.delete_dashboard(there["uid"])
                self._did(audience, f"dashboard {there['uid']} removed")

    def _team(self, audience: Audience, inside: Server) -> int:
        for team in inside.api.teams.search_teams():
            if team["name"] == audience.team:
                return int(team["id"])
        made = inside.api.teams.add_team({"name": audience.team})
        self._did(audience, "team made")
        return int(made["teamId"])

    def _permissions(self, audience: Audience, folder: Folder, team: int, inside: Server) -> None:
        there = inside.api.folder.get_folder_permissions(folder.uid)
        if {_permission(item) for item in there if not item.get("inherited")} != {("team", team, VIEW)}:
            items = {"items": [{"teamId": team, "permission": VIEW}]}
            inside.api.folder.update_folder_permissions(folder.uid, items)
            self._did(audience, f"folder {folder.uid} shown to its team alone")

    def _home(self, audience: Audience, inside: Server) -> None:
        until = time.monotonic() + FILES_S
        while inside.found(inside.api.dashboard.get_dashboard, audience.home) is None:
            if time.monotonic() > until:
                return  # Grafana may answer before it has read its files; the next run comes
            time.sleep(0.5)
        if inside.api.organization.get_preferences().get("homeDashboardUID") != audience.home:
            inside.api.client.PATCH("/org/preferences", json={"homeDashboardUID": audience.home})
            self._did(audience, f"first page is {audience.home}")

    def _members(self, audience: Audience, number: int, team: int, inside: Server) -> None:
        wanted = {person.login: person for person in self.people or () if audience.name in person.audiences}
        orgs = self.server.api.organizations
        there = {member["login"]: member for member in orgs.organization_user_list(number)}
        for login, person in wanted.items():
            if login not in there:
                if self.server.found(self.server.api.users.find_user, login) is None:
                    self._new_user(audience, person, number)
                else:
                    orgs.organization_user_add(number, {"loginOrEmail": login, "role": "Viewer"})
                    self._did(audience, f"{login} may look")
        there = {member["login"]: member for member in orgs.organization_user_list(number)}
        for login, member in there.items():
            if login in wanted and member["role"] != "Viewer":
                orgs.organization_user_update(number, member["userId"], "Viewer")
                self._did(audience, f"{login} may only look")
            if login not in wanted and not self.server.api.users.get_user(member["userId"])["isGrafanaAdmin"]:
                orgs.organization_user_delete(number, member["userId"])
                self._did(audience, f"{login} may no longer look")
        self._team_members(audience, team, {there[login]["userId"] for login in wanted}, inside)

    def _new_user(self, audience: Audience, person: Person, number: int) -> None:
        password = secrets.token_urlsafe(18)
        self.server.api.admin.create_user(
            {"login": person.login, "name": person.name, "email": person.email, "password": password, "OrgId": number}
        )
        self.passwords[person.login] = password
        self._did(audience, f"{person.login} made")

    def _team_members(self, audience: Audience, team: int, wanted: set[int], inside: Server) -> None:
        there = {int(member["userId"]) for member in inside.api.teams.get_team_members(team)}
        for each, change in (("joins", wanted - there), ("leaves", there - wanted)):
            move: Callable[[int, int], Any] = (
                inside.api.teams.add_team_member if each == "joins" else inside.api.teams.remove_team_member
            )
            for user in sorted(change):
                move(team, user)
                self._did(audience, f"user {user} {each} the team")


def _covers(there: Any, wanted: Any) -> bool:
    """Whether `there` has all that `wanted` has; Grafana adds fields of its own."""
    if isinstance(wanted, Mapping):
        return all(_covers((there or {}).get(key), value) for key, value in wanted.items())
    return bool(there == wanted)


def _digest(file: Path) -> str:
    return sha256(file.read_bytes()).hexdigest()[:16]


def _newest_message(inside: Server, uid: str) -> str | None:
    if inside.found(inside.api.dashboard.get_dashboard, uid) is None:
        return None
    answer = inside.api.dashboard_versions.get_dashboard_versions(dashboard_uid=uid)
    versions = answer["versions"] if isinstance(answer, Mapping) else answer  # Grafana 11 and before: a list
    newest = max(versions, key=lambda version: int(version["version"]), default=None)
    return None if newest is None else str(newest.get("message"))


def _permission(item: Mapping[str, Any]) -> tuple[str, Any, int]:
    for kind in ("team", "user"):
        if item.get(f"{kind}Id"):
            return kind, int(item[f"{kind}Id"]), int(item["permission"])
    return "role", item.get("role"), int(item["permission"])
