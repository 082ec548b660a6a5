"""Files that must be refused, each built anew, with a word of the reason that must be given for it.

`CASES` maps a case's name to (word, build); `build` writes into a folder and returns what is sent.
"""

import json
import os
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from service.core import LoraFile
from tests.adapters import ggufs, made, zips
from tests.adapters.zips import Part

Build = Callable[[Path], Path]
CASES: dict[str, tuple[str, Build]] = {}
A = f"{made.PREFIX}model.layers.0.self_attn.q_proj.lora_A.weight"
B = A.replace("lora_A", "lora_B")
WEIGHTS = made.encode(made.tensors(made.SMALL, 8))
CONFIG = json.dumps(made.config(made.SMALL)).encode()
PLAIN = (Part(b"adapter_config.json", CONFIG), Part(b"adapter_model.safetensors", WEIGHTS))


# --- archives -----------------------------------------------------------------------------------------------


def sent(data: bytes, name: str = "adapter.zip") -> Build:
    def build(folder: Path) -> Path:
        (folder / name).write_bytes(data)
        return folder / name

    return build


def archive(case: str, word: str, *parts: Part, **how: Any) -> None:
    """A zip of these parts, or of the plain ones."""
    CASES[f"zip: {case}"] = word, sent(zips.packed(parts or PLAIN, **how))


def extra(case: str, word: str, name: bytes, data: bytes = b"x", **how: Any) -> None:
    """A part beside the plain ones."""
    archive(case, word, *PLAIN, Part(name, data, **how))


def swapped(case: str, word: str, **how: Any) -> None:
    """The plain archive, its configuration's part changed."""
    archive(case, word, Part(**({"name": b"adapter_config.json", "data": CONFIG} | how)), PLAIN[1])


