"""What a trainer can do: gather rows and look them through, choose a recipe, start a run and watch it, decide on it.

Files of rows go from the browser straight to the API (assets/mapper.js), and the curves come from there.
"""

import json
import time
from contextlib import suppress
from typing import cast

from ui import adapters, chat
from ui.chat import Act, Event
from ui.client import Api, ApiError
from ui.desk import Desk
from ui.replies import Citation, Json, Run, TrainingRow
from ui.tuning import GOING, JUDGED, LEVELS, PAGE, Draft, Level, Stage, Tuning, suggested

SCORED = 12  # runs, the newest, whose figures stand in the list
OFTEN = 1.5  # seconds between looks while the view is open
SMOKE = "smoke"


# --- looking


async def refresh(api: Api, desk: Desk) -> None:
    """The lists, and the run that is looked at: others launch and decide, too."""
    tuning = desk.tuning
    if not desk.manages or time.monotonic() - tuning.asked < OFTEN:
        return
    tuning.asked = time.monotonic()
    tuning.runs = await api.runs()
    if desk.view != "finetune":
        return
    tuning.sets = await api.sets()
    with suppress(ApiError):  # all are asked then
        tuning.rules = tuning.rules or await api.rules()
    if desk.matter:
        tuning.corrections = int((await api.review(desk.matter))["corrections"])
    if tuning.run is not None:
        await look(api, tuning, tuning.run["number"])
    await score(api, tuning)


async def look(api: Api, tuning: Tuning, number: int) -> None:
    """A run as it stands; its report is fetched once it is there."""
    before = tuning.run["state"] if tuning.run and tuning.run["number"] == number else None
    try:
        tuning.run = await api.run(number)
    except ApiError as error:
        if error.status == 404:
            tuning.anew()
        raise
    if tuning.run["gate"] is None and tuning.run["state"] not in JUDGED:
        tuning.report = None
    elif tuning.report is None or before != tuning.run["state"]:
        with suppress(ApiError):  # a classifier that was not examined has none
            tuning.report = await api.report(number)
    if tuning.log is not None:
        tuning.log = await api.log(number)
    if tuning.lineage is None or before != tuning.run["state"]:
        with suppress(ApiError):  # the run is worth looking at without it
            tuning.lineage = await api.lineage(job=number)
    if before in GOING and tuning.run["state"] == "waiting" and tuning.stage == "run":
        tuning.stage = "report"


async def score(api: Api, tuning: Tuning) -> None:
    """The figures of finished runs, each asked for once."""
    for run in [one for one in tuning.runs if one["state"] in JUDGED][:SCORED]:
        if run["number"] not in tuning.scores:
            tuning.scores[run["number"]] = await figure(api, run)


async def figure(api: Api, run: Run) -> float | None:
    try:
        report = await api.report(run["number"])
    except ApiError:
        return None
    ours = [one for one in report.get("contestants", []) if one["who"] == "candidate"]
    return float(ours[0]["scores"]["f1"]["value"]) if ours else cast(Json, report).get("macro_f1")


async def again(api: Api, desk: Desk) -> None:
    desk.tuning.asked = 0.0
    await refresh(api, desk)


async def open_run(api: Api, desk: Desk, event: Event) -> None:
    tuning, number = desk.tuning, int(event["number"])
    desk.source = None
    if tuning.run is None or tuning.run["number"] != number:
        tuning.report = tuning.log = tuning.lineage = None
    await look(api, tuning, number)
    if tuning.run is not None:
        tuning.stage = "report" if tuning.run["state"] in JUDGED else "run"


async def open_from_afar(api: Api, desk: Desk, event: Event) -> None:
    """A run, from where something else is looked at."""
    await chat.show(api, desk, {"id": "finetune"})
    await open_run(api, desk, event)


async def document(api: Api, desk: Desk, event: Event) -> None:
    """A document that a run learned from, beside the run."""
    desk.source = await chat.read(api, event["id"])


async def new(api: Api, desk: Desk, event: Event) -> None:
    desk.tuning.anew()
    desk.source = None
    await again(api, desk)


async def stage(api: Api, desk: Desk, event: Event) -> None:
    keep(desk.tuning, event)
    desk.tuning.stage = cast(Stage, event["id"])
    if desk.tuning.stage == "recipe":
        await to_recipe(api, desk, event)


