"""Settings: `privity.toml` in the home folder, over it `PRIVITY_*` environment variables. Read once, frozen.

Unknown keys are errors, in the file and in the environment, so that a misspelt setting never passes in silence.
"""

import os
import tomllib
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError

from service.errors import BadRequest


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


def _path(name: str) -> Path:
    return Path(name).expanduser()


class Base(_Section):
    """The base model that every adapter stands on."""

    model: str = Field(
        "embedded",
        description='`"embedded"` (SmolLM2-135M-Instruct from its package), the path of a `.gguf` file or of a '
        "transformers folder, or a name on the model hub, which is downloaded once.",
    )

    @property
    def hub(self) -> bool:
        """Whether the model is a name on the hub, and no path of this machine."""
        return "/" in self.model and not self.model.endswith(".gguf") and not _path(self.model).exists()


class Engine(_Section):
    """How text is generated."""

    kind: Literal["auto", "llama.cpp", "torch", "upstream"] = Field(
        "auto",
        description='What runs the model. `"auto"`: the `upstream` server if one is named, torch on a CUDA GPU and for '
        "transformers folders and hub names, llama.cpp otherwise.",
    )
    threads: int = Field(
        0, ge=0, description="CPU threads of the model; 0 takes all cores but keeps to 8 at most."
    )
    slots: int = Field(
        8,
        ge=1,
        le=64,
        description="Questions decoded in one batch. Memory grows as slots × context; prefixes are kept in idle slots.",
    )
    context: int = Field(4096, ge=512, description="Tokens one question and its answer may hold.")
    chunk: int = Field(
        256, ge=16, le=2048, description="Prompt tokens put into one step beside running answers."
    )
    queue: int = Field(64, ge=0, description="Questions that may wait; one more is answered 429.")
    per_person: int = Field(
        8, ge=1, description="Questions one person may have running and waiting together."
    )
    adapter_memory: int = Field(
        256,
        ge=1,
        description="MiB of adapters kept loaded; beyond them the least recently used goes, never one in use.",
    )
    speculation: bool = Field(
        True,
        description="Guess ahead where an answer repeats its documents, and verify in one step: "
        "the same tokens, sooner.",
    )
    gpu_layers: int = Field(
        0, ge=-1, description="Layers put on a GPU when llama.cpp was built for one; -1 means all."
    )
    quantize: Literal["", "4bit"] = Field(
        "", description='`"4bit"` holds the base in 4 bits: torch engine, CUDA and bitsandbytes only.'
    )
    upstream: str = Field(
        "",
        description="Address of an OpenAI-compatible server that generates instead of this machine: "
        "`http://10.0.0.5:8000`. Questions and the passages they need are sent there.",
    )
    upstream_model: str = Field(
        "", description="The base model's name there; empty takes the first that the server lists."
    )
    upstream_key: SecretStr = Field(
        SecretStr(""), description="The key for that server. Set the variable; leave it out of the file."
    )
    upstream_adapters: str = Field(
        "",
        description="Where that server, a vLLM with LoRA, sees this home's folder `adapters`; empty: at the same path.",
    )


class Search(_Section):
    """How passages are found."""

    passage: int = Field(400, ge=200, le=2000, description="Characters a passage aims at.")
    adapter: str = Field(
        "contract-search",
        description="The embedder's LoRA: a name, whose version published for the search serves; before one is, a "
        'folder of the shelf `adapters/` of that name, or a path. `""`: the bare model.',
    )
    clauses: str = Field(
        "clause-types",
        description="What tells types of clause: a name, whose approved classifier does; before one is, a folder of "
        'the shelf `adapters/` of that name, or a path. `""`: clauses have no types.',
    )
    evidence: str = Field(
        "evidence",
        description="What reads each sentence together with the question and decides what is quoted: a folder of the "
        'shelf `adapters/`, or a path. `""`: sentences are compared by the embedder instead.',
    )
    results: int = Field(8, ge=1, le=64, description="Passages an answer is drawn from.")
    threads: int = Field(1, ge=1, description="CPU threads of the embedder.")


class Documents(_Section):
    """What may come in."""

    max_bytes: int = Field(64 * 2**20, ge=1, description="Size of one file at most, in bytes.")
    max_pages: int = Field(3000, ge=1, description="Pages of one file at most.")


class Adapters(_Section):
    """What may be served beside the base model."""

    max_bytes: int = Field(
        256 * 2**20, ge=1, description="Size of one adapter at most, packed and unpacked, in bytes."
    )


