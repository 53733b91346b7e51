"""A transition as a list: tests compare all of its arrays. With a single agent it has no `agent_rewards`."""

from dataclasses import fields


def arrays_of(transition):
    values = [getattr(transition, field.name) for field in fields(transition)]
    return [value for value in values if value is not None]
