"""The peer that we measure beside: llama.cpp's own server, as `xllamacpp` ships it (`pip install xllamacpp`).

    python bench/peer.py MODEL.gguf THREADS SLOTS CONTEXT [LORA.gguf …]

prints its address and serves until its input ends. A request names its adapter by `lora: [{id, scale}]`. The package's
CPU build leaves AVX-512 out, which ours uses where the machine has it: that is a part of every ratio.
"""

import argparse
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import httpx
from serve import Ask, over_http


@contextmanager
def peer(model: Path, threads: int, slots: int, context: int, loras: Sequence[Path] = ()) -> Iterator[str]:
    """The address of a peer that runs for as long as the block."""
    sizes = [str(number) for number in (threads, slots, context)]
    command = [sys.executable, __file__, str(model), *sizes, *map(str, loras)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        assert process.stdin
        assert process.stdout
        try:
            url = next((line.split()[1] for line in process.stdout if line.startswith("address ")), "")
            if not url:
                raise SystemExit("The peer did not start. Run `pip install xllamacpp`.")
            yield url
        finally:
            process.stdin.close()
            process.wait(30)


def client_of(url: str) -> httpx.AsyncClient:
    """A connection for each request: the peer closes those that rest, at times just when the next one goes out."""
    return httpx.AsyncClient(base_url=url, timeout=600, limits=httpx.Limits(max_keepalive_connections=0))


def ask_peer(client: httpx.AsyncClient, tokens: int, lora: int | None = None, loras: int = 0) -> Ask:
    """`lora` is the place of an adapter among the `loras` that it has loaded; None for the base."""
    scales = [{"id": at, "scale": float(at == lora)} for at in range(loras)]
    return over_http(client, tokens, {"cache_prompt": True, "temperature": 0.0, "lora": scales})


def serve(chosen: argparse.Namespace) -> None:
    import xllamacpp

    how = xllamacpp.CommonParams()
    how.model.path = chosen.model
    how.n_parallel = chosen.slots
    how.n_ctx = chosen.slots * chosen.context
    how.cpuparams.n_threads = how.cpuparams_batch.n_threads = chosen.threads
    how.use_jinja, how.chat_template = (
        False,
        "chatml",
    )  # as ours reads the template: no system message of its own
    how.lora_adapters = [xllamacpp.CommonAdapterLoraInfo(path, 0.0) for path in chosen.loras]
    server = xllamacpp.Server(how)
    print("address", server.listening_address, flush=True)
    sys.stdin.read()


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("model")
    for name in ("threads", "slots", "context"):
        parser.add_argument(name, type=int)
    parser.add_argument("loras", nargs="*", metavar="LORA.gguf")
    serve(parser.parse_args())


if __name__ == "__main__":
    main()