class Training(_Section):
    """How fine-tunes run beside the people who ask."""

    threads: int = Field(1, ge=1, description="CPU threads of a training.")
    niceness: int = Field(
        10, ge=0, le=19, description="How far a training stands back on the CPU; 19 is furthest."
    )
    cores: str = Field(
        "",
        pattern=r"^(?:\d+(?:-\d+)?(?:,\d+(?:-\d+)?)*)?$",
        description='Cores that a training keeps to: `"1"`, `"4-7"`, `"2,4-5"`; empty: any.',
    )
    wait_for_idle: float = Field(
        0.05,
        ge=0,
        description="The share by which people's first words may come later because of a training; beyond it, and "
        "while that is not known, it pauses whenever somebody is answered. 0 pauses always.",
    )
    device: Literal["auto", "cpu", "cuda"] = Field(
        "auto", description='`"auto"` trains on a CUDA GPU if there is one.'
    )
    self_approval: bool = Field(False, description="Whether who launched a fine-tune may also approve it.")
    tracker: Literal["", "mlflow", "wandb"] = Field(
        "", description="Where a training is also told of, beside the page: MLflow, or Weights & Biases."
    )
    mlflow_uri: str = Field(
        "", description="Address of an MLflow server; empty keeps its files in the run's folder."
    )
    masking: Literal["own", "presidio"] = Field(
        "own",
        description='What finds the personal data that is to be masked: ours, or with `"presidio"` presidio\'s '
        "recognizers beside ours (`pip install 'privity[presidio]'`).",
    )
    masking_model: str = Field(
        "en_core_web_lg",
        description="The spaCy model, by name or folder, that presidio finds names with; without it none are found.",
    )


class Serve(_Section):
    """The HTTP service."""

    host: str = Field("127.0.0.1", description="Address to listen on; loopback unless told.")
    port: int = Field(3000, ge=1, le=65535, description="Port to listen on.")
    session_hours: int = Field(12, ge=1, description="Hours a sign-in lasts.")
    secure_cookie: bool = Field(
        False, description="Send the session cookie over HTTPS only (behind a TLS proxy)."
    )
    samples: bool = Field(True, description="Load the sample matters into an empty house.")


class Settings(_Section):
    """Everything that an operator may set."""

    home: Path = Field(Path("var"), description="Folder of all state: database, index, files, models.")
    base: Base = Base()
    engine: Engine = Engine()
    search: Search = Search()
    documents: Documents = Documents()
    adapters: Adapters = Adapters()
    training: Training = Training()
    serve: Serve = Serve()

    @property
    def offline(self) -> bool:
        """Whether nothing is dialled: no upstream server, no model from the hub."""
        return not self.engine.upstream and not self.base.hub


IN_CONTAINER = "/home/bentoml/privity"  # a volume, in the images that `bentoml containerize` makes

# Short names that a person types often, beside PRIVITY_<SECTION>_<KEY>.
SHORT = {"PRIVITY_HOME": ("home",), "PRIVITY_PORT": ("serve", "port"), "PRIVITY_HOST": ("serve", "host")}


def variables() -> dict[str, tuple[str, ...]]:
    """Every environment variable that is read, with the setting's path."""
    known = dict(SHORT)
    for section, info in Settings.model_fields.items():
        if isinstance(info.annotation, type) and issubclass(info.annotation, _Section):
            for key in info.annotation.model_fields:
                known[f"PRIVITY_{section}_{key}".upper()] = (section, key)
    return known


def load(environment: dict[str, str] | None = None) -> Settings:
    """The settings of this process.

    Raises BadRequest that names every key that is unknown or out of range, and where it was read.
    """
    environment = dict(os.environ) if environment is None else environment
    known = variables()
    contained = environment.get("BENTOML_CONTAINERIZED") == "true"
    home = Path(environment.get("PRIVITY_HOME", IN_CONTAINER if contained else "var")).resolve()
    file = home / "privity.toml"
    values: dict[str, Any] = {}
    if file.is_file():
        try:
            values = tomllib.loads(file.read_text("utf-8"))
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise BadRequest(f"{file.name} cannot be read: {error}. Mend the line or take it out.") from None
    for name, value in environment.items():
        if not name.startswith("PRIVITY_"):
            continue
        if name not in known:
            raise BadRequest(f"{name} is not a setting. docs/configuration.md lists the settings.")
        *section, key = known[name]
        if section and not isinstance(values.setdefault(section[0], {}), dict):
            raise BadRequest(f"[{section[0]}] in {file.name} must be a table.")
        (values[section[0]] if section else values)[key] = value
    values["home"] = home
    if contained:  # there, loopback is nobody's: the container's own walls are the limit
        values.setdefault("serve", {}).setdefault("host", "0.0.0.0")  # noqa: S104
    try:
        return Settings(**values)
    except ValidationError as error:
        lines = [f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors()]
        raise BadRequest("These settings are wrong: " + "; ".join(lines) + ".") from None
