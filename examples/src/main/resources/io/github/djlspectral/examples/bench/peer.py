"""What `djl-spectral bench` compares with: the same work in Python's PyTorch, eager, as a user writes it.

    python peer.py --list
    python peer.py --suite gpt2 --subject "124M, B=4, T=256, step" --contender "PyTorch, float32"
    python peer.py --train tokens.bin --steps 100 [--bfloat16]

A task is done once for each line of standard input, and answered with "done". Results are JSON on
standard output, one object per line; progress goes to standard error. Exit code 2 is a wrong
argument, 3 a Python without PyTorch. Needs nothing but PyTorch; torch.optim.Muon came with 2.9, and
is not listed by an older one. Everything runs on the CPU.
"""

import argparse
import json
import platform
import re
import sys

try:
    import torch
    import torch.nn as nn
    import torch.nn.functional as F
except ImportError as e:
    print(f"{sys.executable} has no PyTorch ({e}): pip install torch", file=sys.stderr)
    sys.exit(3)

WIDTHS = 768, 1024, 1280, 1600  # of the published GPT-2s
VOCABULARY, CONTEXT, WIDTH, HEADS, LAYERS = 50257, 1024, 768, 12, 12  # the smallest
BATCH, LENGTH = 4, 256


# GPT-2

class Layer(nn.Module):
    def __init__(self):
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)
        self.attention = nn.Linear(WIDTH, 3 * WIDTH)
        self.projection = nn.Linear(WIDTH, WIDTH)
        self.widen, self.narrow = nn.Linear(WIDTH, 4 * WIDTH), nn.Linear(4 * WIDTH, WIDTH)

    def forward(self, x):
        b, t, c = x.shape
        q, k, v = (
            part.view(b, t, HEADS, c // HEADS).transpose(1, 2)
            for part in self.attention(self.norm1(x)).split(c, dim=2)
        )
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.projection(y.transpose(1, 2).reshape(b, t, c))
        return x + self.narrow(F.gelu(self.widen(self.norm2(x)), approximate="tanh"))


class Gpt2(nn.Module):
    """Tokens and targets to their mean cross-entropy; the head is the token embedding."""

    def __init__(self):
        super().__init__()
        self.tokens, self.positions = nn.Embedding(VOCABULARY, WIDTH), nn.Embedding(CONTEXT, WIDTH)
        self.layers = nn.ModuleList(Layer() for _ in range(LAYERS))
        self.norm = nn.LayerNorm(WIDTH)
        for name, p in self.named_parameters():
            if p.dim() == 2:
                onto_stream = "projection" in name or "narrow" in name
                nn.init.normal_(p, std=0.02 / (2 * LAYERS) ** 0.5 if onto_stream else 0.02)
            elif name.endswith("bias"):
                nn.init.zeros_(p)

    def forward(self, tokens, targets):
        x = self.tokens(tokens) + self.positions.weight[: tokens.shape[1]]
        for layer in self.layers:
            x = layer(x)
        logits = F.linear(self.norm(x), self.tokens.weight)
        return F.cross_entropy(logits.flatten(0, 1), targets.flatten())


class Training:
    """The model with AdamW, in float32 or with autocast to bfloat16."""

    def __init__(self, bfloat16, rate=1e-4):
        torch.manual_seed(0)
        self.bfloat16 = bfloat16
        self.model = Gpt2()
        self.optimizer = torch.optim.AdamW(self.model.parameters(), lr=rate, fused=True)

    def loss(self, tokens, targets):
        with torch.autocast("cpu", torch.bfloat16, enabled=self.bfloat16):
            return self.model(tokens, targets)

    def forward(self, tokens, targets):
        with torch.no_grad():
            return self.loss(tokens, targets)

    def gradients(self, tokens, targets):
        self.optimizer.zero_grad(set_to_none=True)
        loss = self.loss(tokens, targets)
        loss.backward()
        return loss

    def step(self, tokens, targets):
        loss = self.gradients(tokens, targets)
        nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimizer.step()
        return loss


# What can be measured: each of these returns the action to repeat.

def gpt2(method, bfloat16):
    training = Training(bfloat16)
    tokens, targets = torch.randint(VOCABULARY, (2, BATCH, LENGTH))
    return lambda: getattr(training, method)(tokens, targets)


def product(bfloat16, side=2048):
    kind = torch.bfloat16 if bfloat16 else torch.float32
    a, b = torch.randn(2, side, side).to(kind)
    c = torch.empty_like(a)
    return lambda: torch.mm(a, b, out=c)


def optimizer(kind, shapes):
    torch.manual_seed(0)
    weights = [nn.Parameter(torch.randn(shape)) for shape in shapes]
    for weight in weights:
        weight.grad = torch.randn_like(weight)
    if kind == "AdamW":
        return torch.optim.AdamW(weights, fused=True).step
    return torch.optim.Muon(weights).step


def hidden_shapes(width):
    return (width, width), (3 * width, width), (4 * width, width), (width, 4 * width)


def tasks():
    """Everything that can be measured: (suite, subject, contender) to what makes its action."""
    found = {}
    kinds = ["AdamW"] + (["Muon"] if hasattr(torch.optim, "Muon") else [])
    for kind in kinds:
        contender = "torch.optim." + kind
        for width in WIDTHS:
            for shape in hidden_shapes(width):
                subject = "x".join(map(str, shape))
                found["optimizers", subject, contender] = (
                    lambda k=kind, s=shape: optimizer(k, [s]))
        found["optimizers", "124M, hidden matrices", contender] = (
            lambda k=kind: optimizer(k, LAYERS * hidden_shapes(WIDTH)))
    found["optimizers", "124M, all parameters", "torch.optim.AdamW"] = (
        lambda: optimizer("AdamW", [p.shape for p in Gpt2().parameters()]))
    for bfloat16 in (False, True):
        contender = "PyTorch, " + ("bfloat16" if bfloat16 else "float32")
        found["gpt2", "product 2048", contender] = (
            lambda b=bfloat16: product(b))
        for name, method in ("forward", "forward"), ("backward", "gradients"), ("step", "step"):
            found["gpt2", f"124M, B={BATCH}, T={LENGTH}, {name}", contender] = (
                lambda m=method, b=bfloat16: gpt2(m, b))
    return found


# Measurement

def resident(entry):
    """An entry of the process's status in bytes; 0 where there is none."""
    try:
        with open("/proc/self/status") as status:
            return next(1024 * int(line.split()[1]) for line in status if line.startswith(entry))
    except (OSError, StopIteration):
        return 0


def serve(suite, subject, contender):
    """Does a task for each line that comes; says what memory there was before and at most."""
    found = tasks()
    if (suite, subject, contender) not in found:
        fail(f"There is nothing like {suite}: {subject}: {contender}; see --list")
    torch.mm(torch.ones(256, 256), torch.ones(256, 256))  # starts the threads
    base = resident("VmRSS")
    action = found[suite, subject, contender]()
    write(baseMemory=base)
    for _ in sys.stdin:
        action()
        print("done", flush=True)
    result = dict(peakMemory=resident("VmHWM"))
    shape = re.fullmatch(r"(\d+)x(\d+)", subject)
    if contender == "torch.optim.Muon" and shape:
        result["polarError"] = polar_error(int(shape[1]), int(shape[2]))
    write(**result)


# Accuracy

def pseudorandom(rows, columns):
    """SplitMix64 of the index, the upper 24 bits as numbers in [-1, 1): the same as in Java."""

    def signed(x):
        return x - (1 << 64) if x >= 1 << 63 else x

    def shifted(z, bits):  # of unsigned numbers
        return (z >> bits) & ((1 << (64 - bits)) - 1)

    z = (torch.arange(rows * columns) + 1) * signed(0x9E3779B97F4A7C15)
    z = (z ^ shifted(z, 30)) * signed(0xBF58476D1CE4E5B9)
    z = (z ^ shifted(z, 27)) * signed(0x94D049BB133111EB)
    z = z ^ shifted(z, 31)
    return (shifted(z, 40) / float(1 << 23) - 1).float().view(rows, columns)


def polar_error(rows, columns):
    """How exact the polar factor is that Muon makes of a gradient; polar_error.py has the words."""
    weight = nn.Parameter(torch.zeros(rows, columns))
    weight.grad = g = pseudorandom(rows, columns)
    torch.optim.Muon([weight], lr=1, weight_decay=0, momentum=0, nesterov=False).step()
    x = weight.detach().double() / max(1, rows / columns) ** 0.5  # without the update's scale
    g, x = (g.double(), x) if rows <= columns else (g.double().T, x.T)
    squares, u = torch.linalg.eigh(g @ g.T)
    y = u[:, squares >= 1e-4 * squares.max()].T @ x
    values = torch.linalg.eigvalsh(y @ y.T).clamp(min=0).sqrt()
    return (values - 1).abs().max().item()


# Training

def train(path, steps, bfloat16, rate):
    """The loss of each step on random windows of a file of 16-bit tokens after a header of 1 KB."""
    with open(path, "rb") as file:
        file.seek(1024)
        tokens = torch.frombuffer(bytearray(file.read()), dtype=torch.uint16).long()
    training = Training(bfloat16, rate)
    generator = torch.Generator().manual_seed(0)
    losses = []
    for i in range(steps):
        starts = torch.randint(len(tokens) - LENGTH, (BATCH, 1), generator=generator)
        windows = tokens[starts + torch.arange(LENGTH + 1)]
        losses.append(training.step(windows[:, :-1], windows[:, 1:].contiguous()).item())
        print(f"step {i + 1}: loss {losses[-1]:.4f}", file=sys.stderr, flush=True)
    write(contender="PyTorch, " + ("bfloat16" if bfloat16 else "float32"), losses=losses)


def write(**values):
    print(json.dumps(values), flush=True)


def fail(message):
    print(message, file=sys.stderr)
    sys.exit(2)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--list", action="store_true", help="tell what can be measured")
    parser.add_argument("--suite", help="what to measure, as --list writes it")
    parser.add_argument("--subject")
    parser.add_argument("--contender")
    parser.add_argument("--train", metavar="FILE", help="train on 16-bit tokens")
    parser.add_argument("--steps", type=int, default=10, help="of --train")
    parser.add_argument("--rate", type=float, default=1e-4, help="the learning rate of --train")
    parser.add_argument("--bfloat16", action="store_true", help="autocast in --train")
    parser.add_argument("--threads", type=int, help="of the CPU")
    args = parser.parse_args()
    if args.threads:
        torch.set_num_threads(args.threads)
    if args.list:
        write(python=platform.python_version(), torch=torch.__version__,
              **{"torch-threads": str(torch.get_num_threads())})
        for suite, subject, contender in tasks():
            write(suite=suite, subject=subject, contender=contender)
    elif args.train:
        train(args.train, args.steps, args.bfloat16, args.rate)
    else:
        serve(args.suite, args.subject, args.contender)


main()
