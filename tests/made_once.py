"""What several files of tests need and one of them makes."""

import fcntl
import os
import shutil

__all__ = ["made_once"]


def made_once(factory, name, make):
    """A directory that is made once for all files and processes of a session of tests.

    Args:
      factory: pytest's tmp_path_factory.
      name: of the directory.
      make: fills a new directory; called by the first that asks, while others wait.

    Returns:
      The directory; who changes something in it works on a copy.
    """
    root = factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        root = root.parent
    folder, finished = root / name, root / f"{name}.finished"
    with open(root / f"{name}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not finished.exists():
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            make(folder)
            finished.touch()
    return folder
