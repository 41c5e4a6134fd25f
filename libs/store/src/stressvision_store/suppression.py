"""Which groups may be published: k people in each, and in what anybody could work out from those that are not.

A site's day is a table of cells, areas × shifts, each a set of people. Published cells are disjoint and of k people or
more, so no sum or difference of them speaks of fewer. What is left are totals that somebody knows from elsewhere:

1. Whoever knows a line's total (a shift over all areas, or an area over all shifts) learns the sum of its withheld
   cells. So these are k people or more together, or the line publishes nothing.
2. Whoever knows the totals of all lines learns `a(area) + b(shift)` over the withheld cells, for any a and b. Cells
   are edges between areas and shifts; the combinations that vanish outside a set F of edges are as many as the parts
   into which the graph falls without F, less those it has with it. So for every set F of withheld cells with fewer than
   k people, taking F from the withheld cells must make no more parts than taking it from all cells: then what is
   published adds nothing to what the totals alone give away.

Hours are parts of a published cell. Those that are withheld are k people or more together, or none: so all published
sets, and what is left of each, lie inside one another or apart, and every difference is a union of such blocks.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Final

People = frozenset[int]
Cell = tuple[int, int]
"""Area and shift."""

MOST_TRIES: Final = 5_000
"""Sets of small cells that are looked through for rule 2; a day with more publishes nothing."""


def publishable_cells(people: Mapping[Cell, People], k: int) -> set[Cell]:
    """Of cells with who was observed in each, those that may be published."""
    withheld = {cell for cell, who in people.items() if len(who) < k}
    grown = True
    while grown:
        grown = _hide_in_lines(people, withheld, k) or _hide_between_lines(people, withheld, k)
    return set(people) - withheld


def publishable_hours(people: Mapping[int, People], k: int) -> set[int]:
    """Of the hours of one published cell, those that may be published."""
    withheld = {hour for hour, who in people.items() if len(who) < k}
    shown = set(people) - withheld
    while withheld and shown and len(_union(people[hour] for hour in withheld)) < k:
        smallest = min(shown, key=lambda hour: (len(people[hour]), hour))
        shown.remove(smallest)
        withheld.add(smallest)
    return shown


def _union(groups: Iterable[People]) -> People:
    return frozenset[int]().union(*groups)


def _smallest(people: Mapping[Cell, People], cells: Collection[Cell]) -> Cell:
    return min(cells, key=lambda cell: (len(people[cell]), cell))


def _hide_in_lines(people: Mapping[Cell, People], withheld: set[Cell], k: int) -> bool:
    """Rule 1, to a fixed point; whether it withheld anything more."""
    grown, again = False, True
    while again:
        again = False
        for axis in (1, 0):
            for place in {cell[axis] for cell in withheld}:
                line = {cell for cell in people if cell[axis] == place}
                shown = line - withheld
                if shown and len(_union(people[cell] for cell in line & withheld)) < k:
                    withheld.add(_smallest(people, shown))
                    grown = again = True
    return grown


def _hide_between_lines(people: Mapping[Cell, People], withheld: set[Cell], k: int) -> bool:
    """Rule 2, one step: withhold a cell that mends a set which breaks it; whether there was one."""
    if len(withheld) == len(people):
        return False
    for tries, few in enumerate(_small_sets(people, sorted(withheld), k)):
        if tries >= MOST_TRIES:
            withheld.update(people)
            return True
        given_away = _loss(people.keys(), few)
        if _loss(withheld, few) > given_away:
            withheld.add(_mending(people, withheld, few))
            return True
    return False


def _small_sets(people: Mapping[Cell, People], cells: list[Cell], k: int) -> Iterator[set[Cell]]:
    """Every set of these cells that has fewer than k people in all."""
    open_sets: list[tuple[int, set[Cell], People]] = [(0, set(), frozenset())]
    while open_sets:
        first, few, who = open_sets.pop()
        for place in range(first, len(cells)):
            more = who | people[cells[place]]
            if len(more) < k:
                larger = {*few, cells[place]}
                yield larger
                open_sets.append((place + 1, larger, more))


def _mending(people: Mapping[Cell, People], withheld: set[Cell], few: set[Cell]) -> Cell:
    """The published cell that closes a way around `few`, where ways through small cells are looked for first."""
    tried = set(withheld)
    before = _loss(withheld, few)
    for cell in sorted(people.keys() - withheld, key=lambda cell: (len(people[cell]), cell)):
        tried.add(cell)
        if _loss(tried, few) < before:
            return cell
    raise AssertionError("all cells together cannot lose more than all cells")


def _loss(cells: Collection[Cell], few: set[Cell]) -> int:
    """Into how many more parts the graph of `cells` falls without `few`."""
    return _joins(cells) - _joins([cell for cell in cells if cell not in few])


def _joins(cells: Iterable[Cell]) -> int:
    """How many of these edges join two parts: the nodes of the graph, less its parts."""
    part: dict[tuple[int, int], tuple[int, int]] = {}

    def root(node: tuple[int, int]) -> tuple[int, int]:
        while (above := part.setdefault(node, node)) != node:
            part[node] = part.setdefault(above, above)
            node = part[node]
        return node

    joins = 0
    for area, shift in cells:
        one, other = root((0, area)), root((1, shift))
        if one != other:
            part[one] = other
            joins += 1
    return joins
