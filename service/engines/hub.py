"""Fetches a model from the hub: `python -m service.engines.hub OWNER/NAME[@REVISION] FOLDER`.

In a process of its own, so that the one that serves stays offline. Weights as safetensors only, and no code.
"""

import sys
from collections.abc import Sequence

FILES = ("*.safetensors", "*.json", "*.jinja", "*.model", "merges.txt", "vocab.txt")


def main(words: Sequence[str]) -> int:
    from huggingface_hub import snapshot_download

    name, _, revision = words[0].partition("@")
    try:
        snapshot_download(name, revision=revision or None, local_dir=words[1], allow_patterns=list(FILES))
    except Exception as error:  # no network, no such model, no right to it, no room
        print(type(error).__name__)  # noqa: T201 (the answer to the process that started this one)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