async def come_back(api: Api, desk: Desk, event: Event) -> None:
    """Where the browser remembers that its reader was: a run, or what was being prepared."""
    tuning, place = desk.tuning, remembered(event.get("place", ""))
    if event.get("show"):
        await chat.show(api, desk, {"id": "finetune"})
    await again(api, desk)
    if place.get("run") in [one["number"] for one in tuning.runs]:
        await open_run(api, desk, {"number": str(place["run"])})
        return
    if any(one["id"] == place.get("dataset") for one in tuning.sets):
        await pick_set(api, desk, {"id": str(place["dataset"])})
        tuning.draft = drafted(place.get("draft"), tuning.draft)
        if place.get("stage") in ("recipe", "preflight"):
            await to_recipe(api, desk, {})
            keep(tuning, typed(place.get("form")))


def remembered(place: str) -> Json:
    try:
        found = json.loads(place)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def typed(form: object) -> Event:
    """What stood in the recipe's form, if the browser kept any of it."""
    if not isinstance(form, dict):
        return {}
    return {"form": "recipe"} | {str(name): str(value) for name, value in form.items()}


def drafted(said: object, otherwise: Draft) -> Draft:
    """What was being chosen, as the browser kept it."""
    if not isinstance(said, dict):
        return otherwise
    changes = said.get("changes")
    return Draft(
        name=str(said.get("name") or otherwise.name),
        title=str(said.get("title", "")),
        preset=str(said.get("preset", otherwise.preset)),
        level=level_of(said.get("level")),
        protect=bool(said.get("protect")),
        changes=changes if isinstance(changes, dict) else {},
    )


def level_of(said: object) -> Level:
    return next((one for one in LEVELS if one == said), "simple")


# --- rows


async def from_matter(api: Api, desk: Desk, event: Event) -> None:
    """Rows that the matter's documents give; a data set that was made of them before gets what is new."""
    matter = desk.current
    if matter is None:
        raise ApiError(404, "no_matter", "Open a matter first: choose one in the title bar, or create one.")
    tuning = desk.tuning
    known = (one for one in await api.sets() if one["matters"] == [matter["id"]] and one["kind"] == "answers")
    found = next((one for one in known if one["name"] == matter["name"]), None)
    chosen = found or await api.new_set(matter["name"], "answers", [matter["id"]])
    got = await api.propose(
        chosen["id"], matter["id"], wished(tuning, event), "written" in event, "mask" in event
    )
    await pick_set(api, desk, {"id": chosen["id"]})
    tuning.told = said_of(got)


def wished(tuning: Tuning, event: Event) -> list[str]:
    """The rules that are ticked; none where all are, or where the form was not there."""
    some = [one["name"] for one in tuning.rules if f"rule-{one['name']}" in event]
    if "rules" in event and not some:
        raise ApiError(422, "no_rule", "Tick at least one kind of question.")
    return [] if len(some) == len(tuning.rules) else some


def said_of(got: Json) -> str:
    """What came of reading the documents."""
    documents, unread = int(got.get("documents", 0)), int(got.get("unread", 0))
    told = f"{int(got.get('proposed', 0)):,} new rows from {documents:,} documents."
    return told + (f" Not read, for want of text: {unread:,}." if unread else "")


async def pick_set(api: Api, desk: Desk, event: Event) -> None:
    """Open a data set, at what is still to be looked through in it."""
    tuning = desk.tuning
    tuning.run, tuning.stage, desk.source = None, "data", None
    tuning.put_down()
    tuning.chosen = await api.one_set(event["id"])
    tuning.draft = Draft(name=suggested(tuning.chosen["name"]))
    tuning.state = "proposed" if tuning.chosen["counts"].get("proposed") else "accepted"
    await turn(api, tuning)
    tuning.asked = 0.0


async def put_down(api: Api, desk: Desk, event: Event) -> None:
    desk.tuning.put_down()
    desk.source = None
    await again(api, desk)


async def delete_set(api: Api, desk: Desk, event: Event) -> None:
    await api.delete_set(event["id"])
    await put_down(api, desk, event)


async def took_in(api: Api, desk: Desk, event: Event) -> None:
    """The browser has put a file's rows into a data set."""
    await pick_set(api, desk, event)
    desk.tuning.told = event.get("told", "")


async def turn(api: Api, tuning: Tuning) -> None:
    """The page of rows that is asked for."""
    if tuning.chosen is not None:
        tuning.rows, tuning.total = await api.rows(tuning.chosen["id"], tuning.state, tuning.offset, PAGE)


async def rows(api: Api, desk: Desk, event: Event) -> None:
    """Rows of another state, or another page of them."""
    tuning = desk.tuning
    tuning.state, tuning.offset = event.get("state", tuning.state), int(event.get("offset", "0"))
    await recount(api, tuning)
    await turn(api, tuning)


