"""A stacked network as torch's own modules: what the kit and the algorithms are held against."""

from torch import nn


class Masked(nn.Module):
    """Dropout whose mask [B, units] is set from outside; without one, nothing is dropped."""

    mask = None

    def forward(self, x):
        return x if self.mask is None else x * self.mask


def module_of(mlp, row, activation=nn.Tanh):
    """The network `mlp` of nn.Linear layers, with the parameters of one seed, the first of `row` [P or more].

    With layer normalisation, each hidden layer is Linear, Masked, LayerNorm, activation.
    """
    layers, (products, norms) = [], row[: mlp.size].split([sum(mlp._sizes), sum(mlp._norm_sizes)])
    parts, norms = products.split(mlp._sizes), norms.split(mlp._norm_sizes) if mlp._norm_sizes else []
    for i, (a, b) in enumerate(mlp.layers):
        linear = nn.Linear(a, b)
        linear.weight.data = parts[2 * i].view(a, -1)[:, :b].T.clone()
        linear.bias.data = parts[2 * i + 1][:b].clone()
        layers.append(linear)
        if norms and i < len(mlp.layers) - 1:
            norm = nn.LayerNorm(b)
            norm.weight.data, norm.bias.data = (norms[2 * i + k][:b].clone() for k in range(2))
            layers += [Masked(), norm]
        layers.append(activation())
    return nn.Sequential(*layers[:-1])


def set_masks(module, masks):
    """Give the hidden layers their masks [B, units]; empty: drop nothing."""
    places = [layer for layer in module if isinstance(layer, Masked)]
    for i, layer in enumerate(places):
        layer.mask = masks[i] if masks else None


def image_module_of(net, row):
    """A network for images of torch's own layers, with the numbers of one row."""
    layers, at = [], 0
    for c in net._convolutions:
        layer = nn.Conv2d(c.inputs, c.outputs, c.kernel, c.stride)
        for parameter in (layer.weight, layer.bias):
            parameter.data = row[at : at + parameter.numel()].view_as(parameter).clone()
            at += -(-parameter.numel() // 16) * 16
        layers += [layer, nn.ReLU()]
    layers.append(nn.Flatten())
    for i, (a, b) in enumerate(net.layers):
        layer, width = nn.Linear(a, b), -(-b // 16) * 16
        layer.weight.data = row[at : at + a * width].view(a, width)[:, :b].T.clone()
        layer.bias.data = row[at + a * width :][:b].clone()
        at += (a + 1) * width
        layers += [layer, nn.ReLU()] if i < len(net.layers) - 1 else [layer]
    assert at == net.size
    return nn.Sequential(*layers)
