"""The names that an adapter's files may have; every other name is refused with the reason."""

from service.adapters.refused import shown
from service.core import LoraFile

NAMES = (LoraFile.CONFIG, LoraFile.WEIGHTS, LoraFile.CARD)  # or, in place of the first two, one *.gguf

_ALONE = "Leave it out: an adapter is its weights and their configuration alone."
_TRAINING = ("optimizer", "scheduler", "rng_state", "training_args", "trainer_state", "scaler")
_TOKENIZER = ("tokenizer", "vocab", "merges", "special_tokens", "added_tokens", "spiece", "sentencepiece")
_MODEL = ("config.json", "generation_config.json", "model.", "model-", "pytorch_model", "consolidated")
_ENDINGS = {
    "pickle": (".bin", ".pt", ".pth", ".pkl", ".pickle", ".ckpt", ".joblib", ".npy", ".npz", ".msgpack"),
    "code": (
        ".py", ".pyc", ".pyd", ".so", ".dll", ".dylib", ".exe", ".sh", ".bat", ".ps1", ".js", ".ipynb", ".jar",
        ".cmd", ".rb", ".pl", ".wasm",
    ),
    "archive": (".zip", ".tar", ".gz", ".tgz", ".bz2", ".xz", ".7z", ".rar", ".zst", ".whl"),
    "template": (".jinja", ".jinja2", ".j2", ".tmpl"),
}  # fmt: skip


def refusal(name: str) -> str | None:
    """Why a file of this name (without folders) may not come with an adapter; None if it may."""
    if name in NAMES or is_gguf(name):
        return None
    low, said = name.lower(), shown(name)
    if low in NAMES:
        return f"{said} must be called {low}. Rename it."
    if low.startswith(("._", ".ds_store", "thumbs.db", "desktop.ini")):
        return f"{said} is a note of the desktop. Pack without it, for instance with `zip -X`."
    return _by_kind(low, said) or f"{said} is none of an adapter's files. {_ALONE}"


def is_gguf(name: str) -> bool:
    return name.endswith(".gguf") and not name.startswith(".")


def _by_kind(low: str, said: str) -> str | None:
    if low.startswith(_TRAINING):
        return f"{said} belongs to the training run. {_ALONE}"
    if low.startswith(_TOKENIZER):
        return f"{said} belongs to a tokenizer. Leave it out: the base's own is used."
    if low.startswith("chat_template") or low.endswith(_ENDINGS["template"]):
        return f"{said} is a template. Leave it out: the base's own is used."
    if low.startswith(_MODEL):
        return f"{said} belongs to a whole model. Send the adapter alone."
    if low.endswith(_ENDINGS["pickle"]):
        return f"{said} is a pickle. Save as safetensors."
    if low.endswith(_ENDINGS["code"]):
        return f"{said} is code. {_ALONE}"
    if low.endswith(_ENDINGS["archive"]):
        return f"{said} is an archive within the archive. Pack the adapter's files themselves."
    if low.endswith(".safetensors"):
        return f"{said} must be called {LoraFile.WEIGHTS}, one file of them all. Save without sharding."
    return None