async def change_row(api: Api, desk: Desk, event: Event) -> None:
    """Accept, reject or edit one row. It stays in sight, so that the list does not move under its reader's hand."""
    tuning = desk.tuning
    if tuning.chosen is None:
        return
    parts = ("state", "question", "context", "answer", "label")
    change = {part: event[part] for part in parts if part in event}
    changed = await api.change_row(tuning.chosen["id"], event["row"], change)
    before = next((one for one in tuning.rows if one["id"] == changed["id"]), None)
    if before is not None:
        before |= changed
    tuning.preflight = None
    await recount(api, tuning)


async def recount(api: Api, tuning: Tuning) -> None:
    if tuning.chosen is not None:
        tuning.chosen = await api.one_set(tuning.chosen["id"])


async def decide(api: Api, desk: Desk, event: Event) -> None:
    """Accept or reject all that is still proposed."""
    tuning = desk.tuning
    if tuning.chosen is None:
        return
    await api.decide(tuning.chosen["id"], event["state"])
    tuning.state, tuning.offset, tuning.preflight = event["state"], 0, None
    await recount(api, tuning)
    await turn(api, tuning)


async def source(api: Api, desk: Desk, event: Event) -> None:
    """The document of a row, at the words that the row holds."""
    row = next((one for one in desk.tuning.rows if one["id"] == event["row"]), None)
    if row is None or not row["document"]:
        return
    desk.source = await chat.opened(api, desk.source, cited(row))
    desk.source.answer, desk.source.of = "row", 1


def cited(row: TrainingRow) -> Citation:
    return Citation(
        n=1,
        document=row["document"],
        title=row["title"],
        start=row["start"],
        end=row["end"],
        page=1,
        heading="",
        quote=row["context"],
        verified=True,
    )


async def corrections(api: Api, desk: Desk, event: Event) -> None:
    """What lawyers corrected in the matter, as rows to be looked through."""
    matter = desk.current
    if matter is None:
        return
    name = f"Corrections · {matter['name']}"[:120]
    found = next((one for one in await api.sets() if one["name"] == name), None)
    chosen = found or await api.new_set(name, "answers", [matter["id"]])
    await api.collect(chosen["id"], matter["id"])
    await pick_set(api, desk, {"id": chosen["id"]})


# --- recipe, preflight, start


async def to_recipe(api: Api, desk: Desk, event: Event) -> None:
    tuning = desk.tuning
    if tuning.recipes is None:
        tuning.recipes = await api.recipes()
    if tuning.chosen is not None:
        with suppress(ApiError):  # everybody may use it then
            tuning.people = await people_of(api, tuning.chosen["matters"])
    tuning.stage, desk.source = "recipe", None


async def people_of(api: Api, matters: list[str]) -> list[str]:
    """Who belongs to all of these matters."""
    each = [{one["name"] for one in await api.members(matter)} for matter in matters]
    return sorted(set.intersection(*each)) if each else []


def keep(tuning: Tuning, event: Event) -> None:
    """What the recipe's form says, where the event carries it. A field that says what the preset says is no change."""
    if "form" not in event or tuning.recipes is None:
        return
    draft = tuning.draft
    draft.name, draft.title = event.get("name", draft.name).strip(), event.get("title", draft.title).strip()
    draft.protect = event.get("protect") == "on"
    draft.people = [name for name in tuning.people if f"who-{name}" in event]
    preset = usual(tuning, draft.preset)
    for one in tuning.recipes["fields"]:
        said = event.get(f"field-{one['name']}")
        if said is None:
            continue
        value = said if one["kind"] == "choice" else number(said, one["kind"])
        draft.changes.pop(one["name"], None)
        if value != preset.get(one["name"]):
            draft.changes[one["name"]] = value
    tuning.preflight = None


def usual(tuning: Tuning, preset: str) -> Json:
    """A preset's own choices."""
    presets = tuning.recipes["presets"] if tuning.recipes else {}
    return presets[preset]["recipe"] if preset in presets else {}


def number(said: str, kind: str) -> int | float | str:
    """What is no number goes to the service as it is, which says what is wrong with it."""
    try:
        value = float(said)
    except ValueError:
        return said
    return int(value) if kind == "integer" and value.is_integer() else value


async def preset(api: Api, desk: Desk, event: Event) -> None:
    """Another preset; what was changed of the one before is given up."""
    keep(desk.tuning, event)
    desk.tuning.draft.preset, desk.tuning.draft.changes = event["id"], {}


async def level(api: Api, desk: Desk, event: Event) -> None:
    keep(desk.tuning, event)
    desk.tuning.draft.level = level_of(event["id"])


async def preflight(api: Api, desk: Desk, event: Event) -> None:
    tuning = desk.tuning
    keep(tuning, event)
    tuning.preflight, tuning.against, tuning.flown = None, [], 0
    try:
        tuning.preflight = await api.preflight(asked(tuning))
    except ApiError as error:
        refused(tuning, error)
    tuning.stage = "preflight"


