"""The colours of algorithms: they differ to every kind of eyes, on paper and on the page, and keep their hue."""

from itertools import combinations

import numpy as np
import pytest
from support.report_pages import group, suite_of

from rlbench.analysis import Results
from rlbench.api.series_styles import DARK, GREY, LIGHT, series_styles

# Machado, Oliveira, Fernandes 2009, severity 1: linear RGB as a dichromat's eyes confuse it.
EYES = {
    "normal": [[1, 0, 0], [0, 1, 0], [0, 0, 1]],
    "protanopia": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "deuteranopia": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
    "tritanopia": [
        [1.255528, -0.076749, -0.178779],
        [-0.078411, 0.930809, 0.147602],
        [0.004733, 0.691367, 0.303900],
    ],
}
SETS = {"light": (*LIGHT, GREY[0]), "dark": (*DARK, GREY[1])}
XYZ = np.array(
    [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]
)


def linear(colour):
    channels = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    return np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)


def lab(colour, eyes="normal"):
    seen = np.clip(np.array(EYES[eyes]) @ linear(colour), 0, 1)
    t = XYZ @ seen / [0.95047, 1.0, 1.08883]
    f = np.where(t > 216 / 24389, np.cbrt(t), (24389 / 27 * t + 16) / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


def test_the_simulation_has_the_values_of_a_known_colour():
    assert lab("#ff0000") == pytest.approx([53.24, 80.09, 67.20], abs=0.05)  # sRGB red, D65
    assert np.linalg.norm(lab("#ff0000", "protanopia") - lab("#5e4a00", "protanopia")) < 20  # red and a dark olive


@pytest.mark.parametrize("eyes", EYES)
@pytest.mark.parametrize("background", SETS)
def test_any_two_colours_differ_to_all_eyes_and_from_the_grey_of_random(background, eyes):
    pairs = combinations(SETS[background], 2)
    closest = min((float(np.linalg.norm(lab(a, eyes) - lab(b, eyes))), a, b) for a, b in pairs)
    assert closest[0] >= (34 if eyes == "normal" else 19), closest


@pytest.mark.parametrize("place", range(12))
def test_a_colour_keeps_its_hue_on_a_dark_page(place):
    (_, a, b), (_, c, d) = lab(LIGHT[place]), lab(DARK[place])
    turned = np.degrees(np.arctan2(b, a) - np.arctan2(d, c))
    assert abs((turned + 180) % 360 - 180) <= 13


def test_random_is_grey_and_takes_no_colour_from_the_others(tmp_path):
    groups = [group("chance", 1), *(group(f"a{i}", 1, algorithm=f"a{i}") for i in range(12))]
    styles = Results(suite_of(tmp_path, groups)).styles
    assert styles["chance"].colour == GREY[0] and styles["chance"].grey
    assert [styles[f"a{i}"].colour for i in range(12)] == list(LIGHT) and not styles["a0"].grey


def test_after_twelve_colours_dash_and_marker_tell_apart():
    many = series_styles([f"a{i}" for i in range(48)])
    assert len({(look.colour, look.dash, look.marker) for look in many.values()}) == 48
    assert len({look.colour for look in list(many.values())[:12]}) == 12
