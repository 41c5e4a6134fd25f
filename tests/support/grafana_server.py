"""A stand-in for Grafana 12: the paths of its HTTP API that `grafana.access` uses, kept in memory, served for real.

No Grafana could be had where this was written; shapes and status codes follow its documentation.
"""

import json
import threading
import time
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import uvicorn
from fastapi import FastAPI, HTTPException, Request

from support.servers import free_port

ADMIN = {"id": 1, "login": "admin", "name": "", "email": "admin@localhost", "isGrafanaAdmin": True}


@dataclass
class Organisation:
    id: int
    name: str
    sources: dict[str, dict[str, Any]] = field(default_factory=dict)
    folders: dict[str, dict[str, Any]] = field(default_factory=dict)
    permissions: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    boards: dict[str, dict[str, Any]] = field(default_factory=dict)
    teams: list[dict[str, Any]] = field(default_factory=list)
    members: dict[int, str] = field(default_factory=lambda: {1: "Admin"})
    preferences: dict[str, Any] = field(default_factory=dict)


def _first() -> Organisation:
    """The organisation that Grafana begins with, after it has read its files."""
    made = Organisation(1, "Main Org.")
    made.boards["stressvision-operations"] = {"dashboard": {}, "folderUid": "stressvision-operations", "versions": []}
    return made


@dataclass
class Grafana:
    """`wrong_passwords`: data sources, by organisation and uid, whose database refuses them. `writes`: what changed."""

    password: str
    url: str = ""
    organisations: dict[int, Organisation] = field(default_factory=lambda: {1: _first()})
    users: dict[int, dict[str, Any]] = field(default_factory=lambda: {1: dict(ADMIN)})
    wrong_passwords: set[tuple[str, str]] = field(default_factory=set)
    writes: list[str] = field(default_factory=list)

    def named(self, name: str) -> Organisation:
        (one,) = [each for each in self.organisations.values() if each.name == name]
        return one


@contextmanager
def serve(password: str) -> Iterator[Grafana]:
    grafana = Grafana(password)
    port = free_port()
    server = uvicorn.Server(uvicorn.Config(_app(grafana), host="127.0.0.1", port=port, log_level="error"))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        while not server.started:
            time.sleep(0.01)
        grafana.url = f"http://127.0.0.1:{port}"
        yield grafana
    finally:
        server.should_exit = True
        thread.join()


def _app(grafana: Grafana) -> FastAPI:
    app = FastAPI()
    wanted = "Basic " + b64encode(f"admin:{grafana.password}".encode()).decode()

    @app.api_route("/api/{path:path}", methods=["GET", "POST", "PUT", "PATCH", "DELETE"])
    async def answer(path: str, request: Request) -> Any:
        if request.headers.get("Authorization") != wanted:
            raise HTTPException(401)
        body = {} if request.method == "GET" else json.loads(await request.body() or "{}")
        if request.method != "GET":
            grafana.writes.append(f"{request.method} {path}")
        inside = grafana.organisations.get(int(request.headers.get("X-Grafana-Org-Id", "1")))
        if inside is None:
            raise HTTPException(404)
        first, *rest = path.split("/")
        return ANSWERS[first](grafana, inside, request.method, rest, body, dict(request.query_params))

    return app


def _known(thing: Any) -> Any:
    if thing is None:
        raise HTTPException(404)
    return thing


def _orgs(grafana: Grafana, inside: Organisation, method: str, rest: list[str], body: Any, query: Any) -> Any:
    match method, rest:
        case "GET", []:
            return [{"id": each.id, "name": each.name} for each in grafana.organisations.values()]
        case "POST", []:
            number = max(grafana.organisations) + 1
            grafana.organisations[number] = Organisation(number, body["name"])
            return {"orgId": number, "message": "Organization created"}
        case "PUT", [number]:
            grafana.organisations[int(number)].name = body["name"]
        case "GET", [number, "users"]:
            members = grafana.organisations[int(number)].members
            return [
                {"orgId": int(number), "userId": user, "login": grafana.users[user]["login"], "role": role}
                for user, role in members.items()
            ]
        case "POST", [number, "users"]:
            (user,) = [each["id"] for each in grafana.users.values() if each["login"] == body["loginOrEmail"]]
            grafana.organisations[int(number)].members[user] = body["role"]
        case "PATCH", [number, "users", user]:
            grafana.organisations[int(number)].members[int(user)] = body["role"]
        case "DELETE", [number, "users", user]:
            del grafana.organisations[int(number)].members[int(user)]
            for team in grafana.organisations[int(number)].teams:
                team["members"].discard(int(user))
        case _:
            raise HTTPException(405)
    return {"message": "done"}


def _org(grafana: Grafana, inside: Organisation, method: str, rest: list[str], body: Any, query: Any) -> Any:
    assert rest == ["preferences"]
    if method == "PATCH":
        if body["homeDashboardUID"] not in inside.boards:
            raise HTTPException(404)
        inside.preferences.update(body)
    return inside.preferences


def _users(grafana: Grafana, inside: Organisation, method: str, rest: list[str], body: Any, query: Any) -> Any:
    if rest == ["lookup"]:
        found = [each for each in grafana.users.values() if each["login"] == query["loginOrEmail"]]
        return _known(found[0] if found else None)
    return _known(grafana.users.get(int(rest[0])))


