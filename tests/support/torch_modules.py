"""A stacked network as torch's own modules: what the kit and the algorithms are held against."""

from torch import nn


def module_of(mlp, row, activation=nn.Tanh):
    """The network `mlp` of nn.Linear layers, with the parameters of one seed, the first of `row` [P or more]."""
    layers, parts = [], row[: mlp.size].split(mlp._sizes)
    for i, (a, b) in enumerate(mlp.layers):
        linear = nn.Linear(a, b)
        linear.weight.data = parts[2 * i].view(a, -1)[:, :b].T.clone()
        linear.bias.data = parts[2 * i + 1][:b].clone()
        layers += [linear, activation()]
    return nn.Sequential(*layers[:-1])
