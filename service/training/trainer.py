"""The child that trains: `python -m service.training.trainer <job folder>`. It reads the folder and writes the folder.

Whatever happens, the last thing that it writes is `done.json`; where that is missing the process was killed, and the
next start goes on from the last checkpoint.
"""

import logging
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from service.errors import BadRequest, Conflict, PrivityError
from service.offline import QUIET
from service.training.folder import Done, JobFolder, Spec
from service.training.recipe import Recipe
from service.training.trackers import Following, follow
from service.training.watch import Failed, Standing, Stopped, Watch

log = logging.getLogger("privity.training")

STOPPED = "Stopped when it was asked to; it can go on from its last checkpoint."


def main(path: str) -> int:
    """Train what the folder asks for. 0: trained or stopped; 1: failed; 3: another process trains it."""
    for name, value in QUIET.items():
        os.environ.setdefault(name, value)
    _log_to_stderr()
    folder = JobFolder(Path(path))
    if "LOCAL_RANK" in os.environ:  # one of several processes: the launcher holds the lock
        return _run(folder, folder.spec())
    try:
        lock = folder.hold()
    except Conflict:
        log.error("another process trains this job")
        return 3
    try:
        spec = folder.spec()
        _settle(spec)
        return _launch(folder) if _several(spec) else _run(folder, spec)
    except BadRequest as error:
        folder.finish(Done("failed", error.message))
        return 1
    finally:
        lock.release()


def _run(folder: JobFolder, spec: Spec) -> int:
    begun = time.monotonic()
    telling = os.environ.get("RANK", "0") == "0"
    following = follow(spec, folder.path) if telling else Following(None)
    watch = Watch(folder, 0, following, telling)
    watch.listen()
    done = _outcome(spec, watch, lambda: _train(folder, spec, watch), begun)
    following.close(done.state)
    notes = [*done.notes, following.note] if following.note else done.notes
    if telling:
        folder.finish(_with(done, notes=notes))
    log.info("%s at step %d of %d in %.0f s. %s", done.state, done.step, done.of, done.seconds, done.reason)
    return 1 if done.state == "failed" else 0


Trained = tuple[Standing, list[str], dict[str, Any]]


def _train(folder: JobFolder, spec: Spec, watch: Watch) -> Trained:
    """Each kind imports its own libraries."""
    if spec.kind == "classify":
        from service.training import classifier

        return classifier.train(folder, spec, watch)
    from service.training import answers

    return *answers.train(folder, spec, watch), {}


def _outcome(spec: Spec, watch: Watch, train: Callable[[], Trained], begun: float) -> Done:
    """How it ended, in words that carry nothing of the rows."""
    try:
        standing, notes, scores = train()
    except Stopped:
        return _done("stopped", STOPPED, watch, begun)
    except (Failed, PrivityError) as error:
        return _done("failed", str(error), watch, begun)
    except BaseException as error:  # its words may quote a row: only its name and place are told
        log.error("%s", _place_of(error))
        reason = f"The training broke off ({type(error).__name__}). log.txt of the job says where."
        return _done("failed", reason, watch, begun)
    learned = _learned(standing, spec.recipe)
    done = _done("failed" if learned else "trained", learned, watch, begun)
    return _with(done, notes=[*notes, *_ended(standing)], scores=scores)


def _learned(standing: Standing, recipe: Recipe) -> str:
    """Why the training was of no use, where it was not."""
    before, after = standing.before, standing.held_out
    if before is None or after is None:
        return "No held-out row was read, so nothing tells whether anything was learned."
    if before - after > 0 and before - after >= recipe.margin:
        return ""
    return (
        f"Nothing was learned: the held-out loss was {before:.3f} before and {after:.3f} at its best. "
        "Raise the learning rate or the epochs, or look at the rows."
    )


def _ended(standing: Standing) -> list[str]:
    if standing.ending == "patience":
        return [f"Ended early: the held-out loss had not fallen since step {standing.best}."]
    return ["Ended by its time limit; the best so far was kept."] if standing.ending == "minutes" else []


def _done(state: Any, reason: str, watch: Watch, begun: float) -> Done:
    standing = watch.standing
    return Done(
        state=state,
        reason=reason,
        step=standing.step,
        of=watch.of,
        seconds=round(time.monotonic() - begun, 1),
        best_step=standing.best,
        losses=standing.losses(),
        resumed=standing.resumed,
    )


def _with(done: Done, **changed: Any) -> Done:
    from dataclasses import replace

    return replace(done, **changed)


def _place_of(error: BaseException) -> str:
    """Where an error arose: files and lines, without its message."""
    lines, trace = [type(error).__name__], error.__traceback__
    while trace is not None:
        code = trace.tb_frame.f_code
        lines.append(f"  {code.co_filename}:{trace.tb_lineno} {code.co_name}")
        trace = trace.tb_next
    return "\n".join(lines)


def _settle(spec: Spec) -> None:
    """Beside a service that answers people: few threads, the cores it was given, behind everybody else."""
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[name] = str(spec.threads)
    if spec.cores:
        os.sched_setaffinity(0, set(spec.cores) & os.sched_getaffinity(0) or os.sched_getaffinity(0))
    if spec.niceness:
        os.nice(spec.niceness)


def _several(spec: Spec) -> bool:
    """Whether more than one GPU is to train."""
    if spec.device == "cpu" or not Path("/dev/nvidia1").exists():
        return False
    import torch

    return torch.cuda.device_count() > 1


def _launch(folder: JobFolder) -> int:
    """One process a GPU, by accelerate; a signal to stop is handed on through the folder, where all of them look."""
    import signal
    import subprocess

    import torch

    count = torch.cuda.device_count()
    words = [
        "-m",
        "accelerate.commands.launch",
        "--multi_gpu",
        "--num_processes",
        str(count),
        "--mixed_precision",
        "no",
    ]
    command = [sys.executable, *words, "-m", "service.training.trainer", str(folder.path)]
    signal.signal(signal.SIGTERM, lambda *_: folder.ask_to_stop())
    return subprocess.run(command, check=False).returncode


def _log_to_stderr() -> None:
    logging.basicConfig(
        stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s"
    )
    for name in ("transformers", "datasets", "accelerate", "mlflow", "wandb", "httpx", "urllib3"):
        logging.getLogger(name).setLevel(logging.ERROR)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
