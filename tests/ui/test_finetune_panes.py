"""Fine-tunes on the page: who sees them, what each step says and offers, and what the acts ask of the service."""

import json
from html import unescape
from typing import Any

import httpx
import pytest

from tests.ui.desks import desk
from tests.ui.runs import (
    CONTEXT,
    TRAINER,
    contestant,
    dataset,
    judged,
    laid,
    preflight,
    recipes,
    report,
    row,
    run,
    shown,
    whole,
)
from tests.ui.test_acts import Service, do
from tests.ui.test_panes import HOSTILE, read, seen
from ui import finetune
from ui.client import error_of
from ui.desk import Desk
from ui.panes import draw
from ui.panes.recipe import plain
from ui.panes.words import lasting
from ui.replies import Me
from ui.tuning import STAGES, Draft, Tuning, suggested


def preparing(**change: Any) -> Tuning:
    """A run being prepared over three proposed rows."""
    usual: dict[str, Any] = {"chosen": dataset(), "rows": [row()], "total": 3, "recipes": recipes()}
    return Tuning(**(usual | change))


# --- the frame


@pytest.mark.parametrize(("role", "there"), [("member", False), ("trainer", True), ("admin", True)])
def test_the_way_to_the_fine_tunes_is_shown_to_those_who_train(role: Any, there: bool) -> None:
    rail = draw(desk(me=Me(id="u", name="n", role=role)))["rail"]
    assert ('data-id="finetune"' in rail) == there


def test_the_list_says_how_each_run_stands() -> None:
    runs = [
        run(15),
        run(14, state="published", ended=20.0),
        run(13, name="lease-notes", state="failed", reason="Nothing was learned: the loss did not fall."),
    ]
    side = draw(laid(Tuning(runs=runs, scores={14: 0.73}, run=whole(15), corrections=23, sets=[dataset()])))[
        "side"
    ]
    said = seen(side)
    assert "#15 contract-qarunning · 38 % · 11 min left" in said
    assert "published F1 73.0" in said
    assert "failed Nothing was learned" in said
    assert "23 rows to look at" in said
    assert "3 proposed" in said


def test_the_status_bar_tells_the_running_fine_tune() -> None:
    status = {
        "ready": True,
        "stage": "",
        "offline": True,
        "version": "1",
        "engine": {
            "model": "m",
            "engine": "e",
            "threads": 2,
            "waiting": 0,
            "running": 0,
            "tokens_per_second": 0,
            "first_token_seconds": 0,
        },
    }
    assert "fine-tune #15: 38 %" in seen(draw(laid(Tuning(runs=[run()]), status=status))["status"])
    assert "fine-tune" not in seen(draw(desk(status=status))["status"])


def test_the_steps_lead_only_where_there_is_something() -> None:
    head = draw(laid(preparing(stage="recipe")))["runhead"]
    assert 'data-id="data"' in head
    assert 'data-id="report"' not in head
    assert "1 Data ✓" in seen(head)
    running = draw(laid(Tuning(run=whole(), stage="run")))["runhead"]
    assert "3 Preflight ✓" in seen(running)
    assert "data-going" in running
    assert 'data-id="report"' not in running
    waits = draw(laid(Tuning(run=judged(), stage="run")))["runhead"]
    assert 'data-id="report"' in waits
    assert 'data-id="approve"' in waits


def test_the_browser_is_told_what_to_remember() -> None:
    head = draw(laid(preparing(stage="recipe", draft=Draft("lease", changes={"rank": 8}))))["runhead"]
    place = unescape(head.split('data-place="')[1].split('"')[0])
    assert json.loads(place)["dataset"] == "t1"
    assert json.loads(place)["draft"]["changes"] == {"rank": 8}


# --- data


def test_there_are_three_ways_to_rows_and_without_a_matter_the_first_says_what_to_do() -> None:
    html = draw(
        laid(Tuning(sets=[dataset(counts={"proposed": 0, "accepted": 12, "rejected": 0}, documents=3)]))
    )["stage"]
    assert 'data-act="tune_matter"' in html
    assert 'data-upload="finetune"' in html
    assert "12 rows, 3 documents" in seen(html)
    none = draw(laid(Tuning(), matter=""))["stage"]
    assert 'data-act="tune_matter"' not in none
    assert "Open a matter first" in seen(none)