CASES["zip: not one"] = "no zip archive", sent(b"hello" * 20)
CASES["zip: empty file"] = "no zip archive", sent(b"")
CASES["zip: cut short"] = "cut off", sent(zips.packed(PLAIN)[:-9])
CASES["zip: cut at the front"] = "not where", sent(zips.packed(PLAIN)[9:])
CASES["zip: a tar"] = "no zip archive", sent(b"adapter_config.json".ljust(512, b"\0") * 2)
archive("comment", "comment", comment=b"hello")
archive("bytes after its end", "bytes after it", after=b"hello")
archive("bytes before its start", "hidden bytes", before=b"#!/bin/sh\n")
archive("bytes before its directory", "hidden bytes", gap=b"hello")
archive("directory elsewhere", "not where", shift=-3)
archive("announces more", "damaged", count=3)
archive("announces fewer", "more than it announces", count=1)
archive("announces none", "announces 0 files", count=0)
archive("too many", "announces 70 files", *[Part(b"f%d" % n) for n in range(70)])
archive("several volumes", "volumes", disk=1)
archive("zip64 count", "zip64", count=0xFFFF)
archive("zip64 locator", "zip64", middle=b"PK\6\7" + bytes(16))
archive("lies in another", "overlaps", PLAIN[0], Part(PLAIN[1].name, WEIGHTS, offset=20))
archive("both in one place", "overlaps", PLAIN[0], Part(PLAIN[1].name, WEIGHTS, offset=0))
archive("lies beyond", "hidden bytes", PLAIN[0], Part(PLAIN[1].name, WEIGHTS, offset=2**31))
extra("traversal", "leads out", b"../README.md")
extra("traversal within", "leads out", b"a/../../README.md")
extra("a point", "leads out", b"./README.md")
extra("double slash", "leads out", b"a//README.md")
extra("absolute", "whole machine", b"/etc/README.md")
extra("drive letter", "whole machine", b"C:README.md")
extra("backslash", "whole machine", b"..\\README.md")
extra("NUL in a name", "control characters", b"README.md\0.py")
extra("newline in a name", "control characters", b"READ\nME.md")
extra("turned writing", "control characters", "README\u202e.md".encode(), flags=0x800)
extra("name not UTF-8", "UTF-8", b"\xff\xfe", flags=0x800)
extra("name in a code page", "UTF-8", b"\x84.md")
extra("long name", "too long", b"a" * 256)
extra("deep folder", "too deep", b"a/b/README.md")
extra("two folders", "several folders", b"other/README.md")
extra("link", "link or a device", b"README.md", b"/etc/passwd", mode=0o120777 << 16)
extra("device", "link or a device", b"README.md", mode=0o020666 << 16)
extra("pipe", "link or a device", b"README.md", mode=0o010666 << 16)
extra("reparse point", "link or a device", b"README.md", mode=0x400, system=0)
extra("folder called a file", "both a file and a folder", b"README.md", b"", mode=0o040755 << 16)
extra("file called a folder", "both a file and a folder", b"a/", b"", mode=0o100644 << 16)
extra("folder with contents", "contents of its own", b"a/", b"hello", mode=0o040755 << 16)
extra("encrypted", "encrypted", b"README.md", flags=1)
extra("strongly encrypted", "encrypted", b"README.md", flags=0x41)
extra("hidden headers", "encrypted", b"README.md", flags=0x2000)
extra("patched data", "beyond the plain", b"README.md", flags=0x20)
extra("bzip2", "method 12", b"README.md", method=12, packed=b"x")
extra("lzma", "method 14", b"README.md", method=14, packed=b"x")
extra("unknown method", "method 99", b"README.md", method=99, packed=b"x")
extra("stored sizes differ", "sizes differ", b"README.md", method=0, packed=b"abc", size=9)
extra("same name twice", "twice", b"adapter_config.json", CONFIG)
extra("same name in capitals", "twice", b"Adapter_Config.json", CONFIG)
extra("same name in wide letters", "twice", "ａdapter_config.json".encode(), CONFIG, flags=0x800)
extra("same name with a point", "twice", b"adapter_config.json.", CONFIG)
extra("zip64 field", "zip64", b"README.md", extra=struct.pack("<2H2Q", 1, 16, 1, 1))
extra("zip64 field before the data", "zip64", b"README.md", local_extra=struct.pack("<2H2Q", 1, 16, 1, 1))
extra("second name", "second", b"README.md", extra=struct.pack("<2HBL", 0x7075, 12, 1, 0) + b"evil.py")
extra("field too long", "damaged", b"README.md", extra=struct.pack("<2H", 0x5455, 99))
extra("half a field", "damaged", b"README.md", extra=b"\1")
extra("another volume", "volume", b"README.md", disk=3)
swapped("another name before the data", "one thing", local_name=b"adapter_CONFIG.json")
swapped("another method before the data", "one thing", local_method=0)
swapped("another checksum before the data", "one thing", local_crc=7)
swapped("no sizes before the data", "one thing", blank=True)
swapped("wrong checksum", "checksum", crc=7)
swapped("descriptor lies", "not its own", flags=8, blank=True, after=zips.descriptor(CONFIG, crc=7))
swapped("descriptor missing", "not its own", flags=8, blank=True)
swapped("bytes after the data", "hidden bytes", after=b"hello")
swapped("bytes within the data", "hidden bytes", packed=zips.deflated(CONFIG) + b"hello")
swapped("data cut short", "damaged", packed=zips.deflated(CONFIG)[:-4])
swapped("data not packed", "damaged", packed=b"\xff" * 40)
swapped("announces less", "more than it announces", size=20)
swapped("announces more data", "damaged", size=len(CONFIG) + 5)
swapped("bomb", "100 times", data=b" " * 10_000_000)
swapped("quiet bomb", "more than it announces", packed=zips.deflated(bytes(10_000_000)), size=900)
swapped("large configuration", "larger than", method=0, data=b" " * 2_000_000)


# --- files by their names -----------------------------------------------------------------------------------


def beside(word: str, name: str) -> None:
    """A folder with a good adapter and one file more."""

    def build(folder: Path) -> Path:
        made.lora(folder / "sent", made.SMALL)
        (folder / "sent" / name).write_bytes(b"x")
        return folder / "sent"

    CASES[f"file: {name}"] = word, build


