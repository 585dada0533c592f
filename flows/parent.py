"""A local task ends when its launcher is gone.

Metaflow's local tasks outlive a killed launcher, and would go on asking beside the resumed run.
On remote compute the launcher is elsewhere, and nothing is watched.
"""

from __future__ import annotations

import os
import signal
import threading
import time

_CHECK_EVERY = 0.25
_LAST_MOMENT = 0.75
"""With the check above a second at most: a resumed run may have begun."""
_watching = False


def stop_with_parent() -> None:
    """Watch the parent process from now on; end soon after this task has been orphaned."""
    global _watching
    if _watching or is_remote():
        return
    _watching = True
    threading.Thread(target=_watch, args=(os.getppid(),), daemon=True, name="parent").start()


def is_remote() -> bool:
    """Whether this task runs on AWS Batch or Kubernetes."""
    return any(
        name in os.environ
        for name in ("AWS_BATCH_JOB_ID", "METAFLOW_KUBERNETES_WORKLOAD", "ARGO_WORKFLOW_NAME")
    )


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(_CHECK_EVERY)
    # SIGTERM ends a task at once, but for one that asks: what it has in flight may come home.
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(_LAST_MOMENT)
    os._exit(143)