def test_a_row_shows_its_answer_marked_in_its_passage_and_where_it_comes_from() -> None:
    html = draw(laid(preparing()))["stage"]
    assert "<mark>laws of\nEngland and Wales</mark>" in html
    assert "Lease.pdf · by rule “governing law”" in seen(html)
    silent = draw(laid(preparing(rows=[row(answer="")])))["stage"]
    assert "the model should refuse" in seen(silent)
    assert "<mark>" not in silent


def test_a_smoke_run_is_one_click_from_proposed_rows() -> None:
    head = draw(laid(preparing()))["runhead"]
    assert 'data-act="tune_smoke"' in head
    assert "Accepts the 3 proposed rows." in head
    assert 'data-act="tune_smoke"' not in draw(laid(preparing(chosen=dataset(counts={}))))["runhead"]


def test_a_matter_becomes_rows_and_the_rows_a_smoke_run() -> None:
    tuning = Tuning()
    page = laid(tuning)
    service = Service(
        datasets={"datasets": []} | dataset(),
        datasets__t1=dataset(),
        datasets__t1__propose={"proposed": 3, "documents": 14, "unread": 1},
        datasets__t1__rows={"rows": [row()], "total": 3},
        datasets__t1__decide={"decided": 3, "dropped": []},
        jobs=whole(1, state="queued") | {"jobs": [run(1)]},
        jobs__1=whole(1, state="queued"),
        review={"corrections": 0},
    )
    do(finetune.from_matter, service, page)
    assert (
        "/api/datasets/t1/propose",
        {"matter": "m1", "rules": [], "unanswerable": True, "written": False, "mask": False},
    ) in service.asked
    assert tuning.told.startswith("3 new rows from 14 documents.")
    assert tuning.draft.name == "harrow-estates-v-lyle"
    do(finetune.smoke, service, page)
    assert ("/api/datasets/t1/decide", {"state": "accepted"}) in service.asked
    launched = next(body for path, body in service.asked if path == "/api/jobs" and body)
    assert launched["preset"] == "smoke"
    assert launched["dataset"] == "t1"
    assert launched["recipe"] == {}, "the preset as it is"
    assert (tuning.stage, tuning.run and tuning.run["number"]) == ("run", 1)


def test_a_decided_row_stays_in_sight_with_its_new_state() -> None:
    tuning = preparing(rows=[row("r1"), row("r2")], preflight=preflight())
    service = Service(datasets__t1__rows__r1=row("r1", state="accepted"), datasets__t1=dataset())
    do(finetune.change_row, service, laid(tuning), row="r1", state="accepted")
    assert [one["state"] for one in tuning.rows] == ["accepted", "proposed"]
    assert tuning.preflight is None, "it was for other rows"


# --- recipe and preflight


def test_only_the_choices_of_the_level_are_asked() -> None:
    simple, normal, expert = (
        draw(laid(preparing(stage="recipe", draft=Draft(level=level))))["stage"]
        for level in ("simple", "normal", "expert")
    )
    assert 'name="field-rank"' not in simple
    assert 'name="field-rank"' in normal
    assert 'name="field-schedule"' not in normal
    assert 'name="field-schedule"' in expert
    assert 'value="0.0002"' in normal


def test_the_form_keeps_what_differs_from_the_preset() -> None:
    tuning = preparing(draft=Draft(level="expert"))
    said = {
        "field-rate": "0.0005",
        "field-rank": "16",
        "field-schedule": "linear",
        "protect": "on",
        "name": " lease ",
    }
    finetune.keep(tuning, {"form": "recipe"} | said)
    assert tuning.draft.changes == {"rate": 5e-4, "schedule": "linear"}
    assert tuning.draft.protect
    assert tuning.draft.name == "lease"
    finetune.keep(tuning, {"form": "recipe"} | said | {"field-rate": "fast", "field-schedule": "cosine"})
    assert tuning.draft.changes == {"rate": "fast"}, "the service says what is wrong with it"


def test_the_preflight_tells_counts_forecast_and_the_mask() -> None:
    html = draw(laid(preparing(stage="preflight", preflight=preflight())))["stage"]
    said = seen(html)
    for words in ("3,847 · 775", "33 %", "about 29 min", "2.1 GB", "cpu, bf16", "310 tokens, 21 learned"):
        assert words in said
    assert '<span class="counts">England</span>' in html
    assert '<span class="counts">Question' not in html