def refused(tuning: Tuning, error: ApiError) -> None:
    """Reasons against a run stand where it would be started; other errors are told as errors."""
    if error.status not in (400, 409, 422):
        raise error
    tuning.against = list(error.reasons) or [error.message]


def asked(tuning: Tuning) -> Json:
    draft = tuning.draft
    return {
        "dataset": tuning.chosen["id"] if tuning.chosen else "",
        "name": draft.name,
        "title": draft.title,
        "preset": draft.preset,
        "recipe": draft.changes,
        "protect": draft.protect,
        "people": draft.people,
    }


async def launch(api: Api, desk: Desk, event: Event) -> None:
    tuning = desk.tuning
    keep(tuning, event)
    try:
        run = await api.launch(asked(tuning))
    except ApiError as error:
        refused(tuning, error)
        tuning.stage = "preflight"
        return
    flown = tuning.preflight
    tuning.anew()
    tuning.preflight, tuning.flown = flown, run["number"]
    tuning.run, tuning.stage = run, "run"
    await again(api, desk)


async def smoke(api: Api, desk: Desk, event: Event) -> None:
    """A dozen steps over what was proposed, to see that everything works."""
    tuning = desk.tuning
    if tuning.chosen is None:
        return
    if not tuning.ready:
        await api.decide(tuning.chosen["id"], "accepted")
        await recount(api, tuning)
        await turn(api, tuning)
    tuning.draft = Draft(name=tuning.draft.name, preset=SMOKE)
    await launch(api, desk, {})


# --- a run


async def cancel(api: Api, desk: Desk, event: Event) -> None:
    await order(api, desk, "cancel", event)


async def resume(api: Api, desk: Desk, event: Event) -> None:
    await order(api, desk, "resume", event)
    desk.tuning.stage = "run"


async def approve(api: Api, desk: Desk, event: Event) -> None:
    await order(api, desk, "approve", event)
    desk.tuning.stage = "approve"
    await chat.refresh_models(api, desk)


async def decline(api: Api, desk: Desk, event: Event) -> None:
    await order(api, desk, "decline", event)
    desk.tuning.stage = "approve"


async def order(api: Api, desk: Desk, what: str, event: Event) -> None:
    number = int(event["number"])
    body = {} if what == "resume" else {"reason": (event.get("reason") or event.get("value", "")).strip()}
    await api.order(number, what, body)
    await look(api, desk.tuning, number)
    await again(api, desk)


async def export(api: Api, desk: Desk, event: Event) -> None:
    await api.order(int(event["number"]), "exports", {"form": event["shape"]})
    await look(api, desk.tuning, int(event["number"]))


async def see_adapter(api: Api, desk: Desk, event: Event) -> None:
    """What a run has made, among the adapters."""
    await chat.show(api, desk, {"id": "adapters"})
    await adapters.pick(api, desk, event)


async def log(api: Api, desk: Desk, event: Event) -> None:
    """What the run's process said, or no longer."""
    tuning = desk.tuning
    tuning.log = await api.log(int(event["number"])) if tuning.log is None else None


async def repeat(api: Api, desk: Desk, event: Event) -> None:
    """The same data and recipe once more, to be changed."""
    run = desk.tuning.run
    if run is None:
        return
    await pick_set(api, desk, {"id": run["dataset"]})
    await to_recipe(api, desk, event)
    tuning = desk.tuning
    preset = usual(tuning, "standard")
    changes = {name: value for name, value in run["recipe"].items() if preset.get(name) != value}
    tuning.draft = Draft(name=run["name"], title=run["title"], level="normal", changes=changes)


ACTS: dict[str, Act] = {
    "tune_new": new,
    "tune_run": open_run,
    "tune_open": open_from_afar,
    "tune_document": document,
    "tune_stage": stage,
    "tune_back": come_back,
    "tune_matter": from_matter,
    "tune_set": pick_set,
    "tune_unset": put_down,
    "tune_delete_set": delete_set,
    "tune_took_in": took_in,
    "tune_rows": rows,
    "tune_row": change_row,
    "tune_decide": decide,
    "tune_source": source,
    "tune_corrections": corrections,
    "tune_recipe": to_recipe,
    "tune_preset": preset,
    "tune_level": level,
    "tune_preflight": preflight,
    "tune_launch": launch,
    "tune_smoke": smoke,
    "tune_cancel": cancel,
    "tune_resume": resume,
    "tune_approve": approve,
    "tune_decline": decline,
    "tune_export": export,
    "tune_adapter": see_adapter,
    "tune_log": log,
    "tune_repeat": repeat,
}
