"""Turns off what our libraries would tell the outside. Imported before any of them."""

import os

QUIET = {
    "BENTOML_DO_NOT_TRACK": "True",
    "GRADIO_ANALYTICS_ENABLED": "False",
    "ANONYMIZED_TELEMETRY": "False",
    "HF_HUB_OFFLINE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "TRANSFORMERS_OFFLINE": "1",
    "DO_NOT_TRACK": "1",
    "OTEL_SDK_DISABLED": "true",
    "TQDM_DISABLE": "1",  # progress bars of libraries
}


def go_offline() -> None:
    """Sets the variables above unless the operator did; BentoML may have read its own already, so asks it again."""
    for name, value in QUIET.items():
        os.environ.setdefault(name, value)
    from bentoml._internal.utils.analytics import usage_stats

    usage_stats.do_not_track.cache_clear()
