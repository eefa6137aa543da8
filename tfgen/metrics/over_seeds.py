"""Numbers of trainings that differ in their seed alone."""

from __future__ import annotations

import statistics
from typing import Container, Dict, Mapping, Optional

__all__ = ["over_seeds"]


def over_seeds(
    rows: Mapping[int, Mapping[str, float]],
    suffix: str = "",
    spread: Optional[Container[str]] = ("bits_per_dim",),
    each: Container[str] = ("bits_per_dim",),
) -> Dict[str, float]:
    """Means and standard deviations over seeds, flat as in report.json.

    ```python
    rows = {0: {"bits_per_dim": 3.0, "kl": 5.0}, 1: {"bits_per_dim": 4.0, "kl": 7.0}}
    over_seeds(rows, "_full")
    # {"bits_per_dim_full": 3.5, "bits_per_dim_full_std": 0.7071..., "kl_full": 6.0,
    #  "bits_per_dim_full_seed_0": 3.0, "bits_per_dim_full_seed_1": 4.0}
    ```

    Args:
      rows: seed -> numbers of its model, with the same names for all.
      suffix: behind each name, such as the variant's.
      spread: names whose standard deviation (of the sample, with n - 1) is told as NAME_std where
        there are several seeds; None is all of them.
      each: names of which the number of every seed is told, as NAME_seed_K.
    """
    numbers: Dict[str, float] = {}
    for name in next(iter(rows.values())):
        values = {seed: row[name] for seed, row in rows.items()}
        key = f"{name}{suffix}"
        numbers[key] = statistics.mean(values.values())
        if len(values) > 1 and (spread is None or name in spread):
            numbers[f"{key}_std"] = statistics.stdev(values.values())
        if name in each:
            numbers.update({f"{key}_seed_{seed}": value for seed, value in values.items()})
    return numbers
