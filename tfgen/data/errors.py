"""What is wrong with a person's data, collected item by item and told in one message."""

from __future__ import annotations

import collections
import logging
from typing import Any, Dict, List, Tuple

__all__ = ["DataError", "Problems", "printable"]

_LOGGER = logging.getLogger("tfgen.data")
_SHOWN = 10


class DataError(ValueError):
    """Data on the user's disk cannot be used; the message says which, why, and how to mend it."""


class Problems:
    """The items of a data set that have to be left out, by name, with the reason of each.

    A few broken files in a large set are normal: they are left out, counted and named in the log.
    Past a set share something else is wrong (a half-finished download, a wrong folder), and
    `settle` refuses to start.

    ```python
    problems = Problems("image files")
    problems.add("000017.jpg", "is empty (0 bytes)")
    problems.settle(total=202599, max_share=0.01)    # logs one warning
    problems.summary()["count"]                      # 1
    ```
    """

    def __init__(self, what: str):
        """Starts with no problem.

        Args:
          what: the items in the plural, for messages, such as "image files".
        """
        self.what = what
        self.items: List[Tuple[str, str]] = []

    def add(self, name: str, reason: str) -> None:
        """Notes that the item `name` is left out; `reason` goes on the sentence "NAME ..."."""
        self.items.append((printable(name), printable(reason)))

    def __len__(self) -> int:
        return len(self.items)

    def settle(self, total: int, max_share: float, mend: str = "") -> None:
        """Logs what is left out, or refuses when it is too much.

        Args:
          total: number of items looked at, good and bad.
          max_share: largest share of `total` that may be left out, in [0, 1].
          mend: a sentence that says what a person can do.

        Raises:
          DataError: more than `max_share` of the items are bad, or all of them.
        """
        if not 0.0 <= max_share <= 1.0:
            raise ValueError(f"max_bad_share is a share between 0 and 1; got {max_share}.")
        if not self.items:
            return
        share = len(self.items) / max(total, 1)
        head = f"{len(self.items)} of {total} {self.what} ({share:.2%}) cannot be used"
        if share <= max_share and len(self.items) < total:
            _LOGGER.warning("%s and are left out:\n%s", head, self.listing())
            return
        advice = f"\n{mend}" if mend else ""
        if len(self.items) < total:
            advice += "\nTo go on without them, raise max_bad_share."
        raise DataError(
            f"{head}; at most {max_share:.2%} may be left out.\n{self.listing()}{advice}"
        )

    def listing(self, shown: int = _SHOWN) -> str:
        """The first `shown` items, one a line, and how many more there are."""
        lines = [f"  {name}: {reason}" for name, reason in self.items[:shown]]
        if len(self.items) > shown:
            lines.append(f"  ... and {len(self.items) - shown} more")
        return "\n".join(lines)

    def summary(self, shown: int = 100) -> Dict[str, Any]:
        """For a data set's description: count, count by reason, and the first names."""
        reasons = collections.Counter(reason for _, reason in self.items)
        return {
            "count": len(self.items),
            "reasons": dict(reasons.most_common(shown)),
            "names": [name for name, _ in self.items[:shown]],
        }


def printable(text: Any) -> str:
    """The text with what no UTF-8 can hold, such as bytes of a file's name, written as \\udcXX."""
    return str(text).encode("utf-8", "backslashreplace").decode("utf-8")
