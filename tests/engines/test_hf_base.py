"""Bases in transformers' form: folders of this machine, and models that a hub gives once."""

import hashlib
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from service.config import load
from service.engines import BaseFiles, base_facts, prepare, prepare_folder, probe
from service.engines.hf_base import given_folder
from service.errors import BadRequest
from tests.adapters import made
from tests.engines import tiny

COMMIT = "c" * 40


@pytest.fixture(scope="module")
def folder(files: BaseFiles, tmp_path_factory: pytest.TempPathFactory) -> Path:
    assert files.gguf
    place = tiny.model(tmp_path_factory.mktemp("bases") / "small-lawyer", words=49152)
    return tiny.tokenizer(place, prepare_folder(files, files.gguf.parent))


def test_a_folder_is_used_where_it_lies(folder: Path, tmp_path: Path) -> None:
    own = prepare(str(folder), tmp_path)
    assert (own.gguf, own.folder, own.name) == (None, folder, "small-lawyer")
    assert prepare_folder(own, tmp_path) == folder
    assert prepare(f"{folder}/", tmp_path) == own


def test_its_fingerprint_is_that_of_its_contents(folder: Path, tmp_path: Path) -> None:
    import shutil

    first = prepare(str(folder), tmp_path).fingerprint
    twin = shutil.copytree(folder, tmp_path / "small-lawyer")
    assert prepare(str(twin), tmp_path).fingerprint == first
    weights = (twin / "model.safetensors").read_bytes()
    (twin / "model.safetensors").write_bytes(weights[:-1] + bytes([weights[-1] ^ 1]))
    assert prepare(str(twin), tmp_path).fingerprint != first


def test_its_layers_are_told_without_its_weights(folder: Path, tmp_path: Path) -> None:
    facts = base_facts(prepare(str(folder), tmp_path))
    assert facts.layers == made.llama_facts("", 64, 96, 3, 4, 2).layers
    assert (facts.architecture, facts.heads, facts.kv_heads) == ("llama", 4, 2)


def test_both_forms_of_the_embedded_model_have_the_same_facts(files: BaseFiles, tmp_path: Path) -> None:
    assert files.gguf
    other = prepare(str(prepare_folder(files, files.gguf.parent)), tmp_path)
    ours, theirs = base_facts(files), base_facts(other)
    assert ours.layers == theirs.layers
    assert (ours.architecture, ours.heads, ours.kv_heads) == (
        theirs.architecture,
        theirs.heads,
        theirs.kv_heads,
    )


def test_an_adapter_is_tried_on_it(folder: Path, tmp_path: Path) -> None:
    own = prepare(str(folder), tmp_path / "store")
    facts = base_facts(own)
    report = probe(own, made.lora(tmp_path / "good", facts, targets=made.LINEAR, strength=0.5))
    assert report.moved > 0.05
    assert report.parity is None
    with pytest.raises(BadRequest, match="changes nothing"):
        probe(own, made.lora(tmp_path / "idle", facts, strength=0.0))


def test_a_folder_without_weights_or_of_an_unknown_kind_is_refused(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"model_type": "unheard-of"}')
    with pytest.raises(BadRequest, match="safetensors"):
        prepare(str(tmp_path), tmp_path / "store")
    (tmp_path / "model.safetensors").write_bytes((folder / "model.safetensors").read_bytes())
    with pytest.raises(BadRequest, match="transformers"):
        base_facts(prepare(str(tmp_path), tmp_path / "store"))


class Hub(ThreadingHTTPServer):
    """A model hub on loopback with one model; it counts what is asked of it."""

    def __init__(self, folder: Path) -> None:
        self.files = {file.name: file.read_bytes() for file in folder.iterdir()}
        self.files |= {"pytorch_model.bin": b"pickle", "modeling.py": b"code"}
        self.asked: list[str] = []
        super().__init__(("127.0.0.1", 0), HubReply)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class HubReply(BaseHTTPRequestHandler):
    server: Hub

    def do_HEAD(self) -> None:
        self._reply(b"")

    def do_GET(self) -> None:
        self._reply()

    def _reply(self, body: bytes | None = None) -> None:
        path = self.path.split("?")[0]
        self.server.asked.append(path)
        name = path.rpartition("/")[2]
        if path.startswith("/api/models/firm/lawyer/tree/"):
            entries = [
                {"type": "file", "path": name, "size": len(data), "oid": hashlib.sha1(data).hexdigest()}
                for name, data in self.server.files.items()
            ]
            data = json.dumps(entries).encode()
        elif path.startswith("/api/models/firm/lawyer"):
            siblings = [{"rfilename": name} for name in self.server.files]
            data = json.dumps({"id": "firm/lawyer", "sha": COMMIT, "siblings": siblings}).encode()
        elif path.startswith("/firm/lawyer/resolve/") and name in self.server.files:
            data = self.server.files[name]
        else:
            self.send_error(404)
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(data)))
        self.send_header("ETag", f'"{hashlib.sha1(data).hexdigest()}"')
        self.send_header("X-Repo-Commit", COMMIT)
        self.end_headers()
        self.wfile.write(data if body is None else body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def hub(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    server = Hub(folder)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("HF_ENDPOINT", server.url)
    monkeypatch.setenv("HF_HUB_DISABLE_XET", "1")
    yield server
    server.shutdown()
    server.server_close()


def test_a_hub_model_is_fetched_once_without_code_or_pickles(hub: Hub, folder: Path, tmp_path: Path) -> None:
    files = prepare("firm/lawyer", tmp_path)
    assert files.name == "lawyer"
    assert files.folder
    names = {file.name for file in files.folder.iterdir() if file.is_file()}
    assert names == {file.name for file in folder.iterdir()}
    asked = len(hub.asked)
    assert prepare("firm/lawyer", tmp_path) == files
    assert len(hub.asked) == asked


def test_a_hub_that_does_not_have_it_is_told_and_leaves_nothing(hub: Hub, tmp_path: Path) -> None:
    with pytest.raises(BadRequest, match=r'base\.model` "firm/other" was not fetched.*NotFound'):
        given_folder("firm/other", tmp_path)
    assert not [file for file in tmp_path.iterdir() if not file.name.startswith(".")]


def test_nothing_is_dialled_unless_a_server_or_a_hub_name_is_configured(folder: Path, tmp_path: Path) -> None:
    def offline(**variables: str) -> bool:
        return load({"PRIVITY_HOME": str(tmp_path)} | variables).offline

    assert offline()
    assert offline(PRIVITY_BASE_MODEL=str(folder))
    assert offline(PRIVITY_BASE_MODEL="models/some.gguf")
    assert not offline(PRIVITY_BASE_MODEL="firm/lawyer")
    assert not offline(PRIVITY_ENGINE_UPSTREAM="http://127.0.0.1:1")