for word, names in {
    "Save as safetensors": ("adapter_model.bin", "adapter_model.pt", "weights.pkl", "a.ckpt", "head.npy"),
    "training run": ("optimizer.pt", "training_args.bin", "rng_state.pth", "trainer_state.json"),
    "is code": ("modeling.py", "setup.sh", "lib.so", "a.ipynb", "a.exe"),
    "tokenizer": ("tokenizer.json", "tokenizer_config.json", "vocab.txt", "special_tokens_map.json"),
    "template": ("chat_template.jinja",),
    "whole model": ("config.json", "model.safetensors", "pytorch_model.bin"),
    "archive within": ("more.zip", "a.tar.gz"),
    "one file of them all": ("adapter_model-00001-of-00002.safetensors",),
    "must be called": ("ADAPTER_CONFIG.JSON",),
    "desktop": (".DS_Store", "._adapter_config.json"),
    "none of an adapter's": ("notes.txt", "adapter_config.json~", "LICENSE"),
    "one form or the other": ("adapter.gguf",),
}.items():
    for name in names:
        beside(word, name)


def placed(case: str, word: str, act: Callable[[Path], object]) -> None:
    """A folder with a good adapter, changed."""

    def build(folder: Path) -> Path:
        act(made.lora(folder / "sent", made.SMALL))
        return folder / "sent"

    CASES[f"folder: {case}"] = word, build


def linked(folder: Path) -> None:
    (folder / LoraFile.CARD).symlink_to("/etc/passwd")


placed("link", "is a link", linked)
placed("pipe", "no regular file", lambda folder: os.mkfifo(folder / LoraFile.CARD))
placed("folder within", "none of an adapter's", lambda folder: (folder / "more").mkdir())
placed("folder called a card", "no regular file", lambda folder: (folder / LoraFile.CARD).mkdir())
placed("no weights", "missing", lambda folder: (folder / LoraFile.WEIGHTS).unlink())
placed("no configuration", "missing", lambda folder: (folder / LoraFile.CONFIG).unlink())
placed("large card", "larger than", lambda folder: (folder / LoraFile.CARD).write_bytes(b" " * 2_000_000))


# --- configurations -----------------------------------------------------------------------------------------


def configured(case: str, word: str, text: bytes) -> None:
    placed(case, word, lambda folder: (folder / LoraFile.CONFIG).write_bytes(text))
    CASES[f"config: {case}"] = CASES.pop(f"folder: {case}")


def key(case: str, word: str, **changed: Any) -> None:
    configured(case, word, json.dumps(made.config(made.SMALL) | changed).encode())


