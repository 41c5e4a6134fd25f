"""A person's own page: what it shows, what it lets them do, and to whom it opens."""

import json
import re
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser

import httpx
import psycopg
import pytest
from psycopg.rows import dict_row
from redis import Redis
from sqlmodel import Session

from stressvision_control import wake_up
from stressvision_control.limits import Allowances
from stressvision_store import erasure, looks, objections, personal_links
from stressvision_store.session import transaction
from support.control import Control
from support.person import Person, person

pytestmark = pytest.mark.db
__all__ = ["person"]

WORDS = "No quiero que me observen.\r\nTampoco <script>alert(1)</script> {key} en mi puesto."


@pytest.fixture
def browser(control: Control, person: Person) -> httpx.Client:
    """Somebody with a good link, who has no token."""
    with transaction(person.database.engine("control")) as session:
        _, key = personal_links.make_link(session, person.id, days=30, actor="Ana (token 2)")
    client = control.as_role(None)
    client.base_url = f"{control.url}/my-data/{key}/"
    client.follow_redirects = True
    return client


def entries(person: Person) -> list[tuple[str, str]]:
    rows = person.connection.execute(
        "SELECT actor, action FROM audit WHERE subject = %s ORDER BY id", [f"employee {person.id}"]
    ).fetchall()
    return [(actor, action) for actor, action in rows]


class Outside(HTMLParser):
    """Finds what a page fetches or runs from elsewhere, and tags left open."""

    VOID = frozenset({"meta", "link", "br", "img", "input", "hr"})

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in self.VOID:
            self.open.append(tag)
        if tag in {"script", "img", "iframe", "link", "object", "embed"}:
            self.found.append(tag)
        self.found += [f"{name}={value}" for name, value in attrs if name.startswith("on") or name == "style"]
        self.found += [value for name, value in attrs if name in {"src", "href", "action"} and value and ":" in value]

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def check(page: str) -> None:
    parser = Outside()
    parser.feed(page)
    parser.close()
    assert parser.found == []
    assert parser.open == []


def test_the_page_shows_what_is_kept_and_who_looked(browser: httpx.Client, person: Person) -> None:
    with transaction(person.database.engine("control")) as session:
        looks.open_look(
            session, pseudonym=person.pseudonym, officer="Rosa", actor="Rosa (token 7)",
            reason="three alerts <in one> shift", lasting=timedelta(hours=2),
        )  # fmt: skip
    page = browser.get("")
    assert page.status_code == 200
    check(page.text)
    for said in (
        'lang="es"', "Mis datos", person.pseudonym, "Rosa", "three alerts &lt;in one&gt; shift",
        "Resúmenes de cinco minutos", "No hay datos suficientes", "no hace diagnósticos", "Vigente",
    ):  # fmt: skip
        assert said in page.text, said
    assert "Ana Quispe" not in page.text, "a link that went astray tells no name"
    english = browser.get("", params={"lang": "en"}).text
    check(english)
    assert 'lang="en"' in english
    assert "not enough data" in english
    assert entries(person)[-1] == ("employee", "my_data.visit")
    assert "my_data.visit" not in page.text, "one's own visits are no look"


def test_days_are_those_of_the_site_and_words_keep_their_commas(browser: httpx.Client, person: Person) -> None:
    person.connection.execute("UPDATE pictures SET added_at = '2026-03-02T02:30Z'")  # the evening before, in Lima
    said = browser.get("").text
    (row,) = re.findall("<tr><td>Imágenes para entrenar, con su consentimiento</td>.*?</tr>", said)
    assert "<td>1\N{NO-BREAK SPACE}mar.\N{NO-BREAK SPACE}2026</td>" in row


def test_a_change_of_the_roster_is_shown_to_the_person(browser: httpx.Client, control: Control, person: Person) -> None:
    (assignment,) = control.admin.get("/v1/assignments", params={"employee_id": person.id}).json()["items"]
    path = f"/v1/assignments/{assignment['id']}"
    assert control.admin.patch(path, json={"last_date": "2090-01-01"}).status_code == 200
    assert control.admin.delete(path).status_code == 204
    said = browser.get("").text
    for words in ("vio turnos asignados", "cambió un turno asignado", "quitó un turno asignado"):
        assert f"</strong> {words}." in said, words


def test_the_newest_looks_are_found_among_many(browser: httpx.Client, person: Person) -> None:
    person.connection.execute(
        "INSERT INTO audit (actor, action, subject, detail) "
        "SELECT 'kiosk ' || n, 'check_in.list', 'all employees', '{}' FROM generate_series(1, 500) n"
    )
    said = browser.get("").text
    assert re.findall("<strong>kiosk ([0-9]+)</strong>", said) == [str(n) for n in range(500, 440, -1)]


