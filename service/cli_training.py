"""`privity train …`: launch a fine-tune, watch it, stop it, approve what came of it."""

import asyncio
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from service.calling import call, run, speaking_for
from service.errors import BadRequest, PrivityError

if TYPE_CHECKING:
    import httpx

app = typer.Typer(no_args_is_help=True, help="Fine-tunes: launch, watch, stop, approve.")
console = Console()
User = Annotated[str, typer.Option("--user", help="On whose behalf.")]
Reason = Annotated[str, typer.Option(help="Why; recorded with the run.")]
LOOK = 1.0  # seconds between two looks
BUSY = ("queued", "preparing", "training", "evaluating")


@app.command()
def launch(
    dataset: Annotated[str, typer.Option(help="The data set's id.")],
    name: Annotated[str, typer.Option(help="The adapter's name, of which it becomes a version.")],
    title: Annotated[str, typer.Option(help="The name in plain words.")] = "",
    preset: Annotated[str, typer.Option(help="smoke, quick, standard or thorough.")] = "standard",
    change: Annotated[
        list[str] | None, typer.Option("--set", help="A part of the recipe: rate=1e-4, epochs=2.")
    ] = None,
    protect: Annotated[bool, typer.Option(help="Protect general ability.")] = False,
    wait: Annotated[bool, typer.Option("--watch", help="Watch it to its end.")] = False,
    user: User = "admin",
) -> None:
    """Put a run in line. Without a running service it is trained here, if it is watched."""
    recipe = dict(map(_part, change or []))
    body = {
        "dataset": dataset,
        "name": name,
        "title": title,
        "preset": preset,
        "recipe": recipe,
        "protect": protect,
    }
    run(_launch(body, wait, user))


@app.command("list")
def list_runs(user: User = "admin") -> None:
    """Every run over one's matters."""
    run(_list(user))


@app.command()
def watch(number: int, user: User = "admin") -> None:
    """Follow a run to its end. Without a running service it goes on here."""
    run(_watch_one(number, user))


@app.command()
def cancel(number: int, reason: Reason = "", user: User = "admin") -> None:
    """Stop a run and keep its last checkpoint."""
    run(_deed(number, "cancel", {"reason": reason}, user))


@app.command()
def resume(number: int, user: User = "admin") -> None:
    """Let a run that stopped or failed go on from its last checkpoint."""
    run(_deed(number, "resume", {}, user))


@app.command()
def approve(number: int, reason: Reason = "", user: User = "admin") -> None:
    """Publish what a run has made; another person than the one who launched it does."""
    run(_deed(number, "approve", {"reason": reason}, user))


@app.command()
def decline(number: int, reason: Reason = "", user: User = "admin") -> None:
    """Leave what is published as it is."""
    run(_deed(number, "decline", {"reason": reason}, user))


# --- behind the commands -----------------------------------------------------------------------------------


def _part(said: str) -> tuple[str, Any]:
    name, equals, value = said.partition("=")
    if not equals:
        raise BadRequest(f"--set takes NAME=VALUE, and {said!r} is none.")
    try:
        return name, float(value)
    except ValueError:
        return name, value


async def _launch(body: dict[str, Any], wait: bool, user: str) -> None:
    async with speaking_for(user, works=wait) as client:
        told = await call(client, "POST", "/api/jobs", json=body)
        console.print(f"Run {told['number']} of {told['name']} is {told['state']}.", markup=False)
        if wait:
            await _watch(client, told["number"])


async def _watch_one(number: int, user: str) -> None:
    async with speaking_for(user, works=True) as client:
        await _watch(client, number)


async def _watch(client: "httpx.AsyncClient", number: int) -> None:
    """Prints each new line of the progress, and then how it ended."""
    after, state = 0, ""
    while True:
        told = await call(client, "GET", f"/api/jobs/{number}/events", params={"after": after})
        after = told["next"]
        for line in told["lines"]:
            console.print(_line(line), markup=False, highlight=False)
        if told["state"] != state:
            state = told["state"]
            console.print(state, style="dim")
        if state not in BUSY:
            break
        await asyncio.sleep(LOOK)
    _tell(await call(client, "GET", f"/api/jobs/{number}"))


def _line(line: dict[str, Any]) -> str:
    parts = [f"step {line['step']} of {line['of']}"]
    for key, words in (("loss", "loss"), ("first_loss", "first token"), ("held_out_loss", "held out")):
        if key in line:
            parts.append(f"{words} {line[key]:.3f}")
    if "tokens_per_second" in line:
        parts.append(f"{line['tokens_per_second']:.0f} tokens/s")
    if "left" in line:
        parts.append(f"{line['left'] / 60:.1f} min left")
    return ", ".join(parts)


def _tell(job: dict[str, Any]) -> None:
    console.print(
        f"Run {job['number']} of {job['name']}: {job['state']}. {job['reason']}".rstrip(), markup=False
    )
    gate = job["gate"]
    if job["state"] == "waiting" and gate:
        said = "The gate is passed." if gate["passed"] else " ".join(gate["reasons"])
        console.print(said, markup=False)
    if job["state"] == "failed":
        raise PrivityError(job["reason"])


async def _list(user: str) -> None:
    async with speaking_for(user) as client:
        listed = (await call(client, "GET", "/api/jobs"))["jobs"]
    table = Table("run", "adapter", "state", "done", "loss", "by", "", box=None, header_style="dim")
    for job in listed:
        loss = job["progress"].get("loss")
        table.add_row(
            str(job["number"]),
            job["name"],
            job["state"],
            f"{100 * job['share']:.0f} %",
            "" if loss is None else f"{loss:.3f}",
            job["by"],
            job["reason"],
        )
    console.print(table)


async def _deed(number: int, deed: str, body: dict[str, Any], user: str) -> None:
    async with speaking_for(user) as client:
        _tell(await call(client, "POST", f"/api/jobs/{number}/{deed}", json=body))
