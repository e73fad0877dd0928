"""ResNet and VGG as models/resnet.h and models/vgg.h define them, for pytorch_bench.py, which does not use torchvision.

`pool_first` moves a ReLU before a max pooling behind it: the same values and gradients on a quarter of the elements.
"""

import torch
from torch import nn


def conv_norm(channels_in, channels_out, kernel, stride=1):
    convolution = nn.Conv2d(channels_in, channels_out, kernel, stride, kernel // 2, bias=False)
    return [convolution, nn.BatchNorm2d(channels_out)]


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions, or 1x1, 3x3, 1x1 with four times the channels at the end."""

    def __init__(self, channels_in, middle, stride, bottleneck):
        super().__init__()
        self.channels_out = 4 * middle if bottleneck else middle
        if bottleneck:
            layers = [*conv_norm(channels_in, middle, 1), nn.ReLU(True), *conv_norm(middle, middle, 3, stride),
                      nn.ReLU(True), *conv_norm(middle, self.channels_out, 1)]
        else:
            layers = [*conv_norm(channels_in, middle, 3, stride), nn.ReLU(True), *conv_norm(middle, middle, 3)]
        self.branch = nn.Sequential(*layers)
        self.downsample = None
        if stride != 1 or channels_in != self.channels_out:
            self.downsample = nn.Sequential(*conv_norm(channels_in, self.channels_out, 1, stride))

    def forward(self, x):
        shortcut = x if self.downsample is None else self.downsample(x)
        return (self.branch(x) + shortcut).relu_()


class ResNet(nn.Module):
    def __init__(self, blocks, bottleneck, cifar_stem, classes, pool_first, width=64):
        super().__init__()
        if cifar_stem:
            layers = [*conv_norm(3, width, 3), nn.ReLU(True)]
        else:
            relu, pool = nn.ReLU(True), nn.MaxPool2d(3, 2, 1)
            layers = [*conv_norm(3, width, 7, 2), *((pool, relu) if pool_first else (relu, pool))]
        channels = width
        for stage, count in enumerate(blocks):
            for i in range(count):
                block = ResidualBlock(channels, width << stage, 2 if stage > 0 and i == 0 else 1, bottleneck)
                layers.append(block)
                channels = block.channels_out
        self.features = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1))
        self.fc = nn.Linear(channels, classes)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, x):
        return self.fc(torch.flatten(self.features(x), 1))


class Vgg(nn.Module):
    """With batch norm, and the published code's head: one linear layer."""

    def __init__(self, blocks, image, classes, pool_first):
        super().__init__()
        layers, channels = [], 3
        for block, count in enumerate(blocks):
            for _ in range(count):
                width = 64 << min(block, 3)
                layers += [nn.Conv2d(channels, width, 3, padding=1), nn.BatchNorm2d(width), nn.ReLU(True)]
                channels = width
            layers.insert(len(layers) - 1 if pool_first else len(layers), nn.MaxPool2d(2, 2))
        self.features = nn.Sequential(*layers)
        self.classifier = nn.Linear(channels * (image // 32) ** 2, classes)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
                nn.init.zeros_(module.bias)
        nn.init.normal_(self.classifier.weight, 0, 0.01)
        nn.init.zeros_(self.classifier.bias)

    def forward(self, x):
        return self.classifier(torch.flatten(self.features(x), 1))


# For the table of workloads; the layout is a memory format, which the caller sets.
def resnet20(options, layout):
    return ResNet([3, 3, 3], False, True, 10, options.pool_first, width=16)


def resnet34(options, layout):
    return ResNet([3, 4, 6, 3], False, True, 10, options.pool_first)


def resnet50(options, layout):
    return ResNet([3, 4, 6, 3], True, False, 14, options.pool_first)


def vgg16(options, layout):
    return Vgg([2, 2, 3, 3, 3], 150, 2, options.pool_first)