configured("a key twice", "twice", CONFIG[:-1] + b', "r": 9}')
configured("NaN", "no finite number", CONFIG[:-1] + b', "lora_dropout2": NaN}')
configured("infinite", "no finite number", CONFIG.replace(b'"lora_alpha": 16', b'"lora_alpha": Infinity'))
configured(
    "beyond every number", "no finite number", CONFIG.replace(b'"lora_alpha": 16', b'"lora_alpha": 1e999')
)
configured("too many digits", "digits", CONFIG.replace(b'"r": 8', b'"r": ' + b"8" * 5000))
configured("deep", "nested", CONFIG[:-1] + b', "x": ' + b"[" * 9000 + b"]" * 9000 + b"}")
configured("a list", "not a JSON object", b"[1]")
configured("nothing", "not JSON", b"")
configured("torn", "not JSON", CONFIG[:-5])
configured("two objects", "not JSON", CONFIG + CONFIG)
configured("UTF-16", "UTF-8", CONFIG.decode().encode("utf-16"))
configured("byte order mark", "not JSON", b"\xef\xbb\xbf" + CONFIG)
configured("half a character", "surrogate", CONFIG[:-1] + b', "revision": "\\ud800"}')
configured("Python", "not JSON", b"{'r': 8}")
key("another method", "peft_type", peft_type="IA3")
key("an unknown key", "no key", evil=1)
key("DoRA", "DoRA", use_dora=True)
key("biases", "biases", bias="all")
key("biases of the LoRA", "bias", lora_bias=True)
key("saved layers", "modules_to_save", modules_to_save=["lm_head"])
key("tokens", "tokens", trainable_token_indices=[1])
key("replicated layers", "layer_replication", layer_replication=[[0, 1]])
key("excluded layers", "exclude_modules", exclude_modules=["q_proj"])
key("parameters", "target_parameters", target_parameters=["x"])
key("transposed", "fan_in_fan_out", fan_in_fan_out=True)
key("LoftQ", "LoftQ", loftq_config={"loftq_bits": 4})
key("Megatron", "Megatron", megatron_config={"x": 1})
key("Megatron's core", "Megatron", megatron_core="os.system")
key("QALoRA", "QALoRA", use_qalora=True)
key("aLoRA", "aLoRA", alora_invocation_tokens=[1])
key("Arrow", "Arrow", arrow_config={})
key("CorDA", "CorDA", corda_config={})
key("EVA", "eva_config", eva_config={})
key("LoRA-GA", "LoRA-GA", lora_ga_config={})
key("KaSA", "KaSA", kasa_config={})
key("VeLoRA", "velora_config", velora_config={})
key("MonteCLoRA", "MonteCLoRA", monteclora_config={})
key("BD-LoRA", "use_bdlora", use_bdlora={})
key("tied weights", "ensure_weight_tying", ensure_weight_tying=True)
key("a base that PiSSA changed", "init_lora_weights", init_lora_weights="pissa_niter_16")
key("a base that OLoRA changed", "init_lora_weights", init_lora_weights="olora")
key("rank 0", "1 to 256", r=0)
key("rank 257", "1 to 256", r=257)
key("rank true", "1 to 256", r=True)
key("rank a text", "1 to 256", r="8")
key("rank a fraction", "1 to 256", r=8.5)
key("alpha 0", "above 0", lora_alpha=0)
key("alpha below 0", "above 0", lora_alpha=-16)
key("alpha a text", "above 0", lora_alpha="16")
key("alpha beyond sense", "above 0", lora_alpha=1e30)
key("rsLoRA 1", "true or false", use_rslora=1)
key("no targets", "target_modules", target_modules=None)
key("empty targets", "target_modules", target_modules=[])
key("the output head", "lm_head", target_modules=["q_proj", "lm_head"])
key("the embedding", "embed_tokens", target_modules=["embed_tokens"])
key("a target with a path", "no layer", target_modules=["../q_proj"])
key("a target twice", "twice", target_modules=["q_proj", "q_proj"])
key("a pattern and blocks", "layers_to_transform", target_modules=".*q_proj", layers_to_transform=[0])
key("blocks below 0", "numbers of blocks", layers_to_transform=[-1])
key("a stack without blocks", "layers_pattern", layers_pattern="layers")
key("a stack by a pattern", "plain names", layers_pattern="(a+)+", layers_to_transform=[0])
key("a rank by a pattern", "regular expression", rank_pattern={"(a+)+b": 4})
key("an alpha by a pattern", "regular expression", alpha_pattern={"(.*)*q_proj": 4})
key("rank_pattern a list", "must map", rank_pattern=[1])
key("rank 999 of a layer", "1 to 256", rank_pattern={"q_proj": 999})
key("another task", "task_type", task_type="SEQ_CLS")
key("a class of a module", "auto_mapping", auto_mapping={"run": "os.system"})
key("dropout 2", "between 0 and 1", lora_dropout=2)
key("a long name", "short text", base_model_name_or_path="a" * 5000)
key("another rank than the weights", "another rank", r=4)
key("more layers than the weights", "not in the weights", target_modules=["q_proj", "k_proj", "v_proj"])
key("fewer layers than the weights", "not configured", target_modules=["q_proj"])
key("fewer blocks than the weights", "not configured", layers_to_transform=[0])
configured("a key missing", "r is missing", CONFIG.replace(b'"r": 8, ', b""))


# --- headers of weights -------------------------------------------------------------------------------------


def weighed(case: str, word: str, raw: bytes, kind: str = "header") -> None:
    placed(case, word, lambda folder: (folder / LoraFile.WEIGHTS).write_bytes(raw))
    CASES[f"{kind}: {case}"] = CASES.pop(f"folder: {case}")


def headed(text: bytes, data: bytes = bytes(1024), length: int | None = None) -> bytes:
    return struct.pack("<Q", len(text) if length is None else length) + text + data


def one(data: bytes = bytes(1024), second: tuple[int, int] = (512, 1024), **changed: Any) -> bytes:
    facts = {"dtype": "F32", "shape": [8, 16], "data_offsets": [0, 512]} | changed
    return headed(json.dumps({A: facts, B: facts | {"data_offsets": second}}).encode(), data)


