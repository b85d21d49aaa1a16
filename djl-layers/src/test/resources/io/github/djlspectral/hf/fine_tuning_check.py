"""Compares fine-tuning, prompts masked, with the transformers library. Needs it, and torch; by hand:

    mvn -pl djl-layers -am test -Dtest='TransformersTest,FineTuningTest' -Dtransformers=DIR
    python fine_tuning_check.py DIR   # writes DIR/start: two random checkpoints, tuned here as well
    mvn ...                           # the same again: tunes them there, exports to DIR/tuned
    python fine_tuning_check.py DIR   # compares, and adds what it finds to DIR/start
    mvn -DskipTests package           # the program of the examples; it tunes and exports "gpt2"
    python fine_tuning_check.py DIR examples/target/djl-spectral-examples.jar

"bytes" is small: its folder, after the last command, is "fine-tuning" here. "gpt2" has GPT-2's own
tokenizer, which the first command writes. Each has tuning.json: records, of which the first ones are
tuned on; the first batch's loss and the norms of its gradients; the loss on the other records and
their greedy continuations after 50 steps of torch's AdamW; and the loss of the export. A loss is
the mean over what follows prompts, labels elsewhere being -100, in float64 but for the library's
cross-entropy, which is in float32. The stored one is by Python 3.11.7, torch 2.13.0, transformers
5.18.0, tokenizers 0.23.2.
"""

import csv
import itertools
import json
import os
import shutil
import subprocess
import sys

import torch
from transformers import AutoTokenizer, GPT2LMHeadModel
from transformers_check import bytes_, encoded, model, write_json

WORDS = ["fig", "pear", "plum", "olive", "caf\u00e9", "\u68a8", "lime", "Melon"]
TUNED, HELD_OUT, BATCH, STEPS, DRAWN, DECAY = 48, 8, 6, 50, 20, 0.01
TOLERANCE = 1e-4
MARGIN = 1e-2  # between the logits of the likeliest tokens: rounding changes no text


def records():
    """Which comes first? Prompts and completions differ in length."""
    all_ = list(itertools.permutations(WORDS, 3))
    words = [all_[i * 89 % len(all_)] for i in range(TUNED + HELD_OUT)]
    return [[f"{a}, {b} or {c}?", f" {min(a, b, c)}, not {max(a, b, c)}."] for a, b, c in words]


def batch(made, tokenizer, some):
    """Tokens and labels, padded at the end."""
    prompts = [encoded(tokenizer, prompt) for prompt, _ in some]
    answers = [encoded(tokenizer, text) + [made.config.eos_token_id] for _, text in some]
    longest = max(len(p) + len(a) for p, a in zip(prompts, answers))
    tokens = torch.zeros(len(some), longest, dtype=torch.int64)
    labels = torch.full_like(tokens, -100)
    for row, (p, a) in enumerate(zip(prompts, answers)):
        tokens[row, : len(p) + len(a)] = torch.tensor(p + a)
        labels[row, len(p) : len(p) + len(a)] = torch.tensor(a)
    return {"input_ids": tokens, "labels": labels}


def loss(made, tokenizer, some):
    with torch.no_grad():
        return made(**batch(made, tokenizer, some)).loss.item()


def greedy(made, tokenizer, some):
    texts = []
    for prompt, _ in some:
        start = torch.tensor([encoded(tokenizer, prompt)])
        out = made.generate(
            start,
            attention_mask=torch.ones_like(start),
            do_sample=False,
            max_new_tokens=DRAWN,
            pad_token_id=0,
            output_logits=True,
            return_dict_in_generate=True,
        )
        for logits in out.logits:
            best = logits[0].topk(2).values
            assert best[0] - best[1] > MARGIN, (prompt, best)
        drawn = [t for t in out.sequences[0, start.shape[1] :].tolist() if t != made.config.eos_token_id]
        texts.append(tokenizer.decode(drawn, clean_up_tokenization_spaces=False))
    return texts


def tune(made, tokenizer, some, rate):
    """Returns the first batch's loss and the norms of its gradients."""
    matrices = [p for p in made.parameters() if p.dim() > 1]
    others = [p for p in made.parameters() if p.dim() < 2]
    groups = [{"params": matrices, "weight_decay": DECAY}, {"params": others, "weight_decay": 0}]
    optimizer = torch.optim.AdamW(groups, lr=rate)
    first = None
    for step in range(STEPS):
        start = step * BATCH % TUNED
        optimizer.zero_grad()
        value = made(**batch(made, tokenizer, some[start : start + BATCH])).loss
        value.backward()
        norms = {
            name.removeprefix("transformer."): p.grad.norm().item() for name, p in made.named_parameters()
        }
        first = first or {"loss": value.item(), "norms": norms}
        optimizer.step()
    return first


