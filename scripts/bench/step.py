"""Trains the catalogue's networks with PyTorch as a contestant of the benchmark."""
import time

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
        nn.Conv2d(3, 16, 1), nn.Conv2d(16, 32, 3), nn.LeakyReLU(0.1), nn.MaxPool2d(2), nn.Conv2d(32, 16, 3),
        nn.Conv2d(16, 32, 3), nn.LeakyReLU(0.1), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(5408, 256), nn.Sigmoid(),
        nn.Linear(256, 32), nn.Sigmoid())


NETWORKS = {
    "news": lambda: nn.Sequential(nn.Linear(10000, 512), nn.ReLU(), nn.Linear(512, 4)),
    "autoencoder": lambda: dense([784, 128, 64, 64, 64, 128, 784], nn.Sigmoid()),
    "conv-autoencoder": conv_autoencoder,
    "yolo": yolo,
    "vae": VAE,
}


class Subject:
    """A network and Adam. YOLO's loss is the squared error here, which is less work than the real one."""

    def __init__(self, request):
        given = {name: torch.from_numpy(value) for name, value in contestant.read(request["inputs"]).items()}
        started = time.perf_counter()
        torch.set_num_threads(request["threads"])
        torch.manual_seed(1)
        self.name, self.x = request["model"], given["x"]
        self.y = given["y"].reshape(len(self.x), -1) if "y" in given else self.x
        self.epsilon = given.get("epsilon")
        self.network = NETWORKS[self.name]()
        self.optimizer = torch.optim.Adam(self.network.parameters(), 1e-3)
        self.run()
        self.seconds = time.perf_counter() - started

    def run(self):
        self.optimizer.zero_grad(set_to_none=True)
        if self.name == "vae":
            out = self.network(self.x, self.epsilon)
            mu, logvar = self.network.mu, self.network.logvar
            loss = functional.binary_cross_entropy(out, self.x, reduction="sum") / len(self.x)
            loss = loss - 0.5 * torch.sum(1 + logvar - mu * mu - logvar.exp()) / len(self.x)
        else:
            out = self.network(self.x)
            if self.name == "news":
                loss = functional.cross_entropy(out, self.y)
            elif self.name == "yolo":
                loss = functional.mse_loss(out, self.y)
            else:
                loss = functional.binary_cross_entropy(out, self.y)
        loss.backward()
        self.optimizer.step()
        self.last = out

    def output(self):
        return self.last.detach().numpy()


contestant.serve(Subject, "PyTorch " + torch.__version__)
