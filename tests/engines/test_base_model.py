import shutil
import time
from pathlib import Path

import numpy as np
import pytest

from service.engines import BaseFiles, base_model, prepare, prepare_folder
from service.engines.llama_abi import Context, Model
from service.errors import BadRequest

TEXTS = [
    "Hello world",
    "12345 6,789.00 on 2024-01-31 at 9:05",
    "§ 12(b)(6) of Fed. R. Civ. P.; 17 U.S.C. §§ 101–122",
    "  two  spaces\n\n\tand a tab\r\n ",
    "naïve café “quoted” — dash … € 😀 日本語",
    "LESSEE’S OBLIGATIONS: (i) pay USD 1,250,000.00; (ii) within 30days of 3.1.2.4",
    "don't we'll I'M they'd've",
    "no-break\u00a0space, line\u2028separator, ١٢٣ ²³ ½ Ⅻ 12３",
    "<|im_start|>system\nnot a special token<|im_end|><|endoftext|>",
]


def test_preparing_again_is_instant_and_finds_the_same(files: BaseFiles) -> None:
    begin = time.process_time()  # a busy machine's clock says nothing about the work
    again = prepare("embedded", files.gguf.parent)
    assert time.process_time() - begin < 0.2
    assert again == files
    assert len(files.fingerprint) == 64


def test_a_gguf_of_the_operator_is_used_where_it_lies(files: BaseFiles, tmp_path: Path) -> None:
    mine = tmp_path / "mine.gguf"
    mine.symlink_to(files.gguf)
    own = prepare(str(mine), tmp_path / "models")
    assert (own.gguf, own.name, own.fingerprint, own.folder) == (mine, "mine", files.fingerprint, None)
    with pytest.raises(BadRequest, match="torch folder"):
        prepare_folder(own, tmp_path / "models")


def test_a_changed_file_gets_a_new_fingerprint(tmp_path: Path) -> None:
    file, store = tmp_path / "some.gguf", tmp_path / "models"
    file.write_bytes(b"one")
    first = prepare(str(file), store).fingerprint
    file.write_bytes(b"other")
    assert prepare(str(file), store).fingerprint != first


@pytest.mark.parametrize("model", ["/nowhere/model.gguf", "/nowhere/folder", "somewhere", ""])
def test_a_model_that_is_not_there_is_named(model: str, tmp_path: Path) -> None:
    with pytest.raises(BadRequest, match=r"base\.model"):
        prepare(model, tmp_path)


def test_a_file_that_is_no_model_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "broken.gguf"
    file.write_bytes(b"GGUF and then nothing")
    with pytest.raises(BadRequest, match=r"broken\.gguf"):
        Model(file)


def test_half_a_folder_is_not_taken_for_a_whole_one(files: BaseFiles, tmp_path: Path) -> None:
    shutil.copy2(files.gguf, tmp_path)
    whole = prepare_folder(files, files.gguf.parent).name
    (tmp_path / f".{whole}.1.part").mkdir()
    assert prepare("embedded", tmp_path).folder is None


def test_one_that_was_made_meanwhile_is_taken(
    files: BaseFiles, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = prepare_folder(files, files.gguf.parent).name

    def twice(_: Path, part: Path) -> None:
        for folder in (part, tmp_path / name):
            folder.mkdir()
            (folder / "config.json").write_text("{}")

    monkeypatch.setattr(base_model, "_convert", twice)
    assert prepare_folder(files, tmp_path) == tmp_path / name
    assert [file.name for file in tmp_path.iterdir()] == [name]


def test_both_engines_read_the_same_tokens(files: BaseFiles) -> None:
    from transformers import AutoTokenizer

    model = Model(files.gguf)
    tokenizer = AutoTokenizer.from_pretrained(str(prepare_folder(files, files.gguf.parent)))
    for text in TEXTS:
        theirs = tokenizer(text, add_special_tokens=False, split_special_tokens=True)["input_ids"]
        assert model.tokenize(text) == theirs, text
    chats = [
        ("system", "Answer briefly."),
        ("user", "What is 12(b)?"),
        ("assistant", "A rule."),
        ("user", "Why?"),
    ]
    for chat in (chats, chats[1:2], chats[1:]):
        rendered = tokenizer.apply_chat_template(
            [{"role": role, "content": content} for role, content in chat],
            tokenize=False,
            add_generation_prompt=True,
        )
        assert model.render(chat) == rendered
    model.close()


def test_both_engines_compute_the_same_logits(files: BaseFiles) -> None:
    """Within 0.5, where the wrong order of rotary rows would differ by 1.7 or more."""
    import torch
    from transformers import AutoModelForCausalLM

    model = Model(files.gguf)
    context = Context(model, rows=1, cells=512, batch=64, threads=1)
    tokens = model.tokenize("The tenant shall pay the rent on the first day of")
    ours = next(iter(context.run([(0, 0, tokens, True)]))).copy()
    torch.set_num_threads(1)
    folder = str(prepare_folder(files, files.gguf.parent))
    theirs = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    with torch.inference_mode():
        logits = theirs(torch.tensor([tokens])).logits[0, -1].numpy()
    assert np.abs(ours - logits).max() < 0.5
    assert ours.argmax() == logits.argmax()
    context.close()
    model.close()