def test_a_classifier_s_preflight_shows_the_labels_that_are_to_be_told() -> None:
    spans: Any = [{"text": "a dreadful film", "counts": False}, {"text": "negative", "counts": True}]
    batch: Any = [{"id": "r1", "tokens": 5, "counted": 1, "spans": spans}]
    flight = preflight(kind="classify", cut=3, counts={"labels": 2}, batch=batch)
    reviews = dataset(kind="classify", counts={"accepted": 60})
    page = laid(preparing(chosen=reviews, stage="preflight", preflight=flight))
    html = draw(page)["stage"]
    said = seen(html)
    for words in (
        "Labels2",
        "Too long, read in part3",
        "labels1,200,000",
        "Row 1 · 5 tokens",
        "every text has a label",
    ):
        assert words in said
    assert '<span class="counts">negative</span>' in html
    assert '<span class="counts">a dreadful' not in html
    page = laid(preparing(chosen=reviews, stage="recipe", recipes=recipes()))
    assert 'data-act="tune_preflight"' in "".join(draw(page).values())


def test_every_reason_against_a_start_is_told_and_nothing_is_offered() -> None:
    tuning = preparing(stage="preflight", against=["There are 3 rows.", "All rows come from one document."])
    panes = draw(laid(tuning))
    assert "There are 3 rows." in seen(panes["stage"])
    assert "All rows come from one document." in seen(panes["stage"])
    assert 'data-act="tune_launch"' not in panes["runhead"]


def test_reasons_of_the_service_become_the_page_s() -> None:
    body = {"error": {"code": "unfit", "message": "No.", "details": {"reasons": ["One.", "Two."]}}}
    assert error_of(422, json.dumps(body).encode()).reasons == ("One.", "Two.")
    tuning = preparing()

    def refuse(request: httpx.Request) -> httpx.Response:
        return httpx.Response(422, json=body)

    do(finetune.launch, refuse, laid(tuning))  # type: ignore[arg-type]
    assert tuning.against == ["One.", "Two."]
    assert tuning.stage == "preflight"


# --- a run


def test_a_run_that_goes_on_can_be_stopped_and_tells_its_figures() -> None:
    panes = draw(laid(Tuning(run=whole(), stage="run")))
    assert "Stop and keep checkpoint" in seen(panes["runhead"])
    said = seen(panes["now"])
    for words in ("183 of 480", "0.412 · —", "Time left11 min", "Lawyers’ first word meanwhile+4 %"):
        assert words in said
    assert "3,847 · 775" in seen(panes["stage"])


def test_a_run_that_ended_badly_says_why_and_can_go_on() -> None:
    may = {"cancel": False, "resume": True}
    panes = draw(
        laid(Tuning(run=whole(state="failed", reason="The loss is not a number.", may=may), stage="run"))
    )
    assert "The loss is not a number." in seen(panes["now"])
    assert 'data-act="tune_resume"' in panes["runhead"]
    assert 'data-act="tune_cancel"' not in panes["runhead"]


# --- report and approval


def test_the_report_holds_the_run_beside_the_base_and_what_is_published() -> None:
    html = draw(laid(Tuning(run=judged(), report=report(), stage="report")))["stage"]
    said = seen(html)
    assert said.index("Base") < said.index("Published (v4)") < said.index("This (v4)")
    for words in (
        "72.6",
        "70 to 76",
        "General text, perplexity",
        "0.41 s",
        "The gate is passed",
        "+1.2 points",
        "Invented1997",
    ):
        assert words in said


def test_a_gate_that_is_not_passed_wants_a_written_reason() -> None:
    page = laid(Tuning(run=judged(passed=False), report=report(), stage="approve"))
    html = draw(page)["stage"]
    assert "F1 is no higher than that of version 3" in seen(html)
    assert "required" in html.split("<textarea")[1].split(">")[0]
    passed = draw(laid(Tuning(run=judged(), report=report(), stage="approve")))["stage"]
    assert "required" not in passed.split("<textarea")[1].split(">")[0]


def test_who_launched_a_run_is_told_who_approves_it() -> None:
    own = judged(may={"cancel": False, "resume": False, "approve": False, "decline": True, "export": True})
    html = draw(laid(Tuning(run=own, report=report(), stage="approve")))["stage"]
    assert "tess launched this run, so another trainer or an admin approves it." in seen(html)
    assert 'data-act="tune_approve"' not in html


def test_what_is_published_is_told_with_its_reason() -> None:
    done = judged(state="published", approved_by="ada", approval_reason="Better on leases.", ended=0.0)
    said = seen(draw(laid(Tuning(run=done, report=report(), stage="approve")))["stage"])
    assert "Contract Q&A v4 is published for Harrow Estates v Lyle." in said
    assert "Better on leases." in said
    assert "by ada" in said


