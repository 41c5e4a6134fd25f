"""By whose word a face is what: each rule on votes that part them."""

from stressvision_contracts.labels import COMPANY5, FER7
from stressvision_training.data.dataset import Dataset
from stressvision_training.evaluation.truth import RULES, truth_for
from support.datasets import blank_faces


def _data(labels: list[str], sources: list[str], votes: list[list[int]]) -> Dataset:
    return blank_faces(labels, sources=sources, votes=votes)


# neutral, happiness, surprise, sadness, anger, disgust, fear, contempt, unknown, NF
VOTES = [
    [3, 0, 3, 4, 0, 0, 0, 0, 0, 0],  # neutral and surprise together outvote sadness
    [0, 0, 0, 4, 2, 1, 0, 1, 2, 0],  # 4 sad, 4 stress: a tie
    [1, 0, 0, 0, 2, 1, 0, 1, 5, 0],  # stress has most, but only 4 of 10
    [0, 0, 0, 0, 0, 0, 0, 6, 4, 0],  # contempt is stress
]


def _named(rule: str, scheme: str = "company5") -> list[str]:
    data = _data(["fear"] * 4, ["fer2013"] * 4, VOTES)
    labels = COMPANY5 if scheme == "company5" else FER7
    return ["-" if number < 0 else labels[number] for number in RULES[rule](data, scheme)]  # type: ignore[index,arg-type]


def test_rules_differ_where_votes_do() -> None:
    assert _named("own") == ["stress"] * 4
    assert _named("plurality") == ["neutral", "-", "stress", "stress"]
    assert _named("consensus") == ["neutral", "-", "-", "stress"]
    assert _named("majority") == ["-", "-", "-", "-"]


def test_contempt_is_none_of_fer2013s_seven() -> None:
    assert _named("plurality", "fer7") == ["sad", "sad", "angry", "-"]


def test_a_model_for_the_company_follows_the_consensus_and_company_pictures_their_label() -> None:
    data = _data(["fear", "sad", "alert"], ["fer2013", "custom:a", "custom:a"], [VOTES[0], [0] * 10, [0] * 10])
    assert truth_for(data, "company5").tolist() == [COMPANY5.index("neutral"), COMPANY5.index("sad"), -1]
    assert truth_for(data, "fer7").tolist() == [FER7.index("fear"), -1, -1]
