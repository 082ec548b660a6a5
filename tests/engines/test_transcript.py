from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from service.engines.transcript import Transcript

TEXT = st.text(alphabet="ab§é😀\n", max_size=40)
STOPS = st.lists(st.text(alphabet="ab§é😀\n", min_size=1, max_size=4), max_size=3)


def pour(data: bytes, cuts: list[int], stops: list[str]) -> tuple[list[str], bool]:
    transcript = Transcript(stops)
    edges = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    pieces = [transcript.push(data[a:b]) for a, b in pairwise(edges)]
    return [*pieces, transcript.close()], transcript.stopped


@given(TEXT, st.lists(st.integers(0, 160)), STOPS)
def test_the_text_does_not_depend_on_the_cuts(text: str, cuts: list[int], stops: list[str]) -> None:
    whole, stopped = pour(text.encode(), [], stops)
    cut, stopped_too = pour(text.encode(), cuts, stops)
    assert "".join(cut) == "".join(whole)
    assert stopped == stopped_too == any(stop in text for stop in stops)


@given(TEXT, st.lists(st.integers(0, 160)), STOPS)
def test_what_comes_out_is_the_text_before_the_first_stop(
    text: str, cuts: list[int], stops: list[str]
) -> None:
    out = "".join(pour(text.encode(), cuts, stops)[0])
    assert text.startswith(out)
    assert not any(stop in out for stop in stops)
    if not any(stop in text for stop in stops):
        assert out == text


@given(TEXT, st.lists(st.integers(0, 160)))
def test_no_character_is_ever_split(text: str, cuts: list[int]) -> None:
    assert not any("�" in piece for piece in pour(text.encode(), cuts, [])[0])


def test_text_is_held_back_only_while_it_may_be_a_stop_string() -> None:
    transcript = Transcript(["END."])
    assert transcript.push(b"The EN") == "The "
    assert transcript.push(b"T") == "ENT"
    assert transcript.push(b" E") == " "
    assert transcript.push(b"ND. more") == ""
    assert transcript.stopped


def test_half_a_character_at_the_end_is_dropped() -> None:
    transcript = Transcript()
    assert transcript.push("a€".encode()[:-1]) + transcript.close() == "a"