def test_a_month_is_told_in_words_and_drawn(browser: httpx.Client, person: Person) -> None:
    person.connection.execute("DELETE FROM rollup_shifts")
    today = datetime.now(UTC).date()
    for ago in range(1, 21):
        tired, observed = (400 if ago == 1 else 50 + ago), (10 if ago == 5 else 1000)
        person.connection.execute(
            "INSERT INTO rollup_shifts (employee_id, shift_id, shift_date, site_id, starts_at, ends_at, scheduled_ms, "
            "state, revision, windows, captured_ms, observed_ms, neutral_ms, stress_ms, sad_ms, happy_ms, fatigue_ms, "
            "neutral_weight, stress_weight, sad_weight, happy_weight, fatigue_weight, stress_episodes, "
            "fatigue_episodes, model_versions) SELECT %s, 1, %s, 1, %s::date + interval '13 h', %s::date + "
            "interval '21 h', 2000, 'final', 0, 5, 1000, %s, 0, 10, 0, 0, %s, 0, 0, 0, 0, 0, 0, 0, '{m1}'",
            [person.id, *[today - timedelta(days=ago)] * 3, observed, tired],
        )
    page = browser.get("", params={"lang": "en"}).text
    check(page)
    assert "In 19 shifts with enough data, the usual for you was between 5" in page
    assert "That is more than usual for you" in page
    assert len(re.findall('class="share"', page)) == 2 * 19, "one drawing for a phone, one for a screen"
    assert len(re.findall('class="thin"', page)) == 2
    assert ">Stress<" in page
    person.connection.execute("UPDATE sites SET profile = 'fatigue_only'")
    assert ">Stress<" not in browser.get("", params={"lang": "en"}).text
    person.connection.execute("UPDATE sites SET profile = 'off'")
    assert "the system is off" in browser.get("", params={"lang": "en"}).text


def test_nothing_is_kept_by_a_browser_nor_told_to_others(browser: httpx.Client) -> None:
    for path in ("", "object", "withdraw", "take-back"):
        headers = browser.get(path).headers
        assert headers["Cache-Control"] == "no-store"
        assert headers["Referrer-Policy"] == "no-referrer"
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert "noindex" in headers["X-Robots-Tag"]
        policy = headers["Content-Security-Policy"]
        assert policy.startswith("default-src 'none'; style-src 'sha256-")
        assert "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy


def test_who_objects_says_so_once_more_and_can_take_it_back(browser: httpx.Client, person: Person) -> None:
    browser.get("object")
    assert person.count("objections") == 0, "looking changes nothing"
    assert browser.post("object", data={"words": "   "}).status_code == 422
    again = browser.post("object", data={"words": f"<b>{'x' * 4000}"})
    check(again.text)
    assert again.status_code == 422
    assert "4000 letras como mucho" in again.text
    assert f">\n&lt;b&gt;{'x' * 4000}</textarea>" in again.text, "nobody writes it again"

    done = browser.post("object", data={"words": WORDS})
    assert done.status_code == 200
    check(done.text)
    assert "Su oposición quedó registrada" in done.text
    assert "En espera por su oposición" in done.text
    assert "&lt;script&gt;alert(1)&lt;/script&gt; {key}" in done.text
    row = person.connection.execute("SELECT recorded_by, state, text FROM objections").fetchone()
    assert row == ("employee", "open", WORDS.replace("\r\n", "\n"))
    assert "Ya estaba así" in browser.post("object", data={"words": WORDS}).text

    assert "Su oposición quedó retirada" in browser.post("take-back").text
    assert "Ya estaba así" in browser.post("take-back").text
    longest = "\r\n".join(["x" * 39] * 100)
    assert "quedó registrada" in browser.post("object", data={"words": longest}).text, "lines count as one letter"
    assert person.count("objections", state="taken_back") == 1


def test_a_button_that_is_pressed_twice_does_it_once(browser: httpx.Client, person: Person) -> None:
    def meanwhile(path: str) -> httpx.Response:
        """Pressed again before the first one is done."""
        pressed = pool.submit(browser.post, path, data={"words": WORDS})
        time.sleep(0.5)
        assert not pressed.done()
        first.commit()
        return pressed.result()

    with ThreadPoolExecutor() as pool, Session(person.database.engine("control")) as first:
        row = objections.raise_objection(first, person.id, words="no", actor="employee")
        assert "Ya estaba así" in meanwhile("object").text
        objections.take_back(first, row.id or 0, actor="employee")
        assert "Ya estaba así" in meanwhile("take-back").text
    assert person.count("objections") == 1