def test_a_classifier_s_report_tells_what_it_takes_for_what() -> None:
    found: Any = {
        "kind": "classify",
        "accuracy": 0.9,
        "macro_f1": 0.85,
        "labels": ["Cap", "Term"],
        "confusion": [[5, 3], [0, 9]],
    }
    said = seen(draw(laid(Tuning(run=judged(kind="classify"), report=found, stage="report")))["stage"])
    assert "Accuracy90.0 %" in said
    assert "CapTerm3" in said


def test_a_classifier_s_report_shows_its_whole_matrix() -> None:
    found: Any = {
        "kind": "classify",
        "labels": ["Cap <b>", "Term", "None"],
        "by_label": [
            {"label": "Cap <b>", "rows": 8, "f1": 0.77},
            {"label": "Term", "rows": 1200, "f1": 0.99},
            {"label": "None", "rows": 0, "f1": 0.0},
        ],
        "confusion": [[5, 3, 0], [0, 1200, 0], [0, 0, 0]],
    }
    html = draw(laid(Tuning(run=judged(kind="classify"), report=found, stage="report")))["stage"]
    table = html[html.index('<table class="matrix"') :]
    assert "RightRowsF1123" in seen(table)
    assert "1Cap <b>87753" in seen(table)  # its number, rows, F1, and the counts; none is blank
    assert "2Term1,200991,200" in seen(table)
    assert "3None0—" in seen(table)
    assert table.count("<td") == 3 * (2 + 3)
    assert table.count('scope="col"') == 3 + 3
    assert table.count('scope="row"') == 3
    assert table.count('class="right"') == 3
    assert 'style="--share:0.38" title="Cap &lt;b&gt;, told to be Term: 3 of 8 rows (38 %)"' in table
    assert 'title="Term, told rightly: 1,200 of 1,200 rows (100 %)"' in table


@pytest.mark.parametrize("counts", [None, [], [[1]], [[1, 2], [3]]])
def test_a_report_whose_matrix_is_not_whole_shows_none(counts: Any) -> None:
    found: Any = {"kind": "classify", "labels": ["Cap", "Term"], "confusion": counts}
    html = draw(laid(Tuning(run=judged(kind="classify"), report=found, stage="report")))["stage"]
    assert "Report" in html
    assert "matrix" not in html


# --- the browser comes back


def test_a_browser_that_comes_back_finds_its_run_or_its_draft() -> None:
    place = {"run": 15, "dataset": "", "stage": "run"}
    page = laid(Tuning(), matter="")
    service = Service(jobs={"jobs": [run()]}, datasets={"datasets": []}, jobs__15=whole())
    do(finetune.come_back, service, page, place=json.dumps(place))
    assert page.tuning.run is not None
    assert page.tuning.stage == "run"

    page = laid(Tuning(), matter="")
    form = {"name": "lease", "field-rate": "0.0005"}
    draft = {"name": "x", "preset": "standard", "level": "normal", "changes": {}}
    place = {"run": 0, "dataset": "t1", "stage": "recipe", "draft": draft, "form": form}
    service = Service(
        jobs={"jobs": []},
        datasets={"datasets": [dataset()]},
        datasets__t1=dataset(),
        datasets__t1__rows={"rows": [], "total": 0},
        recipes=recipes(),
    )
    do(finetune.come_back, service, page, place=json.dumps(place))
    assert page.tuning.stage == "recipe"
    assert page.tuning.draft.changes == {"rate": 5e-4}
    assert page.tuning.draft.name == "lease"


@pytest.mark.parametrize("place", ["", "[]", "nonsense", '{"run": "x", "dataset": 3, "draft": []}'])
def test_a_browser_that_remembers_nonsense_finds_an_empty_view(place: str) -> None:
    page = laid(Tuning(), matter="")
    do(
        finetune.come_back,
        Service(jobs={"jobs": [run()]}, datasets={"datasets": [dataset()]}),
        page,
        place=place,
    )
    assert page.tuning.run is None
    assert page.tuning.chosen is None


# --- words from outside


