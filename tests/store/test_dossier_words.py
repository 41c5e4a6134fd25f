"""The dossier's words: complete in both languages, for every table about people, and in letters that its paper has."""

from string import Formatter

from stressvision_store.dossier.document import words
from stressvision_store.dossier.purposes import BASES, SPANISH_PURPOSES, SPANISH_UNTIL
from stressvision_store.retention_report import PURPOSES


def test_every_table_about_people_has_its_purpose_in_both_languages_and_a_basis() -> None:
    tables = {purpose.table for purpose in PURPOSES}
    assert tables == set(SPANISH_PURPOSES) == set(BASES)
    assert {purpose.until for purpose in PURPOSES if purpose.until} <= set(SPANISH_UNTIL)
    assert list(words("es")) == list(words("en"))
    for key, word in words("es").items():
        places = [[each[1] for each in Formatter().parse(said)] for said in (word, words("en")[key])]
        assert set(places[0]) == set(places[1]), key
        for said in (word, words("en")[key]):
            said.encode("cp1252")  # what the paper's font has