def _admin(grafana: Grafana, inside: Organisation, method: str, rest: list[str], body: Any, query: Any) -> Any:
    assert (method, rest) == ("POST", ["users"])
    assert len(body["password"]) >= 12
    number = max(grafana.users) + 1
    grafana.users[number] = {
        "id": number, "login": body["login"], "name": body["name"], "email": body["email"], "isGrafanaAdmin": False,
    }  # fmt: skip
    grafana.organisations[body["OrgId"]].members[number] = "Viewer"
    return {"id": number, "message": "User created"}


def _datasources(grafana: Grafana, inside: Organisation, method: str, rest: list[str], body: Any, query: Any) -> Any:
    match method, rest:
        case "GET", []:
            return list(inside.sources.values())
        case "POST", []:
            if body["uid"] in inside.sources:
                raise HTTPException(409)
            inside.sources[body["uid"]] = _without_secrets(body, len(inside.sources) + 1)
        case "GET", ["uid", uid, "health"]:
            _known(inside.sources.get(uid))
            if (inside.name, uid) in grafana.wrong_passwords:
                raise HTTPException(400, "password authentication failed")
            return {"status": "OK", "message": "Database Connection OK"}
        case "PUT", ["uid", uid]:
            inside.sources[uid] = _without_secrets(body, inside.sources[uid]["id"])
            grafana.wrong_passwords.discard((inside.name, uid))
        case "DELETE", ["uid", uid]:
            del inside.sources[uid]
        case _:
            raise HTTPException(405)
    return {"message": "done"}


def _without_secrets(body: dict[str, Any], number: int) -> dict[str, Any]:
    kept = {key: value for key, value in body.items() if key != "secureJsonData"}
    return {**kept, "id": number, "isDefault": False, "readOnly": False, "password": "", "basicAuth": False}


def _folders(grafana: Grafana, inside: Organisation, method: str, rest: list[str], body: Any, query: Any) -> Any:
    match method, rest:
        case "POST", []:
            inside.folders[body["uid"]] = {"uid": body["uid"], "title": body["title"], "version": 1}
            inside.permissions[body["uid"]] = [
                {"role": "Viewer", "permission": 1, "inherited": False},
                {"role": "Editor", "permission": 2, "inherited": False},
            ]
        case "PUT", [uid]:
            inside.folders[uid]["title"] = body["title"]
        case "GET", [uid, "permissions"]:
            _known(inside.folders.get(uid))
            return inside.permissions[uid]
        case "POST", [uid, "permissions"]:
            inside.permissions[uid] = [{**item, "inherited": False} for item in body["items"]]
        case "GET", [uid]:
            return _known(inside.folders.get(uid))
        case _:
            raise HTTPException(405)
    return {"message": "done"}


def _dashboards(grafana: Grafana, inside: Organisation, method: str, rest: list[str], body: Any, query: Any) -> Any:
    match method, rest:
        case "POST", ["db"]:
            _known(inside.folders.get(body["folderUid"]))
            uid = body["dashboard"]["uid"]
            before = inside.boards.get(uid, {"versions": []})
            number = 1 + max((each["version"] for each in before["versions"]), default=0)
            version = {"version": number, "message": body["message"]}
            inside.boards[uid] = {**body, "versions": [version, *before["versions"]]}
        case "GET", ["uid", uid]:
            return {"dashboard": _known(inside.boards.get(uid))["dashboard"], "meta": {}}
        case "GET", ["uid", uid, "versions"]:
            return {"continueToken": "", "versions": _known(inside.boards.get(uid))["versions"]}
        case "DELETE", ["uid", uid]:
            del inside.boards[uid]
        case _:
            raise HTTPException(405)
    return {"message": "done"}


def _search(grafana: Grafana, inside: Organisation, method: str, rest: list[str], body: Any, query: Any) -> Any:
    assert query["type"] == "dash-db"
    return [{"uid": uid} for uid, board in inside.boards.items() if board["folderUid"] == query["folderUIDs"]]


def _teams(grafana: Grafana, inside: Organisation, method: str, rest: list[str], body: Any, query: Any) -> Any:
    match method, rest:
        case "GET", ["search"]:
            return {"teams": inside.teams, "page": 1, "perPage": 1000, "totalCount": len(inside.teams)}
        case "POST", []:
            inside.teams.append({"id": len(inside.teams) + 1, "name": body["name"], "members": set()})
            return {"teamId": len(inside.teams), "message": "Team created"}
        case "GET", [team, "members"]:
            return [{"userId": user} for user in sorted(inside.teams[int(team) - 1]["members"])]
        case "POST", [team, "members"]:
            if body["userId"] not in inside.members:
                raise HTTPException(404)
            inside.teams[int(team) - 1]["members"].add(body["userId"])
        case "DELETE", [team, "members", user]:
            inside.teams[int(team) - 1]["members"].remove(int(user))
        case _:
            raise HTTPException(405)
    return {"message": "done"}


ANSWERS = {
    "orgs": _orgs,
    "org": _org,
    "users": _users,
    "admin": _admin,
    "datasources": _datasources,
    "folders": _folders,
    "dashboards": _dashboards,
    "search": _search,
    "teams": _teams,
}
