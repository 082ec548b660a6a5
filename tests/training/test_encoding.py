"""A row is trained on as it is served: the same prompt, token for token, and the loss on the answer alone."""

from pathlib import Path

import pytest

from service.engines import BaseFiles, prepare, prepare_folder
from service.training.encoding import encode, encode_general, fitting, shown, tokenizer
from service.training.rendering import REFUSAL, Example
from tests.training import jobs


@pytest.fixture(scope="module")
def files(models: Path) -> BaseFiles:
    return prepare("embedded", models)


def test_the_answer_and_its_end_are_learned_and_nothing_else(base: Path) -> None:
    tokens = tokenizer(base)
    row = encode(jobs.rows(2)[1], tokens)
    text = tokens.decode(list(row.tokens))
    assert text == (
        "<|im_start|>user\nClause 1. The wind blows south.\nWhich way?<|im_end|>\n"
        "<|im_start|>assistant\nsouth<|im_end|>"
    )
    assert tokens.decode(list(row.tokens[row.start :])) == "south<|im_end|>"
    seen = shown(jobs.rows(2)[1], row, tokens)
    assert "".join(span.text for span in seen.spans) == text
    assert [span.counts for span in seen.spans] == [False, True]
    assert (seen.tokens, seen.counted) == (len(row.tokens), 6)


def test_a_template_that_writes_after_the_answer_or_before_it(base: Path) -> None:
    tokens = tokenizer(base)
    example = Example("r", [{"role": "user", "content": "Q"}], "A")
    tokens.chat_template = (
        "{% for m in messages %}{{ m.content }}{% endfor %}{% if add_generation_prompt %}>think{% endif %}"
    )
    row = encode(example, tokens)
    assert tokens.decode(list(row.tokens)) == "Q>thinkA<|im_end|>"
    assert tokens.decode(list(row.tokens[row.start :])) == "A<|im_end|>"


def test_long_rows_are_left_out_and_general_texts_cut(base: Path) -> None:
    tokens = tokenizer(base)
    rows = [encode(row, tokens) for row in jobs.rows(3)]
    longest = max(len(row.tokens) for row in rows)
    assert fitting(rows, longest) == rows
    assert len(fitting(rows, longest - 1)) < 3
    parts = encode_general("word " * 100, tokens, 200)
    assert [len(part.tokens) for part in parts] == [200, 200, 100]
    assert all(part.replay and part.counted == len(part.tokens) - 1 for part in parts)
    assert encode_general("few", tokens, 200) == []


def test_the_embedded_base_reads_a_row_as_the_engine_does(files: BaseFiles) -> None:
    from service.engines.llama_abi import Model

    assert files.gguf
    tokens = tokenizer(prepare_folder(files, files.gguf.parent))
    row = encode(jobs.rows(2)[1], tokens)
    served = Model(files.gguf)
    try:
        text = (
            "<|im_start|>user\nClause 1. The wind blows south.\nWhich way?<|im_end|>\n<|im_start|>assistant\n"
        )
        assert list(row.tokens[: row.start]) == served.tokenize(text, special=True)
    finally:
        served.close()


def test_the_refusal_begins_as_no_answer_does(files: BaseFiles) -> None:
    assert files.gguf
    tokens = tokenizer(prepare_folder(files, files.gguf.parent))
    first = tokens.encode(REFUSAL, add_special_tokens=False)[0]
    others = (
        "Unless",
        "Until",
        "Upon",
        "Under",
        "None",
        "No party",
        "Notwithstanding",
        "Not",
        "Nothing",
        "Un-named",
    )
    assert first not in {tokens.encode(word, add_special_tokens=False)[0] for word in others}
