"""The house, run for real: one service on a free port with its own home, shared by the tests that speak HTTP; and how
the tests are shared out to two processes."""

import fcntl
import os
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from random import SystemRandom
from typing import Any

import httpx
import pytest
from argon2 import PasswordHasher
from hypothesis import HealthCheck, settings

ROOT = Path(__file__).parent.parent

# One thread each, here and in every process that is started from here: two that spin take each other's core.
os.environ |= {"OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "passive", "TOKENIZERS_PARALLELISM": "false"}
# What one of those processes has compiled the next ones, of which there are dozens, find.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

# The same examples in every run, however slow the machine is. `--hypothesis-profile=default` draws new ones.
settings.register_profile(
    "same", derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("same")


@dataclass(frozen=True)
class RunningHouse:
    """A served Privity: its address, the admin's password, a key of theirs, and its home folder."""

    url: str
    admin_password: str
    key: str
    home: Path
    log: Path

    def client(self, key: str | None = None) -> httpx.Client:
        return httpx.Client(
            base_url=self.url, headers={"Authorization": f"Bearer {key or self.key}"}, timeout=120
        )


# --- two processes -----------------------------------------------------------------------------------------


# These ask the shared house.
HOUSE = ("tests/test_walks.py", "tests/ui/test_browser", "tests/engines/test_upstream.py")
OWN = "tests/test_walks.py::test_a_fine_tune_from_rows_to_the_next_answer"  # serves a house of its own
# Begun first; by the time that the second process needs the model the first one has made it.
LONG = ("house", "tests/training", OWN, "tests/engines", "tests/adapters/test_convert.py")
WORKERS = 2


def group(test: str) -> str:
    """What is run by one process: all that asks the shared house, so that one is served; else a file."""
    if test == OWN:
        return OWN
    file = test.split("::")[0]
    return "house" if file.startswith(HOUSE) else file


def turn(test: str) -> int:
    return next((at for at, begin in enumerate(LONG) if group(test).startswith(begin)), len(LONG))


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """The default tests as a whole are shared out; what somebody picks runs in one process."""
    whole = config.args_source is pytest.Config.ArgsSource.TESTPATHS and config.option.markexpr == "not slow"
    return WORKERS if whole and (os.cpu_count() or 1) > 1 else 0


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    from xdist.scheduler import LoadScopeScheduling

    class Groups(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return group(nodeid)

    return Groups(config, log)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if hasattr(config, "workerinput"):
        items.sort(key=lambda item: turn(item.nodeid))


# --- the house ---------------------------------------------------------------------------------------------


def free_port() -> int:
    """Below those of outgoing connections, one of which might have it by the time that something listens there."""
    for port in SystemRandom().sample(range(20_000, 32_000), 100):
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise AssertionError("no port is free")


def environment(home: Path, port: int, **more: str) -> dict[str, str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("PRIVITY_")}
    ours = {"PRIVITY_HOME": str(home), "PRIVITY_PORT": str(port), "PYTHONUNBUFFERED": "1"}
    ours["PRIVITY_TRAINING_NICENESS"] = "0"  # a test waits for the training; what else runs is other tests
    if "PYTEST_XDIST_WORKER" in os.environ:
        ours["PRIVITY_ENGINE_THREADS"] = "1"
    return clean | ours | more


def wait_until_ready(url: str, process: "subprocess.Popen[bytes]", log: Path, seconds: float = 400) -> None:
    deadline = time.monotonic() + seconds
    with httpx.Client(base_url=url) as client:
        while time.monotonic() < deadline and process.poll() is None:
            with suppress(httpx.TransportError):
                if client.get("/readyz").status_code == 200:
                    return
            time.sleep(0.2)
    process.terminate()
    raise AssertionError("the service did not become ready:\n" + log.read_text()[-4000:])


def command_line(home: Path, port: int, *words: str) -> str:
    return subprocess.run(
        [sys.executable, "-m", "service.cli", *words],
        cwd=ROOT,
        env=environment(home, port),
        check=True,
        capture_output=True,
        text=True,
    ).stdout


@pytest.fixture(scope="session", autouse=True)
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """In this process a new database is a copy of one that went through the migrations; one that is there already
    goes through them itself. Hundreds of tests begin with an empty one."""
    from service.storage import Database, database

    ready, migrate = tmp_path_factory.mktemp("migrated") / "privity.db", database._migrate
    Database(ready).close()

    def copied(engine: Any) -> None:
        file = Path(engine.url.database)
        if file.exists() and file.stat().st_size:
            migrate(engine)
        else:
            shutil.copyfile(ready, file)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(database, "_migrate", copied)
        yield


@pytest.fixture(scope="session", autouse=True)
def quick_disk() -> Iterator[None]:
    """In this process no commit waits for the disk: what is killed in tests are processes, and no power is cut."""
    from service.storage import database

    prepare = database._prepare

    def hurried(connection: Any, record: Any) -> None:
        prepare(connection, record)
        connection.execute("PRAGMA synchronous=OFF")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(database, "_prepare", hurried)
        yield


@pytest.fixture(scope="session", autouse=True)
def quick_passwords() -> Iterator[None]:
    """In this process a password is hashed with little work; a served house takes the work that protects it."""
    from service.access import accounts

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(accounts, "PasswordHasher", partial(PasswordHasher, time_cost=1, memory_cost=64))
        yield


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The prepared base model, made once for all tests; the tree's own `var/` serves if it has it."""
    ready = ROOT / "var" / "models"
    if not ready.is_dir():
        home = tmp_path_factory.getbasetemp()
        if "PYTEST_XDIST_WORKER" in os.environ:
            home = home.parent  # of all processes
        home /= "prepared"
        home.mkdir(exist_ok=True)
        with (home / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            command_line(home, 1, "prepare")  # which finds what another process has made
        ready = home / "models"
    return ready


@pytest.fixture(scope="session")
def house(tmp_path_factory: pytest.TempPathFactory, models: Path) -> Iterator[RunningHouse]:
    home = tmp_path_factory.mktemp("house")
    (home / "models").symlink_to(models, target_is_directory=True)
    port, log = free_port(), home / "serve.log"
    url = f"http://127.0.0.1:{port}"
    with log.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "service.cli", "serve"],
            cwd=ROOT,
            env=environment(home, port),
            stdout=out,
            stderr=subprocess.STDOUT,
        )
        try:
            wait_until_ready(url, process, log)
            told = re.search(r"user admin, password (\S+)", log.read_text())
            assert told, log.read_text()
            key = command_line(home, port, "keys", "create", "--name", "tests").strip()
            yield RunningHouse(url, told[1], key, home, log)
        finally:
            process.terminate()
            process.wait(240)


@pytest.fixture(scope="session")
def samples(house: RunningHouse) -> dict[str, str]:
    """The sample matters, name to id, once every document is in its final state."""
    with house.client() as client:
        matters = {card["name"]: card["id"] for card in client.get("/api/matters").json()["matters"]}
        for matter in matters.values():
            deadline = time.monotonic() + 400
            while any(
                filed["state"] in ("queued", "reading", "embedding")
                for filed in client.get(f"/api/matters/{matter}/documents").json()["documents"]
            ):
                assert time.monotonic() < deadline, "the samples were not read in time"
                time.sleep(0.5)
    return matters
