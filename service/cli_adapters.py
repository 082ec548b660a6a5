"""`privity adapters …`: bring an adapter, check it, publish it, take it back."""

import asyncio
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from service.calling import call, run, speaking_for
from service.errors import BadRequest, PrivityError

if TYPE_CHECKING:
    import httpx

app = typer.Typer(no_args_is_help=True, help="LoRA adapters: bring, check, publish, roll back.")
console = Console()
User = Annotated[str, typer.Option("--user", help="On whose behalf.")]
Source = Annotated[Path, typer.Argument(exists=True, help="A zip, a GGUF or an adapter's folder.")]
MARKS = {"passed": "[green]✓[/green]", "refused": "[red]✗[/red]"}


@app.command()
def add(
    path: Source,
    name: Annotated[str, typer.Option(help="What it is asked for by.")],
    title: Annotated[str, typer.Option(help="The name in plain words.")] = "",
    matter: Annotated[list[str] | None, typer.Option(help="Id of a matter that it learned from.")] = None,
    person: Annotated[list[str] | None, typer.Option(help="Who may use it; nobody named: everybody.")] = None,
    publish: Annotated[bool, typer.Option(help="Publish it when it has passed.")] = False,
    user: User = "admin",
) -> None:
    """Send an adapter through the checks; each is told as it is done, and every reason where it is refused."""
    fields = {"name": name, "title": title, "matters": matter or [], "people": person or []}
    run(_add(path, fields, publish, user))


@app.command()
def check(path: Source, user: User = "admin") -> None:
    """Run the checks alone; nothing is kept."""
    run(_check(path, user))


@app.command("list")
def list_adapters(user: User = "admin") -> None:
    """Every version, with what its name points to."""
    run(_list(user))


@app.command()
def publish(name: str, version: int, user: User = "admin") -> None:
    """Point a name to a version."""
    run(_deed(name, "publish", {"version": version}, user))


@app.command()
def rollback(name: str, user: User = "admin") -> None:
    """Point a name to what was published before."""
    run(_deed(name, "rollback", {}, user))


@app.command()
def retire(name: str, version: int, user: User = "admin") -> None:
    """Take a version out of use."""
    run(_deed(name, "retire", {"version": version}, user))


@app.command()
def export(
    name: str,
    version: int,
    to: Annotated[Path, typer.Option(help="The file to write.")],
    gguf: Annotated[bool, typer.Option(help="llama.cpp's form instead of the zip.")] = False,
    user: User = "admin",
) -> None:
    """Write a version's files."""
    run(_export(name, version, to, "gguf" if gguf else "peft", user))


# --- behind the commands -----------------------------------------------------------------------------------


async def _add(path: Path, fields: dict[str, Any], publish: bool, user: str) -> None:
    async with speaking_for(user) as client:
        told = await _sent(client, "/api/adapters", path, fields)
        shown = _show(told, 0)
        while told["state"] == "checking":
            await asyncio.sleep(0.2)
            told = await call(client, "GET", f"/api/adapters/admissions/{told['id']}")
            shown = _show(told, shown)
        if told["state"] == "refused":
            raise BadRequest("The adapter was refused. " + " ".join(told["reasons"]))
        console.print(told["told"] or f"{told['name']}: version {told['version']} is ready", markup=False)
        if publish:
            await _publish(client, told["name"], told["version"])


async def _publish(client: "httpx.AsyncClient", name: str, version: int) -> None:
    card = await call(client, "POST", f"/api/adapters/{name}/publish", json={"version": version})
    console.print(f"{name}: version {version} is published. {card['told']}".rstrip(), markup=False)


async def _check(path: Path, user: str) -> None:
    async with speaking_for(user) as client:
        _show(await _sent(client, "/api/adapters/check", path, {}), 0)
    console.print("It would be taken in.")


async def _sent(client: "httpx.AsyncClient", address: str, path: Path, fields: dict[str, Any]) -> Any:
    """Sends one file, or the files of a folder, from the disk as they are."""
    files = _files(path)
    with ExitStack() as opened:
        parts = [("file", (file.name, opened.enter_context(file.open("rb")))) for file in files]
        return await call(client, "POST", address, data=fields, files=parts)


def _files(path: Path) -> list[Path]:
    return sorted(file for file in path.iterdir() if file.is_file()) if path.is_dir() else [path]


def _show(told: dict[str, Any], shown: int) -> int:
    """Prints the steps that are done and have not been shown; how many are by now."""
    done = [tick for tick in told["ticks"] if tick["state"] in MARKS]
    for tick in done[shown:]:
        for said in tick["said"]:
            console.print(MARKS[tick["state"]], end=" ")
            console.print(f"{said} ({tick['seconds']:.1f} s)", markup=False, highlight=False)
    return len(done)


async def _list(user: str) -> None:
    async with speaking_for(user) as client:
        listed = (await call(client, "GET", "/api/adapters"))["adapters"]
    table = Table(
        "name", "version", "digest", "state", "rank", "size", "origin", "today", box=None, header_style="dim"
    )
    for card in listed:
        for version in card["versions"]:
            share = f"{card['share']} % of questions" if version["version"] == card["candidate"] else ""
            table.add_row(
                card["name"],
                f"v{version['version']}",
                version["digest"][:8],
                share or ("serves the search" if version["searches"] else version["state"]),
                str(version["rank"]),
                f"{version['size'] / 1e6:.1f} MB",
                version.get("origin", ""),
                str(version.get("today", "")),
            )
    console.print(table)


async def _deed(name: str, deed: str, body: dict[str, Any], user: str) -> None:
    async with speaking_for(user) as client:
        card = await call(client, "POST", f"/api/adapters/{name}/{deed}", json=body)
    points = f"version {card['published']} is published" if card["published"] else "nothing is published"
    console.print(f"{name}: {points}. {card['told']}".rstrip(" ."), markup=False)


async def _export(name: str, version: int, to: Path, form: str, user: str) -> None:
    address, part, size = f"/api/adapters/{name}/versions/{version}/file", to.with_name(f"{to.name}.part"), 0
    async with (
        speaking_for(user) as client,
        client.stream("GET", address, params={"form": form}) as reply,
    ):
        if reply.is_error:
            await reply.aread()
            raise PrivityError(reply.json()["error"]["message"])
        with part.open("wb") as file:
            async for piece in reply.aiter_bytes():
                size += file.write(piece)
    part.replace(to)
    console.print(f"{to.name}: {size / 1e6:.1f} MB", markup=False)
