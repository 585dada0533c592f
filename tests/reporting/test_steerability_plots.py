"""Every persona of a picture can be told from the others, and every model from every other."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from reporting import steerability_plots, style


def test_equal_personas_are_rings_and_a_number() -> None:
    axes = Figure().subplots()
    steerability_plots._swarm(axes, np.array([1.0] * 8 + [0.5, 0.5, np.nan]), 0, style.BLUE)
    drawn = [np.asarray(found.get_offsets()) for found in axes.collections]
    assert [len(points) for points in drawn] == [2, 4]
    assert all(len(np.unique(points, axis=0)) == len(points) for points in drawn)
    assert [text.get_text() for text in axes.texts] == ["×8"]


def test_no_two_models_look_alike() -> None:
    looks = [steerability_plots._look(number) for number in range(40)]
    assert len(set(looks)) == len(looks)
