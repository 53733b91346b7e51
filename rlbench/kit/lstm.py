"""A long short-term memory (LSTM) for stacked seeds, whose memory is emptied where an episode starts.

As in `MLP`, an object contains the shapes, and one flat tensor [L, P] contains the parameters of all lanes, padded to
multiples of 16 floats. Sources: Hochreiter & Schmidhuber 1997; with a forget gate: Gers et al. 2000. The equations,
both biases and the initialisation are those of torch.nn.LSTM, so weights and learning rates have the same meaning.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import pad

from rlbench.kit.kernel_choice import watched
from rlbench.kit.stacked_networks import aligned
from rlbench.seeding import SeedStreams

# The order of the gates. In torch.nn.LSTM it is input, forget, cell, output. Here the cell is last, so that the three
# gates with a sigmoid are side by side.
GATES = ("input", "forget", "output", "cell")


class LSTM:
    """An LSTM layer.

    inputs: the number of inputs at each step. units: the number of outputs. size: P.
    memory_size: M, the length of a memory, which is the hidden state and then the cell state, each padded to a multiple
    of 16. The first `units` numbers of a memory are the layer's outputs at that step. An empty memory is 0.
    """

    def __init__(self, inputs: int, units: int) -> None:
        self.inputs, self.units, self._padded = inputs, units, aligned(units)
        self.memory_size, gates = 2 * self._padded, 4 * self._padded
        self._sizes = [inputs * gates, self._padded * gates, gates, gates]
        self.size = sum(self._sizes)

    def init(self, streams: SeedStreams, name: str, copies: int = 1, device: str = "cpu") -> Tensor:
        """Draw parameters [S·copies, P] from U(±1/√units), seed-major, each seed's from its own stream `name`."""
        rows = []
        for generator in [g for g in streams.generators(name) for _ in range(copies)]:
            limit, units = self.units**-0.5, (4, self.units)
            parts = [generator.uniform(-limit, limit, (n, *units)) for n in (self.inputs, self.units, 1, 1)]
            rows.append(self.row(*parts))
        return torch.tensor(np.stack(rows), dtype=torch.float32, device=device)

    def row(self, of_inputs: Any, of_hidden: Any, bias: Any, hidden_bias: Any) -> np.ndarray[Any, Any]:
        """Return a row [P] of weights [inputs, 4, units] and [units, 4, units] and two biases [4, units].

        The axis of length 4 is the gate, in the order of GATES. The padding is 0. It stays 0: its gradient is 0.
        """
        extra, parts = self._padded - self.units, []
        for numbers, rows in ((of_inputs, 0), (of_hidden, extra), (bias, 0), (hidden_bias, 0)):
            cells = np.reshape(np.asarray(numbers), (-1, 4, self.units))
            parts.append(np.pad(cells, ((0, rows), (0, 0), (0, extra))).ravel())
        return np.concatenate(parts)

    @watched
    def memories(self, params: Tensor, x: Tensor, start: Tensor, memory: Tensor) -> Tensor:
        """Return the memory after each of T steps [L, T, B, M], without a gradient.

        params: [L, P]. x: [L, T, B, inputs]. start: [L, T, B] bool, the memory is emptied before this step.
        memory: [L, B, M], before the first step.
        """
        with torch.no_grad():
            hidden, cell = self._unrolled(params, x, start, memory)
        return torch.cat([hidden, cell], -1)[:, :, : x.shape[2]].contiguous()

    @watched
    def outputs(self, params: Tensor, x: Tensor, start: Tensor, memory: Tensor) -> Tensor:
        """Return the outputs of T steps [L, T, B, units]. Their gradient reaches back to the start of each sequence.

        For the arguments see `memories`. The memory before the first step gets no gradient.
        """
        hidden, _ = self._unrolled(params, x, start, memory)
        return hidden[:, :, : x.shape[2], : self.units].contiguous()

    def _unrolled(self, params: Tensor, x: Tensor, start: Tensor, memory: Tensor) -> tuple[Tensor, Tensor]:
        """Return the hidden and the cell states [L, T, B, padded units]; B is at least 2."""
        of_inputs, of_hidden, bias, hidden_bias = params.split(self._sizes, 1)
        of_inputs = of_inputs.view(-1, self.inputs, 4 * self._padded)
        of_hidden = of_hidden.view(-1, self._padded, 4 * self._padded)
        if x.shape[2] == 1:  # a product with one row would have other bits in other stacks
            x, start, memory = torch.cat((x, x), 2), torch.cat((start, start), 2), torch.cat((memory, memory), 1)
        if self.inputs == 1:  # its gradient would have one row
            x, of_inputs = pad(x, (0, 1)), pad(of_inputs, (0, 0, 0, 1))
        # The inputs' contribution to the gates is one product for all steps.
        shares = torch.baddbmm((bias + hidden_bias).unsqueeze(1), x.flatten(1, 2), of_inputs)
        keep = (~start).to(x.dtype).unsqueeze(-1)  # [L, T, B, 1]
        hidden, cell = _Recurrence.apply(shares.view(*start.shape, -1), of_hidden, keep, memory)
        return hidden, cell