weighed("nothing", "no safetensors", b"")
weighed("four bytes", "no safetensors", b"abcd")
weighed("a pickle", "no safetensors", b"\x80\x04\x95\x10\0\0\0\0\0\0\0}." * 9)
weighed("a zip", "no safetensors", zips.packed(PLAIN))
weighed("length 0", "no safetensors", headed(b"", length=0))
weighed("length beyond memory", "no safetensors", headed(b"{}", length=2**63))
weighed("length beyond the file", "end within", headed(b"{}", length=4000))
weighed("no JSON", "no JSON object", headed(b"hello   "))
weighed("space first", "no JSON object", headed(b" {}"))
weighed("torn JSON", "not JSON", headed(b'{"a": }'))
weighed("no tensors", "no tensors", headed(b"{}", b""))
weighed("tensors beyond memory", "more than 16384", headed(b"{" + b'"":{},' * 500_000 + b"}"))
weighed("a tensor twice", "twice", headed(b'{"a": {}, "a": {}}'))
weighed("deep JSON", "nested", headed(b'{"a": ' + b"[" * 9000 + b"]" * 9000 + b"}"))
weighed("NaN in it", "no finite", headed(b'{"a": NaN}'))
weighed("a list for a tensor", "not described", headed(b'{"a": []}'))
weighed("a key more", "not described", one(evil=1))
weighed("F64", "F64", one(dtype="F64"))
weighed("I8", "I8", one(dtype="I8"))
weighed("F8", "F8_E4M3", one(dtype="F8_E4M3"))
weighed("a number for a type", "type", one(dtype=5))
weighed("a list for a type", "type", one(dtype=["F32"]))
weighed("three sides", "no matrix", one(shape=[2, 4, 16]))
weighed("no sides", "no matrix", one(shape=[]))
weighed("a side of 0", "no matrix", one(shape=[0, 16]))
weighed("a side below 0", "no matrix", one(shape=[-8, -16]))
weighed("a side true", "no matrix", one(shape=[True, 128]))
weighed("a side a fraction", "no matrix", one(shape=[8.0, 16]))
weighed("a side beyond sense", "no matrix", one(shape=[2**40, 2**40]))
weighed("bytes that do not fit", "does not take the bytes", one(shape=[8, 15]))
weighed("bytes below 0", "does not take the bytes", one(data_offsets=[-512, 0]))
weighed("bytes backwards", "does not take the bytes", one(data_offsets=[512, 0]))
weighed("bytes as fractions", "does not take the bytes", one(data_offsets=[0.0, 512.0]))
weighed("bytes as a text", "does not take the bytes", one(data_offsets="0-512"))
weighed("overlap", "overlaps", one(bytes(768), (256, 768)))
weighed("both in one place", "overlaps", one(bytes(512), (0, 512)))
weighed("hole", "hidden bytes", one(bytes(1112), (600, 1112)))
weighed("hole at the start", "hidden bytes", one(bytes(1032), (520, 1032), data_offsets=[8, 520]))
weighed("bytes at the end", "after its last", one() + b"x")
weighed("bytes missing", "ends before", one()[:-1])
weighed("metadata a number", "metadata", headed(b'{"__metadata__": {"a": 1}}'))
weighed("metadata a list", "metadata", headed(b'{"__metadata__": []}'))
weighed("metadata long", "metadata", headed(json.dumps({"__metadata__": {"a": "x" * 5000}}).encode()))
weighed(
    "metadata of many",
    "metadata",
    headed(json.dumps({"__metadata__": {str(n): "" for n in range(99)}}).encode()),
)
weighed("a long name", "characters", headed(json.dumps({"a" * 300: {}}).encode()))
weighed("a name of nothing", "characters", headed(b'{"": {}}'))


# --- weights ------------------------------------------------------------------------------------------------

Weights = dict[str, tuple[str, NDArray[Any]]]


def valued(case: str, word: str, change: Callable[[Weights], Weights], **how: Any) -> None:
    weights = change(made.tensors(**({"facts": made.SMALL, "rank": 8} | how)))
    weighed(case, word, made.encode(weights), "weights")


