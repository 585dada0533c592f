"""For all tests: Ctrl-C reaches the processes that they start, wherever pytest itself was started.

A job in the background of a shell ignores SIGINT, and so would every child of it.
"""

from __future__ import annotations

import signal
import threading

if threading.current_thread() is threading.main_thread():
    signal.signal(signal.SIGINT, signal.default_int_handler)
