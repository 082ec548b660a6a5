"""Fine-tunes as HTTP tells them: what a person may know of each, and what they may do with it."""

import time
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from service.api.house import House
from service.core import Scope
from service.training import Job, JobState


class JobViews:
    """Writes runs for one person. `scope` is all that the person may see."""

    def __init__(self, house: House, scope: Scope) -> None:
        self._house, self._scope = house, scope
        self._matters = {card.id: card.name for card in house.walls.cards(scope.caller)}
        self._names = {person.id: person.name for person in house.accounts.people()}

    def card(self, job: Job) -> dict[str, Any]:
        """A line of the list."""
        order = job.order
        return {
            "number": job.number,
            "name": order.name,
            "title": order.title,
            "kind": order.kind,
            "dataset": order.dataset,
            "matters": [{"id": id, "name": self._matters.get(id, "")} for id in sorted(order.matters)],
            "people": sorted(self._person(id) for id in order.people),
            "state": job.state.value,
            "reason": job.reason,
            "by": self._person(order.by),
            "created": job.created,
            "started": job.started,
            "ended": job.ended,
            "progress": dict(job.progress),
            "share": _share(job),
            "version": job.version,
            "resumed": job.resumed,
        }

    def whole(self, job: Job) -> dict[str, Any]:
        """Everything but its report's rows: those are read where somebody asks for them."""
        training = self._house.training
        return self.card(job) | {
            "recipe": dict(job.order.recipe),
            "counts": dict(job.counts),
            "base": job.base,
            "adapter": job.adapter,
            "now": self._now(job),
            "checkpoints": training.steps(job),
            "deeds": [
                {"what": deed.what, "by": self._person(deed.by), "at": deed.at, "reason": deed.reason}
                for deed in training.deeds(job)
            ],
            "approved_by": self._person(job.approved_by),
            "approval_reason": job.approval_reason,
            "exports": [asdict(export) for export in training.exports(job)],
            "gate": self._gate(job),
            "may": self._may(job),
        }

    def _now(self, job: Job) -> dict[str, Any] | None:
        """What the machine does with it at this moment; `slower` is the share by which people's first words come
        later meanwhile, null while too few have been answered."""
        now = self._house.training.now(job)
        if now is None:
            return None
        since = time.time() - (job.started or time.time())
        return {"paused": now.paused, "slower": now.slower, "seconds": round(since, 1)}

    def _gate(self, job: Job) -> dict[str, Any] | None:
        """Whether it would be published without a written reason, and why not."""
        if job.report is None or "gate" not in job.report:
            return None
        if job.state is not JobState.WAITING:
            return dict(job.report["gate"])
        reasons = self._house.training.against(job, self._scope)
        return {"passed": not reasons, "reasons": list(reasons)}

    def _may(self, job: Job) -> dict[str, bool]:
        waits = job.state is JobState.WAITING
        other = job.order.by != self._scope.caller.id or self._house.settings.training.self_approval
        return {
            "cancel": job.state.works or job.state is JobState.QUEUED,
            "resume": job.state.resumes,
            "approve": waits and other,
            "decline": waits,
            "export": job.version is not None and job.state is not JobState.DECLINED,
        }

    def _person(self, id: str) -> str:
        return self._names.get(id, "") or ("" if not id else "somebody who has left")


def _share(job: Job) -> float:
    """How much of the training is done, between 0 and 1."""
    progress: Mapping[str, Any] = job.progress
    if job.state in (JobState.EVALUATING, JobState.WAITING, JobState.PUBLISHED, JobState.DECLINED):
        return 1.0
    step, of = float(progress.get("step", 0)), float(progress.get("of", 1))
    return min(1.0, step / max(1.0, of))