@pytest.mark.parametrize("act", ["object", "withdraw"])
def test_the_worker_is_woken_at_once(woken_control: Control, redis_url: str, person: Person, act: str) -> None:
    with transaction(person.database.engine("control")) as session:
        _, key = personal_links.make_link(session, person.id, days=30, actor="Ana")
    with Redis.from_url(redis_url) as redis, woken_control.client(None) as client:
        redis.delete(wake_up.KEY, "celery")
        assert client.post(f"/my-data/{key}/{act}", data={"words": WORDS}).status_code == 303
        assert redis.llen("celery") == 1
        redis.delete(wake_up.KEY, "celery")


def test_the_link_of_somebody_erased_opens_nothing(browser: httpx.Client, person: Person) -> None:
    with transaction(person.database.engine("control")) as session:
        erasure.erase(session, person.id, confirm=person.pseudonym, actor="Ana", reason="asked for in writing")
    assert browser.get("").status_code == 404


def test_who_withdraws_needs_no_reason(browser: httpx.Client, person: Person) -> None:
    done = browser.post("withdraw", params={"lang": "en"})
    assert "Your consent is withdrawn" in done.text
    assert "Not active" in done.text
    assert "Withdraw my consent" not in done.text
    assert person.count("consents", employee_id=person.id, withdrawn_by="employee") == 1
    assert ("employee", "consent.withdraw") in entries(person)
    assert "nothing has changed" in browser.post("withdraw", params={"lang": "en"}).text
    person.drain()
    assert browser.get("").status_code == 200


def test_a_decision_is_shown_with_its_reason(browser: httpx.Client, control: Control, person: Person) -> None:
    browser.post("object", data={"words": WORDS})
    body = {"decision": "rejected", "reason": "the law asks for breaks & for this"}
    assert control.as_role("privacy").post("/v1/objections/1/decide", json=body).status_code == 200
    page = browser.get("").text
    assert "No aceptada el" in page
    assert "the law asks for breaks &amp; for this" in page


def test_all_of_it_can_be_taken_along(browser: httpx.Client, person: Person) -> None:
    data = browser.get("data.json")
    assert 'attachment; filename="data.json"' in data.headers["Content-Disposition"]
    found = json.loads(data.text)
    assert found["counts"]["observations"] == 62
    assert found["personal_links"][0]["made_by"] == "Ana (token 2)"
    assert "key_hash" not in data.text
    assert found["looks"][-1]["action"] == "my_data.export"
    page = browser.get("data.html", params={"lang": "en"})
    assert "Your data in Stress Vision" in page.text
    assert 'filename="data.en.html"' in page.headers["Content-Disposition"]


def test_a_link_opens_one_person_until_it_ends(browser: httpx.Client, control: Control, person: Person) -> None:
    assert browser.get("").status_code == 200
    for change in ("expires_at = now()", "expires_at = now() + interval '1 d', revoked_at = now()"):
        person.connection.execute("UPDATE personal_links SET made_at = now() - interval '2 d', " + change)  # type: ignore[operator]
        gone = browser.get("")
        assert gone.status_code == 404
        assert "Este enlace no sirve" in gone.text
        assert gone.text == control.as_role(None).get(f"{control.url}/my-data/{'x' * 43}").text, "as an unknown one"
        assert browser.post("withdraw").status_code == 404
    assert person.connection.execute("SELECT count(*) FROM consents WHERE withdrawn_at IS NOT NULL").fetchone() == (0,)


def test_guessing_is_slowed_down(browser: httpx.Client, control: Control) -> None:
    with control.client(None) as guesser:
        seen = [guesser.get(f"/my-data/{number:043d}").status_code for number in range(12)]
        assert seen == [404] * 10 + [429] * 2
        assert "Demasiadas visitas" in guesser.get("/my-data/x").text
    assert browser.get("").status_code == 200, "a good link passes"


def test_one_link_is_not_visited_without_end(browser: httpx.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Allowances, "spend", lambda _self, caller: 0.0 if len(caller) == 16 else 7.2)
    answer = browser.get("", params={"lang": "en"})
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "8")
    assert "Try again in 8 seconds" in answer.text


def test_the_key_is_nowhere_in_the_database(browser: httpx.Client, person: Person) -> None:
    browser.get("")
    key = str(browser.base_url).rstrip("/").rsplit("/", 1)[1]
    with psycopg.connect(person.database.url("owner"), row_factory=dict_row) as connection:
        for table in ("personal_links", "audit"):
            assert key not in str(connection.execute(f"SELECT t::text FROM {table} t").fetchall())  # type: ignore[arg-type]
