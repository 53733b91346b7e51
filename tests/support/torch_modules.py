"""A stacked network as torch's own modules: what the kit and the algorithms are held against."""

from torch import nn

from rlbench.kit.convolutions import PatchLayer


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


class PlacesFirst(nn.Module):
    """Order the outputs of a convolution as `PatchLayer` does: by place, then kernel."""

    def forward(self, x):
        return x.movedim(1, -1).flatten(1)


def image_module_of(net, row):
    """A network for one image of torch's own layers, with the numbers of one row."""
    return nn.Sequential(*part_modules_of(net, row))


def part_modules_of(net, row):
    """The layers of each image, then those for all features, of torch's own modules with the numbers of one row."""
    *kernels, rest = row[: net.size].split([*(part.size for part in net.convolutions), net.mlp.size])
    return [*map(_layers_of, net.convolutions, kernels), module_of(net.mlp, rest, nn.ReLU)]


def _layers_of(convolutions, row):
    if isinstance(convolutions, PatchLayer):
        layer = nn.Conv2d(convolutions.shape.channels, 16, 3)
        layer.weight.data = row[:-16].view(3, 3, -1, 16).permute(3, 2, 0, 1).contiguous()
        layer.bias.data = row[-16:].clone()
        return nn.Sequential(layer, nn.ReLU(), PlacesFirst())
    layers, at = [], 0
    for outputs, inputs, kernel, stride in convolutions.layers:
        layer = nn.Conv2d(inputs, outputs, kernel, stride)
        for parameter in (layer.weight, layer.bias):
            parameter.data = row[at : at + parameter.numel()].view_as(parameter).clone()
            at += -(-parameter.numel() // 16) * 16
        layers += [layer, nn.ReLU()]
    return nn.Sequential(*layers, nn.Flatten())
