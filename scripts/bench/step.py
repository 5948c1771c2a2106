"""Trains the catalogue's networks with PyTorch as a contestant of the benchmark."""
import torch
from torch import nn
from torch.nn import functional

import contestant


def dense(sizes, last):
    layers = []
    for i in range(len(sizes) - 1):
        layers += [nn.Linear(sizes[i], sizes[i + 1]), nn.ReLU() if i < len(sizes) - 2 else last]
    return nn.Sequential(*layers)


class VAE(nn.Module):
    def __init__(self):
        super().__init__()
        self.hidden, self.mean, self.variance = nn.Linear(784, 128), nn.Linear(128, 2), nn.Linear(128, 2)
        self.back, self.out = nn.Linear(2, 128), nn.Linear(128, 784)

    def forward(self, x, epsilon):
        h = functional.relu(self.hidden(x))
        self.mu, self.logvar = self.mean(h), self.variance(h)
        z = self.mu + torch.exp(0.5 * self.logvar) * epsilon
        return torch.sigmoid(self.out(functional.relu(self.back(z))))


def conv_autoencoder():
    conv, relu, up = nn.Conv2d, nn.ReLU, lambda: nn.Upsample(scale_factor=2)
    return nn.Sequential(
        conv(1, 16, 3, padding=1), relu(), nn.MaxPool2d(2), conv(16, 8, 3, padding=1), relu(), nn.MaxPool2d(2),
        conv(8, 8, 3, padding=1), relu(), nn.MaxPool2d(2, ceil_mode=True),
        conv(8, 8, 3, padding=1), relu(), up(), conv(8, 8, 3, padding=1), relu(), up(), conv(8, 16, 3), relu(), up(),
        conv(16, 1, 3, padding=1), nn.Sigmoid())


def yolo():
    return nn.Sequential(
        nn.Conv2d(3, 16, 1), nn.Conv2d(16, 32, 3), nn.LeakyReLU(0.3), nn.MaxPool2d(2), nn.Conv2d(32, 16, 3),
        nn.Conv2d(16, 32, 3), nn.LeakyReLU(0.3), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(5408, 256), nn.Sigmoid(),
        nn.Linear(256, 32), nn.Sigmoid())


NETWORKS = {
    "news": lambda: nn.Sequential(nn.Linear(10000, 512), nn.ReLU(), nn.Linear(512, 4)),
    "autoencoder": lambda: dense([784, 128, 64, 64, 64, 128, 784], nn.Sigmoid()),
    "conv-autoencoder": conv_autoencoder,
    "yolo": yolo,
    "vae": VAE,
}


def divergence(network, out, x):
    """The negative evidence lower bound: cross-entropy of the picture and divergence of the latent distribution, summed, over the batch."""
    mu, logvar = network.mu, network.logvar
    entropy = functional.binary_cross_entropy(out, x, reduction="sum")
    return (entropy - 0.5 * torch.sum(1 + logvar - mu * mu - logvar.exp())) / len(x)


def detection(out, truth):
    """YOLO's loss for one box in each of 2 x 2 cells: three class scores, of which the last is not trained, and x, y, width, height and
    confidence. The overlap of the boxes, which confidence is held against, is a number to gradients."""
    out, truth = out.reshape(-1, 4, 8), truth.reshape(-1, 4, 8)
    box, want, real = out[..., 3:7], truth[..., 3:7], truth[..., 7]
    with torch.no_grad():
        apart = (box[..., :2] - want[..., :2]).abs() / 2
        overlap = torch.minimum((box[..., 2:] + want[..., 2:]) / 2 - apart, torch.minimum(box[..., 2:], want[..., 2:])).clamp(min=0)
        common = overlap.prod(-1)
        share = common / (box[..., 2:].prod(-1) + want[..., 2:].prod(-1) - common).clamp(min=1e-12)
    classes = (out[..., :2] - truth[..., :2]).square().sum(-1)
    position = (box[..., :2] - want[..., :2]).square().sum(-1)
    size = (box[..., 2:].clamp(min=1e-12).sqrt() - want[..., 2:].sqrt()).square().sum(-1)
    confidence = out[..., 7]
    found, quiet = (share - confidence).square(), confidence.square()
    return (real * (classes + 5 * position + 5 * size + found) + 0.5 * (1 - real) * quiet).sum() / len(out)


class Subject:
    """A network and Adam. A run is a step on the next batch."""

    def __init__(self, request, inputs):
        torch.set_num_threads(request["threads"])
        torch.manual_seed(1)
        self.name, self.steps = request["model"], 0
        given = {name: torch.from_numpy(value).split(request["rows"]) for name, value in inputs.items()}
        self.batches = [dict(zip(given, parts)) for parts in zip(*given.values())]
        self.network = NETWORKS[self.name]()
        self.optimizer = torch.optim.Adam(self.network.parameters(), 1e-3)

    def run(self):
        batch = self.batches[self.steps % len(self.batches)]
        self.steps += 1
        self.optimizer.zero_grad(set_to_none=True)
        if self.name == "vae":
            out = self.network(batch["x"], batch["epsilon"])
        else:
            out = self.network(batch["x"])
        if self.name == "news":
            loss = functional.cross_entropy(out, batch["y"])
        elif self.name == "yolo":
            loss = detection(out, batch["y"])
        elif self.name == "vae":
            loss = divergence(self.network, out, batch["x"])
        else:
            loss = functional.binary_cross_entropy(out, batch["x"])
        loss.backward()
        self.optimizer.step()
        self.last = out

    def output(self):
        return self.last.detach().numpy()


contestant.serve(Subject, "PyTorch " + torch.__version__)