def renamed(old: str, new: str) -> Callable[[Weights], Weights]:
    return lambda weights: {name.replace(old, new): values for name, values in weights.items()}


def added(name: str, *shape: int) -> Callable[[Weights], Weights]:
    return lambda weights: weights | {f"{made.PREFIX}{name}": ("F32", np.ones(shape, np.float32))}


def filled(value: float, half: str = "lora_", first: bool = False) -> Callable[[Weights], Weights]:
    def change(weights: Weights) -> Weights:
        changed = dict(weights)
        for name in list(weights)[: 1 if first else None]:
            if half in name:
                values = weights[name][1].copy()
                values.flat[0 if first else slice(None)] = value
                changed[name] = (weights[name][0], values)
        return changed

    return change


def same(weights: Weights) -> Weights:
    return weights


WIDER = made.llama_facts("wider", 24, 48, 2, 4, 2)
DEEPER = made.llama_facts("deeper", 16, 32, 5, 4, 2)
FATTER = made.llama_facts("fatter", 16, 64, 2, 4, 2)
LAYER = "model.layers.0.self_attn.q_proj"
valued("another width", "hidden size 24; this base has 16", same, facts=WIDER)
valued("more blocks", "at least 5 blocks; this base has 2", same, facts=DEEPER)
valued("another inner width", "64×16, not 32×16", same, facts=FATTER, targets=("up_proj",))
valued("another kind of model", "does not have", renamed("model.layers", "transformer.h"))
valued("one half", "one half of a pair", lambda weights: {n: v for n, v in weights.items() if n != B})
valued("A alone", "one half of a pair", lambda weights: {n: v for n, v in weights.items() if "lora_A" in n})
valued(
    "A and B of different ranks", "different ranks", lambda w: w | {B: ("F32", np.ones((16, 4), np.float32))}
)
valued("rank 300", "above 256", same, rank=300)
valued("no prefix", "do not begin with", renamed(made.PREFIX, ""))
valued("a running adapter's name", "save_pretrained", renamed("lora_A.", "lora_A.default."))
valued("DoRA's vector", "DoRA", added(f"{LAYER}.lora_magnitude_vector.weight", 16, 1))
valued("an embedding", "embedding", added("model.embed_tokens.lora_embedding_A", 8, 16))
valued("a whole embedding", "embedding", added("model.embed_tokens.weight", 16, 16))
valued("the output head", "output head", added("lm_head.lora_A.weight", 8, 16))
valued("a saved layer", "modules_to_save", added("score.modules_to_save.weight", 2, 16))
valued("a bias", "biases", added(f"{LAYER}.lora_B.bias", 1, 16))
valued(
    "trained tokens",
    "trained tokens",
    added("model.embed_tokens.token_adapter.trainable_tokens_delta", 1, 16),
)
valued("a stranger", "no LoRA matrices", added("evil.payload", 8, 16))
valued("a base weight", "no LoRA matrices", added(f"{LAYER}.weight", 16, 16))
valued("NaN", "NaN", filled(np.nan, first=True))
valued("infinite", "infinite", filled(np.inf, first=True))
valued("infinite in half precision", "infinite", filled(-np.inf, first=True), dtype="F16")
valued("NaN in BF16", "NaN", filled(0x7FC0, first=True), dtype="BF16")
valued("B zero", "Every B is zero", filled(0, "lora_B"))
valued("A zero", "Every A is zero", filled(0, "lora_A"))
valued("all zero", "Every value is zero", filled(0))
valued("beyond half precision", "half precision", filled(1e38, first=True))
valued("drowns the base", "100 times", same, strength=500.0)


# --- GGUF ---------------------------------------------------------------------------------------------------


def gguf(case: str, word: str, data: bytes | None = None, **how: Any) -> None:
    CASES[f"gguf: {case}"] = word, sent(ggufs.packed(**how) if data is None else data, "adapter.gguf")


