"""The house, run for real: one service on a free port with its own home, shared by the tests that speak HTTP; and how
the tests are shared out to two processes."""

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
from typing import Any

import httpx
import pytest
from argon2 import PasswordHasher
from hypothesis import HealthCheck, settings

ROOT = Path(__file__).parent.parent

# One thread each, here and in every process that is started from here: two that spin take each other's core.
os.environ |= {"OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "passive", "TOKENIZERS_PARALLELISM": "false"}

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


LONG = (
    "house",
    "test_walks.py",
    "training",
    "engines",
    "adapters/test_convert.py",
)  # begun first, the rest fills up
WORKERS = 2


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """The default tests as a whole are shared out; what somebody picks runs in one process."""
    whole = config.args_source is pytest.Config.ArgsSource.TESTPATHS and config.option.markexpr == "not slow"
    return WORKERS if whole and (os.cpu_count() or 1) > 1 else 0


@pytest.hookimpl(tryfirst=True)  # xdist reads the groups in a hook of the same name
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """What asks the shared house is run by one process, so that one house is served; any other file keeps together."""
    if not hasattr(config, "workerinput"):
        return
    for item in items:
        shared = "house" in getattr(item, "fixturenames", ())
        item.add_marker(pytest.mark.xdist_group("house" if shared else item.nodeid.split("::")[0]))
    items.sort(key=_turn)


def _turn(item: pytest.Item) -> int:
    """Stable: within one turn the tests stay in their order."""
    group = item.get_closest_marker("xdist_group")
    assert group
    return next((at for at, part in enumerate(LONG) if part in group.args[0]), len(LONG))


# --- the house ---------------------------------------------------------------------------------------------


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def environment(home: Path, port: int, **more: str) -> dict[str, str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("PRIVITY_")}
    ours = {"PRIVITY_HOME": str(home), "PRIVITY_PORT": str(port), "PYTHONUNBUFFERED": "1"}
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
        home = tmp_path_factory.mktemp("prepared")
        command_line(home, 1, "prepare")
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
