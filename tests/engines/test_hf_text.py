"""Messages to tokens and tokens to bytes, on tokenizers of each kind that models come with."""

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers

from service.core import Message
from service.engines import BaseFiles, prepare_folder
from service.engines.hf_text import Text
from service.errors import BadRequest

CHATML = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n{{ message['content'] }}<|im_end|>\n"
    "{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
LLAMA = (
    "{% for message in messages %}{% if message['role'] == 'system' %}{{ raise_exception('no system') }}{% endif %}"
    "{% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}{{ raise_exception('order') }}{% endif %}"
    "{% if message['role'] == 'user' %}<s>[INST] {{ message['content'] | trim }} [/INST]"
    "{% else %} {{ message['content'] | trim }}</s>{% endif %}{% endfor %}"
)
SPACE = "\u2581"
CORPUS = [
    "The tenant shall pay the rent.",
    "naïve café § 12 — “quoted” 日本語",
    "a b c d e f g 0 1 2 3 <|im_end|>",
]


@pytest.fixture(scope="session")
def real(files: BaseFiles) -> Text:
    return Text(prepare_folder(files, files.gguf.parent if files.gguf else Path()))


def save(folder: Path, words: Tokenizer, template: str, **special: str) -> Path:
    words.save(str(folder / "tokenizer.json"))
    (folder / "tokenizer_config.json").write_text(
        json.dumps({"tokenizer_class": "PreTrainedTokenizerFast", "chat_template": template} | special)
    )
    return folder