GOOD = ggufs.packed()
TENSORS = ggufs.tensors()
NAME, KIND, VALUES = TENSORS[0]
LONG = struct.pack("<Q", 2**62)
gguf("nothing", "too early", b"")
gguf("no magic", "no GGUF", magic=b"GGML")
gguf("version 2", "version 2", version=2)
gguf("big endian", "version", version=3 << 24)
gguf("tensors beyond memory", "announces", count=2**40)
gguf("no tensors", "announces", count=0)
gguf("entries beyond memory", "announces", entries=2**40)
gguf("cut in the header", "too early", GOOD[:150])
gguf("cut in the data", "ends before", GOOD[:-40])
gguf("bytes at the end", "after its last", GOOD + b"x" * 40)
gguf("a text beyond the file", "text of", said=ggufs.said(general_name=(ggufs.STRING, LONG)))
gguf(
    "a text not UTF-8", "UTF-8", said=ggufs.said(general_name=(ggufs.STRING, struct.pack("<Q", 1) + b"\xff"))
)
gguf("an unknown type", "unknown type 99", said=ggufs.said(general_name=(99, b"")))
gguf("a list of lists", "list", said=ggufs.said(general_tags=(ggufs.ARRAY, struct.pack("<IQ", 9, 1))))
gguf(
    "a list beyond the file",
    "too early",
    said=ggufs.said(general_tags=(ggufs.ARRAY, struct.pack("<I", 4) + LONG)),
)
gguf(
    "a list of texts beyond", "list", said=ggufs.said(general_tags=(ggufs.ARRAY, struct.pack("<I", 8) + LONG))
)
gguf("a key twice", "twice", said=[*ggufs.PLAIN, ggufs.PLAIN[0]])
gguf("a model", "general.type", said=ggufs.said(general_type="model"))
gguf("no type", "general.type", said=ggufs.said(general_type=None))
gguf("another adapter", "adapter.type", said=ggufs.said(adapter_type="cvec"))
gguf("a type of another type", "adapter.type", said=ggufs.said(adapter_type=(ggufs.UINT, 1)))
gguf("no architecture", "general.architecture", said=ggufs.said(general_architecture=None))
gguf("another architecture", "Made for 'qwen2'", said=ggufs.said(general_architecture="qwen2"))
gguf("alpha a text", "alpha", said=ggufs.said(adapter_lora_alpha=(ggufs.STRING, "16")))
gguf("alpha NaN", "alpha", said=ggufs.said(adapter_lora_alpha=float("nan")))
gguf("alpha below 0", "alpha", said=ggufs.said(adapter_lora_alpha=-1.0))
gguf("a template", "tokenizer.chat", said=ggufs.said(tokenizer_chat_template="x"))
gguf("a prompt", "adapter.lora.prompt", said=ggufs.said(adapter_lora_prompt_prefix="x"))
gguf("aLoRA", "adapter.alora", said=ggufs.said(adapter_alora_tokens=(ggufs.UINT, 1)))
gguf("an odd alignment", "alignment", said=ggufs.said(general_alignment=(ggufs.UINT, 3)))
gguf("alignment 0", "alignment", said=ggufs.said(general_alignment=(ggufs.UINT, 0)))
gguf("quantised", "of type 2", codes={"F32": 2})
gguf("an unknown kind of tensor", "of type 99", codes={"F32": 99})
gguf("three sides", "no matrix", dims=3)
gguf("no sides", "no matrix", tensors=[(NAME, KIND, VALUES.reshape(-1))], dims=1)
gguf("tensors apart", "where the tensor before", shift=32)
gguf("tensors askew", "where the tensor before", shift=-1)
gguf("a tensor twice", "twice", tensors=[TENSORS[0], TENSORS[0]])
gguf("one half", "one half of a pair", tensors=TENSORS[1:])
gguf("a stranger", "no LoRA matrices", tensors=[*TENSORS, ("blk.0.attn_q.weight", KIND, VALUES)])
gguf("another layer", "does not have", tensors=[*TENSORS, ("blk.9.attn_q.weight.lora_a", KIND, VALUES)])
gguf("the embedding", "cannot swap", tensors=[*TENSORS, ("token_embd.weight.lora_a", KIND, VALUES)])
gguf("another width", "hidden size", tensors=ggufs.tensors(WIDER))
gguf("NaN", "NaN", tensors=[(NAME, KIND, ggufs.nan(VALUES)), *TENSORS[1:]])
gguf("zeros", "zero", tensors=[(name, kind, values * 0) for name, kind, values in TENSORS])
