"""`privity …`: what a person does at the terminal."""

import asyncio
import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from service import cli_adapters, cli_training, config
from service.calling import accounts, call, run, speaking_for
from service.core import Role
from service.errors import PrivityError

if TYPE_CHECKING:
    import httpx

ROOT = Path(__file__).parent.parent

app = typer.Typer(no_args_is_help=True, add_completion=False, help="A self-hosted legal assistant.")
users = typer.Typer(no_args_is_help=True, help="People who may sign in.")
keys = typer.Typer(no_args_is_help=True, help="Bearer keys for programs.")
app.add_typer(users, name="users")
app.add_typer(keys, name="keys")
app.add_typer(cli_adapters.app, name="adapters")
app.add_typer(cli_training.app, name="train")
console = Console()
User = Annotated[str, typer.Option("--user", help="On whose behalf.")]


def main() -> None:
    """The console script: errors that a person can act on are one line, not a traceback."""
    try:
        app()
    except PrivityError as error:
        Console(stderr=True).print(f"privity: {error.message}", style="red", markup=False)
        sys.exit(1)


@app.command()
def prepare() -> None:
    """Derive the base model's files once, so that the service starts quickly."""
    from service.offline import go_offline

    go_offline()
    from service import engines

    settings = config.load()
    store = settings.home / "models"
    with console.status("Preparing the base model (once)"):
        files = engines.prepare(settings.base.model, store)
        if settings.base.model == "embedded":
            engines.prepare_folder(files, store)
    console.print(f"{files.name}: ready")


@app.command()
def serve() -> None:
    """Serve the API and the page with BentoML, as `bentoml serve` in the project's folder does."""
    settings = config.load()
    prepare()
    os.environ["PRIVITY_HOME"] = str(settings.home)
    # BentoML empties its folder of metrics at each start: a second service would empty the first one's.
    os.environ.setdefault("BENTOML_HOME", str(settings.home / "bentoml"))
    command = [sys.executable, "-m", "bentoml", "serve", "service.main:Privity", "--working-dir", str(ROOT)]
    os.execv(sys.executable, command)


@app.command()
def ingest(
    paths: Annotated[list[Path], typer.Argument(exists=True, help="Files and folders.")],
    matter: Annotated[str, typer.Option(help="The matter's name or id; it is opened if there is none.")],
    user: User = "admin",
) -> None:
    """Add documents to a matter, folders with all that is in them."""
    files = {file: name for path in paths for file, name in _files(path)}
    run(_ingest(files, matter, user))


@app.command()
def ask(
    question: str,
    matter: Annotated[str, typer.Option(help="The matter's name or id.")],
    user: User = "admin",
) -> None:
    """Ask a question about a matter's documents."""
    run(_ask(question, matter, user))


@app.command()
def doctor() -> None:
    """Check this installation, and print where the time of a start goes."""
    from service.doctor import examine

    table = Table("check", "result", "seconds", box=None, header_style="dim")
    bad = 0
    for check in examine(config.load()):
        bad += not check.ok
        table.add_row(
            check.name,
            ("" if check.ok else "[red]") + check.result,
            f"{check.seconds:.2f}",
            end_section=False,
        )
    console.print(table)
    raise typer.Exit(1 if bad else 0)


@users.command("add")
def add_user(
    name: str, role: Role = Role.MEMBER, password: Annotated[str | None, typer.Option()] = None
) -> None:
    """Add a person; prints the password that they first sign in with."""
    console.print(accounts().add(name, role, password), markup=False, highlight=False)


@users.command("list")
def list_users() -> None:
    for person in accounts().people():
        console.print(person.name, person.role, "disabled" if person.disabled else "")


@users.command("password")
def reset_password(name: str) -> None:
    """Give a person a new random password, and print it."""
    import secrets

    password = secrets.token_urlsafe(12)
    accounts().change(name, password=password)
    console.print(password, markup=False, highlight=False)


