"""Writes docs/configuration.md from the settings themselves. `make docs` runs it; a test holds it to them."""

import json
from pathlib import Path
from typing import Any

from service.config import SHORT, Settings

HEAD = """\
# Configuration

Privity reads `privity.toml` in its home folder, and over it the environment. A key that is not listed here is an error,
in the file and in the environment alike. Change a setting, then restart.

```toml
# var/privity.toml
[engine]
threads = 4

[serve]
port = 8080
```

The same as environment variables: `PRIVITY_ENGINE_THREADS=4 PRIVITY_SERVE_PORT=8080`. Three have short names: \
`PRIVITY_HOME`, `PRIVITY_HOST` and `PRIVITY_PORT`.
"""


def page() -> str:
    parts = [HEAD, f"`home` (`PRIVITY_HOME`, default `var`): {Settings.model_fields['home'].description}\n"]
    short = {path: name for name, path in SHORT.items()}
    for section, field in Settings.model_fields.items():
        model: Any = field.annotation
        if not hasattr(model, "model_fields"):
            continue
        parts.append(
            f"## `[{section}]`\n\n{model.__doc__}\n\n| key | default | variable | what it does |\n|---|---|---|---|"
        )
        for key, info in model.model_fields.items():
            variable = short.get((section, key), f"PRIVITY_{section}_{key}".upper())
            default = json.dumps(info.default, default=str)
            parts[-1] += f"\n| `{key}` | `{default}` | `{variable}` | {info.description} |"
        parts[-1] += "\n"
    return "\n".join(parts)


if __name__ == "__main__":
    (Path(__file__).parent / "configuration.md").write_text(page(), "utf-8")
