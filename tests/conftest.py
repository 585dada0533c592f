"""For all tests: Ctrl-C reaches the processes they start, and nothing of the user's Hub is touched.

A job in the background of a shell ignores SIGINT, and so would every child of it. The Hub's library
keeps its token and what it learns of an endpoint in the user's home, for days.
"""

from __future__ import annotations

import os
import signal
import tempfile
import threading

if threading.current_thread() is threading.main_thread():
    signal.signal(signal.SIGINT, signal.default_int_handler)

_hub_home = tempfile.TemporaryDirectory(prefix="plumbline-hub-")
os.environ["HF_HOME"] = _hub_home.name
