"""A transition as a list: tests compare all of its arrays."""

from dataclasses import fields


def arrays_of(transition):
    return [getattr(transition, field.name) for field in fields(transition)]