def write_start(place, made, tokenizer, rate):
    made.save_pretrained(place)
    tokenizer.save_pretrained(place)
    exact = made.double()
    all_ = records()
    others = all_[TUNED:]
    before = loss(exact, tokenizer, others)
    first = tune(exact, tokenizer, all_[:TUNED], rate)
    tuned = loss(exact, tokenizer, others)
    assert tuned < before / 2, (before, tuned)
    shape = {"tuned": TUNED, "batch": BATCH, "steps": STEPS, "drawn": DRAWN, "rate": rate, "decay": DECAY}
    found = {"first": first, "loss": tuned, "greedy": greedy(exact, tokenizer, others)}
    write_json(place + "/tuning.json", {**shape, "records": all_, **found})
    print(f"{place}: {len(others)} records held out, loss {before:.4f}, here tuned to {tuned:.6f}")


def compare(start, tuned):
    """Compares what was tuned there with what it said of it, and what was tuned here."""
    with open(start + "/tuning.json") as file:
        here = json.load(file)
    with open(tuned + "/tuning.json") as file:
        there = json.load(file)
    exact = GPT2LMHeadModel.from_pretrained(tuned, dtype=torch.float32).eval().double()
    tokenizer = AutoTokenizer.from_pretrained(tuned)
    others = here["records"][here["tuned"] :]
    here["exported"] = loss(exact, tokenizer, others)
    errors = [abs(value - here["exported"]) for value in (there["loss"], here["loss"])]
    print(f"{tuned}: loss {here['exported']:.6f}, from theirs {errors[0]:.2g}, from ours {errors[1]:.2g}")
    assert max(errors) < TOLERANCE
    assert greedy(exact, tokenizer, others) == there["greedy"] == here["greedy"]
    print(len(others), "greedy texts identical:", there["greedy"])
    write_json(start + "/tuning.json", here)


def compare_program(work, jar):
    """Compares what the program says of a model that it tuned with what its export is."""

    def call(command, *arguments):
        ran = subprocess.run(["java", "-jar", jar, command, *arguments], check=True, stdout=subprocess.PIPE)
        return ran.stdout.decode()

    data, run, exported = (f"{work}/{name}" for name in ("records.jsonl", "run", "exported"))
    for place in (run, exported):
        shutil.rmtree(place, ignore_errors=True)
    all_ = records()
    with open(data, "w") as file:
        for prompt, completion in all_:
            file.write(json.dumps({"prompt": prompt, "completion": completion}) + "\n")
    given = f"--optimizer adamw --lr 0.002 --lr-end 1 --warmup 0 --batch 2 --steps {STEPS}".split()
    call("train", "--init", work + "/start/gpt2", "--data", data, "--out", run, *given)
    call("export", "--run", run, "--out", exported)
    exact = GPT2LMHeadModel.from_pretrained(exported, dtype=torch.float32).eval().double()
    tokenizer = AutoTokenizer.from_pretrained(exported)
    others = all_[len(all_) * 9 // 10 :]  # what "train" holds out; they fit into one window
    parts = [batch(exact, tokenizer, [record]) for record in others]
    window = {name: torch.cat([part[name] for part in parts], 1) for name in parts[0]}
    with torch.no_grad():
        here = exact(**window).loss.item()
    with open(run + "/metrics.csv") as file:
        there = float(list(csv.DictReader(file))[-1]["validation_loss"])
    print(f"{exported}: loss {here:.6f}, from theirs {abs(here - there):.2g}")
    assert abs(here - there) < TOLERANCE
    greedily = ("--temperature", "0", "--tokens", str(DRAWN))
    for (prompt, _), text in zip(others, greedy(exact, tokenizer, others)):
        continued = call("generate", "--run", run, "--prompt", prompt, *greedily)
        assert continued.rstrip("\n") == prompt + text, (continued, prompt + text)
        print("greedy text identical:", prompt, text)


if __name__ == "__main__":
    work = sys.argv[1]
    if len(sys.argv) > 2:
        compare_program(work, sys.argv[2])
    elif os.path.exists(work + "/tuned"):
        for name in sorted(os.listdir(work + "/tuned")):
            compare(f"{work}/start/{name}", f"{work}/tuned/{name}")
    else:
        plain = {"resid_pdrop": 0.0, "embd_pdrop": 0.0, "attn_pdrop": 0.0}
        ended = bytes_()
        ended.add_special_tokens({"eos_token": "<|endoftext|>"})
        small = model(32, 257, eos_token_id=256, n_positions=64, n_embd=16, **plain)
        write_start(work + "/start/bytes", small, ended, 0.02)
        shape = {"n_positions": 128, "n_embd": 128, "n_layer": 4, "n_head": 4, "initializer_range": 0.02}
        large = model(32, 50257, eos_token_id=50256, **shape, **plain)
        write_start(work + "/start/gpt2", large, AutoTokenizer.from_pretrained(work + "/out/gpt2"), 0.002)
