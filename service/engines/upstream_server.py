"""What an OpenAI-compatible server is asked beside answers: its models, its tokens, its adapters; and its errors.

Nothing that the server says is passed on: it may repeat what it was sent.
"""

import ssl
from dataclasses import dataclass
from typing import Any

import httpx

from service.config import Engine as Settings
from service.errors import BadRequest, Busy, NotReady, PrivityError

CONNECT = 5.0  # seconds
SILENCE = 600.0  # seconds between two pieces of an answer; it may wait in the server's own queue first
SHORT = 60.0  # seconds for everything but answers; an adapter is loaded within them


@dataclass(frozen=True, slots=True)
class Served:
    """What the server says of itself."""

    model: str  # the base model's name there
    context: int  # tokens; 0 where it does not say
    vllm: bool  # whether it counts tokens, loads adapters and salts its cache, as vLLM does


class Server:
    """The server's address and key. Every call opens its own connection; safe from any thread."""

    def __init__(self, settings: Settings) -> None:
        """Raises BadRequest when the address is none."""
        self.url = settings.upstream.rstrip("/").removesuffix("/v1")
        if not self.url.startswith(("http://", "https://")):
            raise BadRequest("`engine.upstream` must be an address like `http://10.0.0.5:8000`.")
        key = settings.upstream_key.get_secret_value()
        self._named = settings.upstream_model
        self._common: dict[str, Any] = {
            "base_url": self.url,
            "headers": {"Authorization": f"Bearer {key}"} if key else {},
            "verify": ssl.create_default_context(),
            "trust_env": False,  # no proxy that nobody named here
        }

    def client(self) -> httpx.AsyncClient:
        """For one answer."""
        return httpx.AsyncClient(timeout=httpx.Timeout(SILENCE, connect=CONNECT), **self._common)

    def meet(self) -> Served:
        """Who serves. Raises NotReady when nobody does, BadRequest when it does not serve the model asked for."""
        cards = self._get("/v1/models").get("data", [])
        bases = [card for card in cards if not card.get("parent")]
        for card in bases:
            if self._named in ("", card.get("id")):
                vllm = card.get("owned_by") == "vllm"
                return Served(str(card["id"]), int(card.get("max_model_len") or 0), vllm)
        raise BadRequest(
            f'The upstream server does not serve "{self._named}". Check `engine.upstream_model`.'
        )

    def models(self) -> set[str]:
        return {str(card.get("id")) for card in self._get("/v1/models").get("data", [])}

    def count(self, model: str, messages: list[dict[str, str]]) -> int:
        """Tokens of a prompt, as vLLM counts them."""
        return int(self._post("/tokenize", {"model": model, "messages": messages}).json()["count"])

    def load(self, name: str, path: str) -> None:
        """Raises BadRequest when the server does not take the adapter."""
        reply = self._post(
            "/v1/load_lora_adapter", {"lora_name": name, "lora_path": path}, {400, 404, 405, 500}
        )
        if reply.status_code in (404, 405) and name not in self.models():
            raise BadRequest(
                "The upstream server does not load adapters, or does not see the folder. Start vLLM with "
                "--enable-lora and VLLM_ALLOW_RUNTIME_LORA_UPDATING=True, and check `engine.upstream_adapters`."
            )
        # 400 also says that it has it already; vLLM answers 500 to a rank above its own
        if reply.status_code in (400, 500) and name not in self.models():
            raise BadRequest(
                "The upstream server does not take this adapter: see its log, and its --max-lora-rank."
            )

    def unload(self, name: str) -> None:
        """One that is not there is gone already."""
        self._post("/v1/unload_lora_adapter", {"lora_name": name}, {400, 404, 405})

    def _get(self, path: str) -> dict[str, Any]:
        try:
            with self._short() as client:
                reply = client.get(path)
        except httpx.TransportError:
            raise unreachable() from None
        found: dict[str, Any] = _checked(reply).json()
        return found

    def _post(self, path: str, body: dict[str, Any], allowed: set[int] | None = None) -> httpx.Response:
        try:
            with self._short() as client:
                reply = client.post(path, json=body)
        except httpx.TransportError:
            raise unreachable() from None
        return reply if reply.status_code in (allowed or ()) else _checked(reply)

    def _short(self) -> httpx.Client:
        return httpx.Client(timeout=httpx.Timeout(SHORT, connect=CONNECT), **self._common)


def _checked(reply: httpx.Response) -> httpx.Response:
    if reply.status_code != 200:
        raise refused(reply)
    return reply


def unreachable() -> NotReady:
    return NotReady("The upstream server cannot be reached. Try again shortly.", retry_after=5)


def broken() -> PrivityError:
    return PrivityError("The upstream server broke off in the middle of this answer. Ask again.")


def refused(reply: httpx.Response) -> PrivityError:
    """What a reply that is no answer means for the person who asked."""
    status = reply.status_code
    if status == 429:
        return Busy("The upstream server is full. Try again shortly.", retry_after=_wait(reply))
    if status in (502, 503, 504):
        return NotReady("The upstream server is not ready. Try again shortly.", retry_after=_wait(reply))
    if status in (401, 403):
        return PrivityError("The upstream server does not accept our key. Set PRIVITY_ENGINE_UPSTREAM_KEY.")
    if status in (400, 404, 413, 422):
        return BadRequest(f"The upstream server refused the question (status {status}). Shorten it.")
    return PrivityError(f"The upstream server failed (status {status}). Ask again.")


def _wait(reply: httpx.Response) -> int:
    """Whole seconds; the header may also hold a date, which is taken for a short while."""
    said = reply.headers.get("retry-after", "")
    return max(1, int(said)) if said.isdigit() else 5