class _Recurrence(torch.autograd.Function):
    """The steps of an LSTM, with a gradient that is written out.

    torch's automatic gradient would add to the weights' gradient at every step. Here it is one product for all steps.
    """

    @staticmethod
    def forward(ctx: Any, shares: Tensor, weight: Tensor, keep: Tensor, memory: Tensor) -> tuple[Tensor, Tensor]:
        """Return hidden and cell states [L, T, B, H].

        shares: the inputs' contributions to the gates [L, T, B, 4H]. weight: [L, H, 4H]. keep: 0 where the memory is
        emptied, else 1 [L, T, B, 1]. memory: [L, B, 2H].
        """
        (lanes, steps, batch, _), units = shares.shape, weight.shape[1]
        # tanh(z) = 2σ(2z) − 1, so one function σ computes all gates. 1 / (1 + e^−z) takes half the time of a tanh, and
        # its bits do not depend on an element's position. Where e^−z overflows, it is 0.
        before = torch.tensor([-1.0, -1.0, -1.0, -2.0], device=shares.device).repeat_interleave(units)
        factor = torch.tensor([1.0, 1.0, 1.0, 2.0], device=shares.device).repeat_interleave(units)
        shift = torch.tensor([0.0, 0.0, 0.0, -1.0], device=shares.device).repeat_interleave(units)
        hidden, cell = memory.split(units, -1)
        gates, states = torch.empty_like(shares), shares.new_empty(5, lanes, steps, batch, units)
        hidden_before, cell_before, hiddens, cells, squashed = states
        for t in range(steps):
            h, c = torch.mul(hidden, keep[:, t]), torch.mul(cell, keep[:, t], out=cell_before[:, t])
            hidden_before[:, t] = h
            z = torch.baddbmm(shares[:, t], h, weight).mul_(before).exp_().add_(1.0).reciprocal_().mul_(factor)
            i, f, o, g = torch.add(z, shift, out=gates[:, t]).split(units, -1)
            cell = torch.mul(f, c).addcmul_(i, g)
            squash = torch.tanh(cell)
            hidden = o * squash
            cells[:, t], squashed[:, t], hiddens[:, t] = cell, squash, hidden
        ctx.save_for_backward(weight, keep, gates, hidden_before, cell_before, squashed)
        ctx.mark_non_differentiable(cells)
        return hiddens, cells

    @staticmethod
    def backward(ctx: Any, by_hidden: Tensor, _: Tensor) -> tuple[Tensor, Tensor, None, None]:
        weight, keep, gates, hidden_before, cell_before, squashed = ctx.saved_tensors
        (lanes, steps, batch, _), units = gates.shape, weight.shape[1]
        i, f, o, g = gates.split(units, -1)
        # The derivative by each gate's sum: of the cell state for i, f and g, and of the hidden state for o.
        slopes = torch.cat([g * i * (1 - i), cell_before * f * (1 - f), squashed * o * (1 - o), i * (1 - g * g)], -1)
        through_cell, kept = o * (1 - squashed * squashed), f * keep
        by_gates, transposed = torch.empty_like(gates), weight.transpose(1, 2)
        by_next_hidden = by_next_cell = torch.zeros_like(by_hidden[:, 0])
        for t in range(steps - 1, -1, -1):
            by_h = by_hidden[:, t] + by_next_hidden
            by_c = torch.addcmul(by_next_cell, by_h, through_cell[:, t])
            by_z = torch.cat([by_c, by_c, by_h, by_c], -1).mul_(slopes[:, t])
            by_gates[:, t] = by_z
            if t:
                by_next_hidden = torch.bmm(by_z, transposed).mul_(keep[:, t])
                by_next_cell = by_c * kept[:, t]
        rows = hidden_before.view(lanes, -1, units)
        return by_gates, torch.bmm(rows.transpose(1, 2), by_gates.view(lanes, steps * batch, -1)), None, None
