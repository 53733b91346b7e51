"""The kit's LSTM as torch's own module: what it is held against."""

import torch
from torch import nn

ORDER = [0, 1, 3, 2]  # torch's gates are input, forget, cell, output; the kit's output is the third


def lstm_parts(lstm, row):
    """Weights and biases of a row [P], or their gradients, in torch's shapes and order."""
    width, units = lstm.memory_size // 2, lstm.units
    parts = row.split([lstm.inputs * 4 * width, width * 4 * width, 4 * width, 4 * width])
    cells = [part.view(-1, 4, width)[:, ORDER, :units] for part in parts]
    weights = [cells[0], cells[1][:units]]
    return [part.reshape(len(part), -1).T for part in weights] + [part.reshape(-1) for part in cells[2:]]


def lstm_module(lstm, row):
    module = nn.LSTM(lstm.inputs, lstm.units)
    with torch.no_grad():
        for parameter, part in zip(module.parameters(), lstm_parts(lstm, row), strict=True):
            parameter.copy_(part)
    return module


def padding(lstm, row):
    """The numbers of a row [P] that belong to no weight."""
    full = lstm.row(*(torch.ones(n, 4, lstm.units) for n in (lstm.inputs, lstm.units, 1, 1)))
    return row[torch.tensor(full) == 0]