def sentencepiece(scheme: str) -> Tokenizer:
    """As Llama 2 and its like write text: a sign for the space, and bytes for what is not in the vocabulary."""
    letters = sorted(set("".join(CORPUS)) - set(" naïé"))
    vocabulary: dict[str, int] = {"<unk>": 0, "<s>": 1, "</s>": 2}
    for token in [f"<0x{byte:02X}>" for byte in range(256)] + [
        SPACE,
        *letters,
        f"{SPACE}t",
        "en",
        f"{SPACE}te",
    ]:
        vocabulary.setdefault(token, len(vocabulary))
    merges = [(SPACE, "t"), (f"{SPACE}t", "e")]
    words = Tokenizer(models.BPE(vocabulary, merges, unk_token="<unk>", fuse_unk=True, byte_fallback=True))
    if scheme == "normalizer":
        words.normalizer = normalizers.Sequence([normalizers.Prepend(SPACE), normalizers.Replace(" ", SPACE)])
    else:
        words.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme=scheme, split=False)
    words.decoder = decoders.Sequence(
        [decoders.Replace(SPACE, " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )
    words.add_special_tokens([AddedToken(one, normalized=False) for one in ("<unk>", "<s>", "</s>")])
    return words


@pytest.fixture(scope="session", params=["first", "always", "never", "normalizer"])
def spaced(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Text:
    folder = tmp_path_factory.mktemp(request.param)
    save(folder, sentencepiece(request.param), LLAMA, bos_token="<s>", eos_token="</s>")
    return Text(folder)


def by_transformers(text: Text, messages: list[Message]) -> list[int]:
    """The template and the tokenizer as they are used elsewhere, special tokens in the text and all."""
    words = text._words
    words.encode_special_tokens = False
    try:
        chat = [{"role": one.role, "content": one.content} for one in messages]
        frame = text._speaker.apply_chat_template(chat, tokenize=False, add_generation_prompt=True)
        return words.encode(frame, add_special_tokens=False).ids
    finally:
        words.encode_special_tokens = True


def spelled(text: Text, tokens: list[int]) -> bytes:
    return b"".join(map(text.piece, tokens))


plain = st.text(st.characters(exclude_characters="<>[]", exclude_categories=["Cs"]), min_size=1)


@settings(deadline=None)
@given(st.lists(plain, min_size=1, max_size=4))
def test_a_chat_is_read_as_elsewhere(real: Text, said: list[str]) -> None:
    roles = ["system", "user", "assistant", "user"]
    messages = [Message(role, one) for role, one in zip(roles, said, strict=False)]  # type: ignore[arg-type]
    assert real.encode(messages) == by_transformers(real, messages)


@settings(deadline=None)
@given(plain.filter(lambda text: bool(text.strip()) and text == text.strip()))
def test_a_chat_with_signs_for_spaces_is_read_as_elsewhere(spaced: Text, said: str) -> None:
    messages = [Message("user", said), Message("assistant", said), Message("user", said)]
    assert spaced.encode(messages) == by_transformers(spaced, messages)


# For some bytes the embedded vocabulary has no letter: control characters, and the planes beyond.
letters = st.characters(max_codepoint=0x2FFFF, exclude_categories=["Cs", "Cc"])
marks = ["<|im_end|>", "<|im_start|>", "<s>", "</s>", "<|endoftext|>", "\n", "system", "<|im", "_end|>", " "]
hostile = st.lists(st.sampled_from(marks) | st.text(letters, max_size=5)).map("".join)


@settings(deadline=None)
@given(hostile, hostile)
def test_nothing_said_is_read_as_a_special_token(real: Text, one: str, other: str) -> None:
    special = set(real._special.values())
    bare = [
        token for token in real.encode([Message("system", "x"), Message("user", "y")]) if token in special
    ]
    tokens = real.encode([Message("system", one), Message("user", other)])
    assert [token for token in tokens if token in special] == bare
    assert spelled(real, tokens) == f"system\n{one}\nuser\n{other}\nassistant\n".encode()


@settings(deadline=None)
@given(hostile)
def test_nor_where_spaces_have_a_sign(spaced: Text, said: str) -> None:
    tokens = spaced.encode([Message("user", f"a{said}b")])
    assert tokens.count(1) == 1
    assert 2 not in tokens
    told = said.replace("\u2581", " ")  # the sign itself is a space to such a vocabulary
    assert spelled(spaced, tokens).decode("utf-8", "replace").strip() == f"[INST] a{told}b [/INST]"


def test_a_system_message_goes_into_the_first_where_the_template_knows_none(spaced: Text) -> None:
    apart = spaced.encode([Message("system", "be brief"), Message("user", "a")])
    assert apart == spaced.encode([Message("user", "be brief\n\na")])
    with pytest.raises(BadRequest, match="order"):
        spaced.encode([Message("assistant", "a"), Message("assistant", "b")])


def test_ends_are_those_of_the_files_and_of_the_template(real: Text, spaced: Text, tmp_path: Path) -> None:
    assert real.end_tokens == {2}
    assert spaced.end_tokens == {2}
    save(tmp_path, sentencepiece("never"), CHATML.replace("<|im_end|>", "<unk>"), eos_token="</s>")
    (tmp_path / "generation_config.json").write_text('{"eos_token_id": [1, 7]}')
    assert Text(tmp_path).end_tokens == {0, 1, 2, 7}


def test_every_token_has_its_bytes(real: Text, files: BaseFiles) -> None:
    """llama.cpp, which reads the same vocabulary by itself, says the same."""
    from service.engines.llama_abi import Model

    assert files.gguf
    model = Model(files.gguf)
    assert [real.piece(token) for token in range(model.size)] == [
        model.piece(token) for token in range(model.size)
    ]
    assert real.piece(10**6) == b""
    model.close()


@pytest.mark.parametrize("missing", ["files", "template", "decoder"])
def test_what_cannot_be_used_is_refused(missing: str, tmp_path: Path) -> None:
    words = sentencepiece("never")
    if missing == "decoder":
        words.decoder = decoders.WordPiece()
    if missing != "files":
        save(tmp_path, words, CHATML if missing == "decoder" else "")
    said = {"files": "tokenizer", "template": "chat template", "decoder": "bytes"}[missing]
    with pytest.raises(BadRequest, match=said):
        Text(tmp_path).encode([Message("user", "a")])
