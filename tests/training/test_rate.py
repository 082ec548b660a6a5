"""No step of a training is without a rate, whatever the schedule."""

import pytest

from service.training.answers import _from_the_first


@pytest.mark.parametrize("kind", ["cosine", "linear", "constant_with_warmup"])
@pytest.mark.parametrize("warmup", [0, 1, 4])
def test_the_first_step_learns_and_so_does_the_last(kind: str, warmup: int) -> None:
    import torch
    from transformers import get_scheduler

    weight = torch.nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.SGD([weight], lr=1.0)
    schedule = _from_the_first(get_scheduler(kind, optimizer, num_warmup_steps=warmup, num_training_steps=13))
    rates = []
    for _ in range(12):
        rates.append(schedule.get_last_lr()[0])
        optimizer.step()
        schedule.step()
    assert min(rates) > 0
    assert max(rates) == pytest.approx(1.0, abs=0.1)
    assert rates[0] == pytest.approx(1 / max(1, warmup), abs=0.1)
