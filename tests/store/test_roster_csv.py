"""The roster's file format: what is read, and what is said of every cell that cannot be."""

from datetime import date, datetime, time, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stressvision_store.local_time import Break
from stressvision_store.roster_csv import (
    COLUMNS,
    format_breaks,
    format_weekdays,
    parse_breaks,
    parse_weekdays,
    read_roster,
    write_roster,
)

SPANISH = "Sitio;Zona horaria;Área;Puesto;Turno;Hora inicio;Hora fin;Días;Descansos;Seudónimo;Nombre;Credencial"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252", "latin-1"])
def test_encodings_are_told_apart(encoding: str) -> None:
    file = read_roster(f"{SPANISH}\nCañete;America/Lima;Pañol;Nº 1".encode(encoding))
    assert file.bad == []
    assert dict(file.lines[0].values) == {
        "site": "Cañete", "time_zone": "America/Lima", "area": "Pañol", "station": "Nº 1",
    }  # fmt: skip


def test_tabs_are_told_apart_too() -> None:
    assert dict(read_roster(b"site\tarea\nLima, Norte\tPaint").lines[0].values) == {
        "site": "Lima, Norte",
        "area": "Paint",
    }


@pytest.mark.parametrize("delimiter", [",", ";"])
def test_delimiters_are_told_apart_and_quoted_cells_may_hold_them(delimiter: str) -> None:
    file = read_roster(f'site{delimiter}area\r\n"Lima{delimiter} Norte"{delimiter}Paint\r\n\r\n'.encode())
    assert [dict(line.values) for line in file.lines] == [{"site": f"Lima{delimiter} Norte", "area": "Paint"}]


def test_spanish_headers_are_understood() -> None:
    columns = read_roster(f"{SPANISH};Consentimiento;Versión aviso;Desde;Hasta\n".encode()).columns
    assert columns == frozenset(COLUMNS)


def test_every_cell_becomes_what_it_means() -> None:
    cells = 'Callao,America/Lima,Paint,P1,Night,22:00,6:00,lun-vie,"23:30-00:00, 02:00–02:30",'
    cells += "E-1,Ana,0042,2026-01-05,v1,05/01/2026,2026-06-30"
    file = read_roster(f"{','.join(COLUMNS)}\n{cells}\n".encode())
    assert file.bad == []
    assert dict(file.lines[0].values) == {
        "site": "Callao", "time_zone": "America/Lima", "area": "Paint", "station": "P1", "shift": "Night",
        "starts": time(22), "ends": time(6), "weekdays": (1, 2, 3, 4, 5),
        "breaks": (Break(time(23, 30), time(0)), Break(time(2), time(2, 30))), "pseudonym": "E-1", "name": "Ana",
        "badge": "0042", "consent_given": date(2026, 1, 5), "notice_version": "v1", "first_date": date(2026, 1, 5),
        "last_date": date(2026, 6, 30),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("column", "cell", "said"),
    [
        ("time_zone", "Lima", "no IANA time zone"),
        ("starts", "25:00", "midnight is 00:00"),
        ("ends", "24:00", "midnight is 00:00"),
        ("starts", "6am", "write HH:MM"),
        ("weekdays", "1-8", "no day"),
        ("weekdays", "5-1", "no range"),
        ("weekdays", "1-2-3", "no range"),
        ("breaks", "12:00", "no break"),
        ("breaks", "12:00-12:70", "no time"),
        ("first_date", "2026-02-30", "no date"),
        ("first_date", "31/02/2026", "no date"),
        ("last_date", "1970-01-01", "from 2000 to 2099"),
        ("consent_given", "yesterday at noon", "no date or time"),
        ("pseudonym", "E\x00", "control character"),
        ("station", "x" * 101, "shorten it to 100"),
    ],
)
def test_a_bad_cell_is_named_with_its_line_and_what_to_do(column: str, cell: str, said: str) -> None:
    file = read_roster(f"site,{column}\n\nCallao,{cell}\n".encode())
    (bad,) = file.bad
    assert (bad.line, bad.column, bad.value) == (3, column, cell[:100])
    assert said in bad.message
    assert file.lines[0][column] is None


@pytest.mark.parametrize("column", ["name", "badge"])
def test_names_and_badges_are_not_repeated(column: str) -> None:
    (bad,) = read_roster(f"site,{column}\nCallao,{'Ana' * 50}\n".encode()).bad
    assert bad.value == ""
    assert "Ana" not in bad.message


def test_the_header_is_held_to_account() -> None:
    bad = read_roster(b"time_zone,turno,shift,colour\n").bad
    assert [(each.line, each.column) for each in bad] == [(1, "shift"), (1, "colour"), (1, "site")]
    assert "site must be one of them" in read_roster(b"").bad[0].message


def test_lines_count_as_an_editor_counts_them() -> None:
    file = read_roster(b'site,area\n"Lima","a\nb"\nLima,\x01\nLima,c,d\n')
    assert [line.line for line in file.lines] == [2, 4, 5]
    assert [(bad.line, bad.column) for bad in file.bad] == [(2, "area"), (4, "area"), (5, "")]


def test_a_stray_quotation_mark_stops_the_reading() -> None:
    (bad,) = read_roster(b'site,area\nLima,"a"b\nLima,c\n').bad
    assert (bad.line, bad.column) == (2, "")
    assert "quotation mark" in bad.message


def test_a_moment_keeps_its_zone() -> None:
    file = read_roster(b"site,consent_given\nLima,2026-01-05T08:00-05:00\nLima,2026-01-05 08:00\n")
    assert file.lines[0]["consent_given"] == datetime(2026, 1, 5, 8, tzinfo=timezone(timedelta(hours=-5)))
    assert file.lines[1]["consent_given"] == datetime(2026, 1, 5, 8)


def test_what_a_spreadsheet_would_run_is_written_as_text_and_read_back() -> None:
    text = write_roster([{"site": "=1+1", "area": "-x", "station": "'quoted", "shift": "'=y"}])
    assert text.splitlines()[1].startswith("'=1+1,,'-x,'quoted,''=y")
    assert dict(read_roster(text.encode()).lines[0].values) == {
        "site": "=1+1", "area": "-x", "station": "'quoted", "shift": "'=y",
    }  # fmt: skip


@given(st.sets(st.integers(1, 7), min_size=1))
def test_weekdays_are_read_as_they_are_written(days: set[int]) -> None:
    assert parse_weekdays(format_weekdays(sorted(days))) == tuple(sorted(days))


@given(st.lists(st.builds(Break, *[st.builds(time, st.integers(0, 23), st.integers(0, 59))] * 2), min_size=1))
def test_breaks_are_read_as_they_are_written(breaks: list[Break]) -> None:
    assert parse_breaks(format_breaks(breaks)) == tuple(breaks)


@given(st.binary(max_size=300))
def test_any_bytes_are_read_without_falling_over(data: bytes) -> None:
    read_roster(data)
    read_roster(b"site,area,starts\n" + data)