def hostile() -> list[Desk]:
    bad_run = whole(
        name=HOSTILE,
        title=HOSTILE,
        reason=HOSTILE,
        by=HOSTILE,
        matters=[{"id": "m", "name": HOSTILE}],
        state=HOSTILE,
        recipe={"rate": HOSTILE},
        deeds=[{"what": HOSTILE, "by": HOSTILE, "at": 0.0, "reason": HOSTILE}],
        approval_reason=HOSTILE,
        approved_by=HOSTILE,
        adapter=HOSTILE,
        gate={"passed": False, "reasons": [HOSTILE]},
        exports=[{"form": "gguf", "state": "refused", "reason": HOSTILE, "size": 1}],
        checkpoints=[1],
    )
    one = shown(question=HOSTILE, gold=HOSTILE, said=HOSTILE, rival=HOSTILE, invented=[HOSTILE])
    found = report(
        contestants=[
            contestant("candidate", 0.5, called=HOSTILE, name=HOSTILE),
            contestant(HOSTILE, 0.1, called=HOSTILE),
        ],
        rival=HOSTILE,
        best=[one],
        worst=[one],
    )
    bad_row = row(
        id=HOSTILE,
        question=HOSTILE,
        context=f"{HOSTILE} {CONTEXT} {HOSTILE}",
        answer=HOSTILE,
        title=HOSTILE,
        rule=HOSTILE,
        edited_by=HOSTILE,
        state=HOSTILE,
    )
    labelled = row(label=HOSTILE, question="", answer="", context=HOSTILE, origin=HOSTILE)
    bad_set = dataset(id=HOSTILE, name=HOSTILE)
    lists: dict[str, Any] = {
        "runs": [run(3, name=HOSTILE, state="failed", reason=HOSTILE)],
        "sets": [bad_set],
    }
    forms = recipes()
    forms["presets"][HOSTILE] = {"said": HOSTILE, "recipe": {"rate": HOSTILE}}
    forms["fields"][2] |= {"label": HOSTILE, "sentence": HOSTILE, "name": HOSTILE, "choices": [HOSTILE]}
    draft = Draft(HOSTILE, HOSTILE, HOSTILE, "expert", changes={"rate": HOSTILE})
    spans: Any = [{"text": HOSTILE, "counts": False}, {"text": HOSTILE, "counts": True}]
    flight = preflight(
        place=HOSTILE, remarks=[HOSTILE], batch=[{"id": HOSTILE, "tokens": 1, "counted": 1, "spans": spans}]
    )
    labels = flight | {"kind": "classify"}
    made = [
        laid(
            Tuning(
                run=bad_run | {"state": state},
                report=found,
                stage=stage,
                log=HOSTILE,
                preflight=flight,
                flown=15,
                **lists,
            )
        )
        for stage in STAGES[3:]
        for state in ("failed", "waiting", "published")
    ]
    made += [
        laid(
            Tuning(
                chosen=bad_set,
                rows=[bad_row, labelled],
                total=2,
                told=HOSTILE,
                recipes=forms,
                draft=draft,
                stage=stage,
                preflight=flight,
                against=[HOSTILE],
                **lists,
            )
        )
        for stage in STAGES[:3]
    ]
    checked = Tuning(chosen=bad_set, stage="preflight", preflight=labels, **lists)  # type: ignore[arg-type]
    return [*made, laid(checked), laid(Tuning(**lists))]


def test_no_word_from_outside_becomes_part_of_the_page() -> None:
    for page in hostile():
        for name, html in draw(page).items():
            parsed = read(html)
            assert not parsed.tags & {"img", "script"}, name
            assert not any(one.startswith("on") for one in parsed.attributes), name


# --- small words


def test_durations_and_figures_are_told_as_a_person_would() -> None:
    assert [lasting(n) for n in (45, 660, 7800)] == ["45 s", "11 min", "2 h 10 min"]
    assert [plain(n) for n in (2e-4, 1e-6, 16, 131072, 0.05, 0)] == [
        "0.0002",
        "1e-6",
        "16",
        "131072",
        "0.05",
        "0",
    ]
    assert suggested("Harrow Estates v. Lyle!") == "harrow-estates-v-lyle"
    assert suggested("§§") == "fine-tune"


def test_a_trainer_without_a_matter_is_not_asked_for_its_corrections() -> None:
    page = laid(Tuning(), matter="", me=TRAINER)
    service = Service(jobs={"jobs": []}, datasets={"datasets": []})
    do(lambda api, laid_out, event: finetune.refresh(api, laid_out), service, page)
    assert [path for path, _ in service.asked] == ["/api/jobs", "/api/datasets", "/api/datasets/rules"]
