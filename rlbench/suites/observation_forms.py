"""The form in which an algorithm gets an environment's observations: a vector, an image, or the parts of a Dict.

A suite requests a form, or leaves the choice to what the algorithm supports. The wrapper that produces the form is part
of the run's identity.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

import numpy as np
from gymnasium import spaces
from gymnasium.spaces.utils import flatdim

from rlbench.api import Supports
from rlbench.envs.flat_observation import FlatObservation, NoObservation, OneHotVectors, is_text, readable_part
from rlbench.envs.image_observation import ImageObservation, can_be_image, is_image
from rlbench.envs.nested_observation import NestedObservation, NestedVectors
from rlbench.envs.packed_observation import SMALLEST, PackedBytes, PackedObservation, has_images

Form = Literal["auto", "flat", "image", "nested"]
AnyWrapper = (
    type[FlatObservation]
    | type[ImageObservation]
    | type[NestedObservation]
    | type[NoObservation]
    | type[PackedObservation]
)
LARGEST_EXACT = 1 << 24  # up to this number, float32 represents every whole number
FLAT = "`observations: flat` gives one vector"
# Smaller images beside numbers, such as MiniGrid's 7 × 7 cells, become part of one vector unless a suite says `nested`.
LEAST_TO_PACK = 36
LONGEST = 10_000_000  # most numbers in an observation; the one-hot vector of a larger Discrete would fill the memory


def wrapper_for(form: Form, space: spaces.Space[Any], supports: Supports) -> AnyWrapper | None:
    """Return the wrapper that turns observations of `space` into the requested form, or None to leave them unchanged.

    Observations also stay unchanged if the algorithm does not support the form; `misfit` then returns the reason. For
    an algorithm that uses no observations, the form makes no difference.
    """
    if supports.no_observations:
        if is_image(space) or _is_vector(space):
            return None
        return FlatObservation if _is_readable(space) else NoObservation
    if form == "image" or (form == "auto" and is_image(space) and not _flat_is_better(space, supports)):
        return ImageObservation if supports.pixels and can_be_image(space) else None
    if (
        supports.packed
        and form in ("auto", "nested")
        and has_images(space, LEAST_TO_PACK if form == "auto" else SMALLEST)
    ):
        return PackedObservation
    if form == "nested" or (form == "auto" and supports.nested and _has_parts(space) and not _small(space, supports)):
        return NestedObservation if supports.nested and _has_parts(space) else None
    return FlatObservation if _is_readable(space) and not _is_vector(space) else None


def _flat_is_better(space: spaces.Space[Any], supports: Supports) -> bool:
    """Return whether `space` is an image of booleans that the algorithm can only take as a vector."""
    if space.dtype != np.bool_:
        return False
    return not supports.pixels or bool(_small(ImageObservation.shown(space), supports))


def misfit(name: str, supports: Supports, space: spaces.Space[Any]) -> str:
    """Return why algorithm `name` does not support observations in `space`, or "". space: the space after wrappers."""
    if supports.tabular:
        described = "vectors" if isinstance(space, spaces.Box) else _described(space)
        return "" if isinstance(space, OneHotVectors) else f"observations are {described}, but {name} supports Discrete"
    if isinstance(space, PackedBytes):
        return ""
    if isinstance(space, spaces.Box) and 0 in space.shape:
        return f"observations have no numbers (shape {space.shape})"
    if isinstance(space, NestedVectors) or (can_be_image(space) and supports.pixels):
        return "" if supports.no_observations else _small(space, supports, name)
    kinds = " and ".join(["vectors", *["images"] * supports.pixels, *["Dict and Tuple"] * supports.nested])
    if not isinstance(space, spaces.Box):
        way_out = f"; {FLAT}" if _is_readable(space) else ""
        return f"observations are {_described(space)}, but {name} supports {kinds}{way_out}"
    if len(space.shape) < 2 and space.dtype.kind != "f":
        return f"observations are integers ({space.dtype}), but {name} supports floats"
    if len(space.shape) > 1 and not supports.pixels:
        what = "images" if can_be_image(space) else "arrays"
        return f"observations are {what} of shape {space.shape}, but {name} supports {kinds}; {FLAT}"
    return ""


def form_problem(form: Form, space: spaces.Space[Any], backend: str) -> str:
    """Return why an environment has no observations of the requested form, or ""."""
    if form == "auto":
        return ""
    if backend != "gymnasium":
        return f"observations: {form} needs the backend gymnasium; leave it out"
    if form == "image" and not can_be_image(space):
        return (
            f"observations are not images (uint8 or bool with two or three axes), but {space}; leave `observations` out"
        )
    if form == "nested" and not isinstance(space, (spaces.Dict, spaces.Tuple)):
        return f"observations are neither Dict nor Tuple, but {space}; leave `observations` out"
    return ""


def losses(space: spaces.Space[Any]) -> list[str]:
    """Return one sentence for each kind of information that is lost when observations in `space` become vectors."""
    parts = list(_parts(space)) if _has_parts(space) else [("", space)]
    texts = [path for path, part in parts if is_text(part) and path]
    lost = [f"text is left out of observations ({', '.join(texts)})"] if texts else []
    if any(_is_readable(space) and isinstance(part, spaces.Box) and _may_be_rounded(part) for _, part in parts):
        lost.append(f"whole numbers above {LARGEST_EXACT:,} are rounded in observations")
    return lost


def _is_vector(space: spaces.Space[Any]) -> bool:
    """Return whether observations are a float or a vector of floats, which every algorithm takes unchanged."""
    if not isinstance(space, spaces.Box) or len(space.shape) > 1 or 0 in space.shape:
        return False
    return space.dtype.kind == "f" and space.dtype.itemsize <= 8  # torch has no wider floats


def _is_readable(space: spaces.Space[Any]) -> bool:
    kept = readable_part(space)
    return kept is not None and 0 < flatdim(kept) <= LONGEST


def _has_parts(space: spaces.Space[Any]) -> bool:
    return isinstance(space, (spaces.Dict, spaces.Tuple)) and _is_readable(space)


def _parts(space: spaces.Space[Any], path: str = "") -> Iterator[tuple[str, spaces.Space[Any]]]:
    """Yield each part that is neither a Dict nor a Tuple, with its path, such as "arm/0"."""
    if isinstance(space, (spaces.Dict, spaces.Tuple)):
        named = space.spaces.items() if isinstance(space, spaces.Dict) else enumerate(space.spaces)
        for name, part in named:
            yield from _parts(part, f"{path}/{name}" if path else str(name))
    else:
        yield path, space


def _small(space: spaces.Space[Any], supports: Supports, name: str = "the algorithm") -> str:
    """Return which image is too small for the algorithm's convolutional network, or ""."""
    parts = NestedObservation.shown(space) if isinstance(space, (spaces.Dict, spaces.Tuple)) else space
    least = supports.smallest_image
    for path, part in _parts(parts.parts if isinstance(parts, NestedVectors) else parts):
        if is_image(part) and part.shape is not None and min(part.shape[1:]) < least:
            what = f"images in part {path!r} of the observations are" if path else "observations are images of"
            height, width = part.shape[1:]
            return f"{what} {height} × {width}, but {name} needs at least {least} × {least}; {FLAT}"
    return ""


def _may_be_rounded(space: spaces.Box) -> bool:
    largest = max(abs(int(space.low.min())), abs(int(space.high.max()))) if space.dtype.kind in "iu" else 0
    return largest > LARGEST_EXACT


def _described(space: spaces.Space[Any]) -> str:
    """Return the kind of a space in words, with the first part that cannot be written as numbers."""
    kind, parts = type(space).__name__, list(_parts(space))
    if not isinstance(space, (spaces.Dict, spaces.Tuple)):
        too_many = f" of {flatdim(space):,} numbers" if readable_part(space) is not None else ""
        return kind + too_many
    if not parts:
        return f"an empty {kind}"
    if all(is_text(part) for _, part in parts):
        return f"a {kind} of Text alone"
    unreadable = [(path, part) for path, part in parts if not _is_readable(part) and not is_text(part)]
    named = [f"{type(part).__name__} in {path!r}" for path, part in unreadable]
    return f"{kind} with {named[0]}" if named else kind
