"""Which groups may be published: by algebra over everything that a viewer could add up and subtract."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stressvision_store.suppression import Cell, People, publishable_cells, publishable_hours

Matrix = np.ndarray[tuple[int, int], np.dtype[np.float64]]


def isolating(rows: Matrix, owners: list[int], people: frozenset[int]) -> int:
    """How many independent combinations of the rows speak of these people's columns alone."""
    others = [column for column, owner in enumerate(owners) if owner not in people]
    return rank(rows) - rank(rows[:, others])


def rank(rows: Matrix) -> int:
    return int(np.linalg.matrix_rank(rows)) if rows.size else 0


def indicator(atoms: list[tuple[Cell, int]], cells: set[Cell]) -> list[float]:
    return [float(cell in cells) for cell, _ in atoms]


def tables(areas: int, shifts: int, crowd: int) -> st.SearchStrategy[dict[Cell, People]]:
    cells = st.tuples(st.integers(1, areas), st.integers(1, shifts))
    return st.dictionaries(cells, st.frozensets(st.integers(1, crowd), min_size=1), min_size=1)


@settings(max_examples=150, deadline=None)
@given(people=tables(4, 3, 9), k=st.integers(2, 4))
def test_whoever_knows_the_totals_of_lines_learns_of_no_fewer_than_k(people: dict[Cell, People], k: int) -> None:
    shown = publishable_cells(people, k)

    atoms = [(cell, who) for cell in people for who in people[cell]]
    owners = [who for _, who in atoms]
    published = [indicator(atoms, {cell}) for cell in shown]
    by_axis = [
        [
            indicator(atoms, {cell for cell in people if cell[axis] == place})
            for place in {cell[axis] for cell in people}
        ]
        for axis in (0, 1)
    ]
    totals = [line for lines in by_axis for line in lines]
    for few in combinations(range(1, 10), k - 1):
        alone = isolating(np.array(totals), owners, frozenset(few))
        assert isolating(np.array([*published, *totals]), owners, frozenset(few)) == alone


@settings(max_examples=150, deadline=None)
@given(people=tables(4, 3, 9), k=st.integers(2, 5))
def test_a_line_publishes_nothing_or_leaves_k_people_or_none(people: dict[Cell, People], k: int) -> None:
    shown = publishable_cells(people, k)

    assert all(len(people[cell]) >= k for cell in shown)
    for axis in (0, 1):
        for place in {cell[axis] for cell in people}:
            line = {cell for cell in people if cell[axis] == place}
            hidden = frozenset[int]().union(*(people[cell] for cell in line - shown))
            assert not line & shown or not hidden or len(hidden) >= k


@given(
    people=st.dictionaries(st.integers(0, 7), st.frozensets(st.integers(1, 9), min_size=1), min_size=1),
    k=st.integers(2, 5),
)
def test_withheld_hours_are_k_people_or_none(people: dict[int, People], k: int) -> None:
    shown = publishable_hours(people, k)

    hidden = frozenset[int]().union(*(people[hour] for hour in people.keys() - shown))
    assert all(len(people[hour]) >= k for hour in shown)
    assert not shown or not hidden or len(hidden) >= k


def crowd(first: int, number: int) -> People:
    return frozenset(range(first, first + number))


def test_four_cells_around_a_small_one_are_all_withheld() -> None:
    """With both kinds of totals, the cell across would give the small one away."""
    people = {(1, 1): crowd(0, 4), (1, 2): crowd(10, 8), (2, 1): crowd(20, 8), (2, 2): crowd(30, 8)}

    assert publishable_cells(people, 5) == set()
    assert publishable_cells(people | {(1, 1): crowd(0, 5)}, 5) == set(people)


def test_a_small_area_takes_one_neighbour_with_it_and_no_more() -> None:
    people = {(area, 1): crowd(area * 10, 6 + area) for area in range(1, 5)} | {(9, 1): crowd(90, 3)}

    assert publishable_cells(people, 5) == {(2, 1), (3, 1), (4, 1)}


def test_people_in_two_small_cells_count_once() -> None:
    people = {(1, 1): crowd(0, 4), (2, 1): crowd(0, 4), (3, 1): crowd(10, 7), (4, 1): crowd(20, 8)}

    assert publishable_cells(people, 5) == {(4, 1)}


def test_too_many_small_cells_publish_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    people = {(area, shift): crowd(area * 100 + shift * 10, 2) for area in range(1, 6) for shift in (1, 2)}
    people |= {(area, 3): crowd(area * 100 + 50, 6) for area in range(1, 6)}
    monkeypatch.setattr("stressvision_store.suppression.MOST_TRIES", 3)

    assert publishable_cells(people, 5) == set()


def test_a_large_plant_is_quick() -> None:
    people = {
        (area, shift): crowd(area * 100 + shift * 20, 3 + (area * 7 + shift) % 9)
        for area in range(40)
        for shift in (1, 2, 3)
    }

    shown = publishable_cells(people, 5)

    assert 60 < len(shown) < 120