@keys.command("create")
def create_key(
    name: Annotated[str, typer.Option(help="What it is for.")] = "key", user: User = "admin"
) -> None:
    """Make a bearer key; it is printed this once."""
    print(accounts().add_key(user, name)[1])  # noqa: T201 — rich would wrap it


# --- behind the commands -----------------------------------------------------------------------------------


def _files(path: Path) -> list[tuple[Path, str]]:
    """The files at a path, each with the name that it is filed under: in a folder, the way to it."""
    if path.is_file():
        return [(path, path.name)]
    folder = path.resolve()
    inside = sorted(f for f in folder.rglob("*") if f.is_file() and not f.name.startswith("."))
    return [(file, str(file.relative_to(folder.parent))) for file in inside]


async def _matter(client: "httpx.AsyncClient", name: str, *, make: bool) -> str:
    matters = (await call(client, "GET", "/api/matters"))["matters"]
    found = [card["id"] for card in matters if name in (card["id"], card["name"])]
    if len(found) > 1:
        raise PrivityError(f"{len(found)} matters have this name. Give the id: {', '.join(found)}.")
    if not found and not make:
        raise PrivityError(
            "There is no such matter. These are yours: " + ", ".join(card["name"] for card in matters) + "."
        )
    return str(found[0] if found else (await call(client, "POST", "/api/matters", json={"name": name}))["id"])


async def _ingest(files: dict[Path, str], name: str, user: str) -> None:
    async with speaking_for(user) as client:
        matter = await _matter(client, name, make=True)
        sent: dict[str, dict[str, Any]] = {}
        with Progress(console=console) as progress:
            bar = progress.add_task("sending", total=len(files))
            for file, title in files.items():
                with file.open("rb") as content:
                    answer = await call(
                        client,
                        "POST",
                        f"/api/matters/{matter}/documents",
                        files={"files": (title, content)},
                    )
                sent |= {filed["id"]: filed for filed in answer["documents"]}
                progress.advance(bar)
            bar = progress.add_task("reading", total=len(sent))
            while waiting := [
                i for i, filed in sent.items() if filed["state"] in ("queued", "reading", "embedding")
            ]:
                await asyncio.sleep(0.3)
                listed = (await call(client, "GET", f"/api/matters/{matter}/documents"))["documents"]
                sent |= {f["id"]: f for f in listed if f["id"] in waiting or f["parent"] in sent}
                progress.update(bar, total=len(sent), completed=len(sent) - len(waiting))
            progress.update(bar, completed=len(sent))
    _report(list(sent.values()))


def _report(filed: list[dict[str, Any]]) -> None:
    table = Table("file", "state", "pages", "passages", "", box=None, header_style="dim")
    for one in filed:
        table.add_row(one["title"], one["state"], str(one["pages"]), str(one["passages"]), one["reason"])
    console.print(table)
    searchable = sum(one["state"] in ("ready", "partial", "duplicate") for one in filed)
    console.print(f"{searchable} of {len(filed)} files can be searched.")


async def _ask(question: str, name: str, user: str) -> None:
    async with speaking_for(user) as client:
        matter = await _matter(client, name, make=False)
        body = {"messages": [{"role": "user", "content": question}], "matter": matter}
        started = time.monotonic()
        reply = await call(client, "POST", "/v1/chat/completions", json=body)
    console.print(reply["choices"][0]["message"]["content"], markup=False, highlight=False)
    for citation in reply["privity"]["citations"]:
        place = ", ".join(
            part for part in (citation["title"], citation["heading"], f"page {citation['page']}") if part
        )
        console.print(f"[{citation['n']}] {place}", style="dim", markup=False, highlight=False)
    coverage = reply["privity"]["coverage"]
    console.print(
        f"Searched {coverage['documents']} documents, {coverage['passages']} passages; "
        f"{time.monotonic() - started:.1f} s",
        style="dim",
    )


if __name__ == "__main__":
    main()
