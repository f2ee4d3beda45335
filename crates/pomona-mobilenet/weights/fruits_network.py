"""MobileNetV2 in PyTorch under the tensor names of `google/mobilenet_v2_1.0_224`."""

import torch
from torch import Tensor, nn
from torch.nn import functional

# Channels, repeats and first stride of each stage with expansion (arXiv:1801.04381, table 2).
STAGES = [(24, 2, 2), (32, 3, 2), (64, 4, 2), (96, 3, 1), (160, 3, 2), (320, 1, 1)]
EPSILON = 1e-3


class Convolution(nn.Module):
    """A convolution, its batch normalisation and ReLU6, padded as TensorFlow's SAME is."""

    def __init__(self, inputs, outputs, kernel=1, stride=1, groups=1, activation=True):
        super().__init__()
        self.stride, self.activation = stride, activation
        padding = 1 if kernel == 3 and stride == 1 else 0
        self.convolution = nn.Conv2d(
            inputs, outputs, kernel, stride, padding, groups=groups, bias=False
        )
        # PyTorch's momentum is the share of the new value: this is 0.97 of Keras.
        self.normalization = nn.BatchNorm2d(outputs, eps=EPSILON, momentum=0.03)

    def forward(self, x: Tensor) -> Tensor:
        if self.stride == 2:
            # An even side is padded at the bottom and right alone.
            x = functional.pad(x, (0, 1, 0, 1))
        x = self.normalization(self.convolution(x))
        return functional.relu6(x, inplace=True) if self.activation else x


class Block(nn.Module):
    """An inverted residual block."""

    def __init__(self, inputs, outputs, stride):
        super().__init__()
        inner = 6 * inputs
        self.residual = stride == 1 and inputs == outputs
        self.expand_1x1 = Convolution(inputs, inner)
        self.conv_3x3 = Convolution(inner, inner, 3, stride, groups=inner)
        self.reduce_1x1 = Convolution(inner, outputs, activation=False)

    def forward(self, x: Tensor) -> Tensor:
        y = self.reduce_1x1(self.conv_3x3(self.expand_1x1(x)))
        return x + y if self.residual else y


class Stem(nn.Module):
    """The first convolution and the block without expansion."""

    def __init__(self, channels, outputs):
        super().__init__()
        self.first_conv = Convolution(3, channels, 3, 2)
        self.conv_3x3 = Convolution(channels, channels, 3, groups=channels)
        self.reduce_1x1 = Convolution(channels, outputs, activation=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.reduce_1x1(self.conv_3x3(self.first_conv(x)))


class MobileNetV2(nn.Module):
    """Bytes `N x 3 x S x S` to the logits of `classes` classes."""

    def __init__(self, classes: int, width: float = 1.0):
        super().__init__()
        channels = make_divisible(16 * width)
        self.conv_stem = Stem(make_divisible(32 * width), channels)
        layers = []
        for outputs, repeats, stride in STAGES:
            for repeat in range(repeats):
                following = make_divisible(outputs * width)
                layers.append(Block(channels, following, stride if repeat == 0 else 1))
                channels = following
        self.layer = nn.ModuleList(layers)
        self.conv_1x1 = Convolution(channels, make_divisible(1280 * max(width, 1)))
        self.classifier = nn.Linear(self.conv_1x1.convolution.out_channels, classes)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out")
        nn.init.normal_(self.classifier.weight, std=0.01)
        nn.init.zeros_(self.classifier.bias)

    def features(self, x: Tensor) -> Tensor:
        x = self.conv_stem(x.float() / 127.5 - 1)
        for layer in self.layer:
            x = layer(x)
        return self.conv_1x1(x).mean((2, 3))

    def forward(self, x: Tensor) -> Tensor:
        return self.classifier(self.features(x))


def make_divisible(channels: float) -> int:
    """The nearest multiple of eight that loses no more than a tenth."""
    rounded = max(8, int(channels + 4) // 8 * 8)
    return rounded + 8 if rounded < 0.9 * channels else rounded


def trainable_decay(model: nn.Module, decay: float) -> list[dict]:
    """Parameter groups: kernels decay, batch normalisations and biases do not."""
    parameters = list(model.parameters())
    return [
        {"params": [p for p in parameters if p.ndim > 1], "weight_decay": decay},
        {"params": [p for p in parameters if p.ndim == 1], "weight_decay": 0.0},
    ]


def load_checkpoint(path) -> dict:
    return torch.load(path, map_location="cpu", weights_only=True)
