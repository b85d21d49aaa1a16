"""Writes small random GPT-2 checkpoints in the Hugging Face layout, and their logits in float64.

Run by hand, in this directory: python reference.py. Needs numpy and nothing else: the files are
written and the forward pass is computed independently of this project and of Hugging Face's code.

f32: one file, names with the prefix "transformer.", a copy of the token embedding as lm_head, the
     masks of old files; a tokenizer.json of characters
f16: two shards with an index, names without a prefix
bf16: one file, no prefix, an array that belongs to nothing
The logits are those of the rounded weights.
"""

import json
import math
import os
import struct

import numpy as np

VOCABULARY, CONTEXT, LAYERS, HEADS, WIDTH = 19, 10, 2, 3, 12
TOKENS = [[3, 1, 4, 1, 5, 9, 2, 6, 18, 0], [7, 17, 1, 8, 2, 8, 16, 12, 4, 5]]
CHARACTERS = "\n !,.adeghilnorstuw"
TYPES = {"F32": "<f4", "F16": "<f2", "BF16": "<u2"}


def random_weights():
    rng = np.random.default_rng(20)

    def normal(*shape, deviation=0.3, mean=0.0):
        return mean + deviation * rng.standard_normal(shape)

    weights = {"wte.weight": normal(VOCABULARY, WIDTH), "wpe.weight": normal(CONTEXT, WIDTH)}
    for layer in range(LAYERS):
        h = f"h.{layer}."
        for norm in ("ln_1", "ln_2"):
            weights[h + norm + ".weight"] = normal(WIDTH, mean=1.0)
            weights[h + norm + ".bias"] = normal(WIDTH)
        for name, inputs, outputs in (
            ("attn.c_attn", WIDTH, 3 * WIDTH),
            ("attn.c_proj", WIDTH, WIDTH),
            ("mlp.c_fc", WIDTH, 4 * WIDTH),
            ("mlp.c_proj", 4 * WIDTH, WIDTH),
        ):
            weights[h + name + ".weight"] = normal(inputs, outputs)  # a Conv1D: y = x w + b
            weights[h + name + ".bias"] = normal(outputs)
    weights["ln_f.weight"] = normal(WIDTH, mean=1.0)
    weights["ln_f.bias"] = normal(WIDTH)
    return weights


def encode(values, dtype):
    """Returns the stored numbers and, in float64, what they stand for."""
    values = values.astype(np.float32)
    if dtype == "BF16":
        bits = values.view(np.uint32).astype(np.uint64)
        upper = ((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16).astype(np.uint16)
        exact = (upper.astype(np.uint32) << 16).view(np.float32)
        return upper.astype(TYPES[dtype]), exact.astype(np.float64)
    stored = values.astype(TYPES[dtype])
    return stored, stored.astype(np.float64)


def normalise(x, scale, shift):
    mean = x.mean(axis=-1, keepdims=True)
    variance = ((x - mean) ** 2).mean(axis=-1, keepdims=True)
    return (x - mean) / np.sqrt(variance + 1e-5) * scale + shift


def gelu(x):
    return 0.5 * x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))


def logits(weights, tokens):
    """One sequence, one attention head at a time."""

    def norm(x, name):
        return normalise(x, weights[name + ".weight"], weights[name + ".bias"])

    def linear(x, name):
        return x @ weights[name + ".weight"] + weights[name + ".bias"]

    length = len(tokens)
    x = weights["wte.weight"][tokens] + weights["wpe.weight"][:length]
    size = WIDTH // HEADS
    for layer in range(LAYERS):
        h = f"h.{layer}."
        q, k, v = np.split(linear(norm(x, h + "ln_1"), h + "attn.c_attn"), 3, axis=1)
        heads = []
        for i in range(HEADS):
            part = slice(i * size, (i + 1) * size)
            scores = q[:, part] @ k[:, part].T / math.sqrt(size)
            scores[np.triu_indices(length, 1)] = -np.inf
            scores = np.exp(scores - scores.max(axis=1, keepdims=True))
            heads.append(scores / scores.sum(axis=1, keepdims=True) @ v[:, part])
        x = x + linear(np.concatenate(heads, axis=1), h + "attn.c_proj")
        x = x + linear(gelu(linear(norm(x, h + "ln_2"), h + "mlp.c_fc")), h + "mlp.c_proj")
    return norm(x, "ln_f") @ weights["wte.weight"].T


def write_safetensors(path, arrays):
    """arrays: name -> (dtype, numpy array)."""
    header, offset = {"__metadata__": {"format": "pt"}}, 0
    for name, (dtype, array) in arrays.items():
        header[name] = {
            "dtype": dtype,
            "shape": list(array.shape),
            "data_offsets": [offset, offset + array.nbytes],
        }
        offset += array.nbytes
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for _, array in arrays.values():
            file.write(array.tobytes())


def write_json(path, value):
    with open(path, "w") as file:
        json.dump(value, file)


def write_checkpoint(directory, dtype):
    os.makedirs(directory, exist_ok=True)
    stored, exact = {}, {}
    for name, values in random_weights().items():
        array, exact[name] = encode(values, dtype)
        stored[name] = (dtype, array)
    if dtype == "F32":
        arrays = {"transformer." + name: array for name, array in stored.items()}
        arrays["lm_head.weight"] = stored["wte.weight"]
        for layer in range(LAYERS):
            mask = np.tril(np.ones((1, 1, CONTEXT, CONTEXT), np.uint8))
            arrays[f"transformer.h.{layer}.attn.bias"] = ("U8", mask)
            arrays[f"transformer.h.{layer}.attn.masked_bias"] = ("F32", np.array(-1e4, "<f4"))
        write_safetensors(directory + "/model.safetensors", arrays)
    elif dtype == "F16":
        names = list(stored)
        parts = [names[: len(names) // 2], names[len(names) // 2 :]]
        weight_map = {}
        for i, part in enumerate(parts):
            shard = f"model-{i + 1:05d}-of-00002.safetensors"
            write_safetensors(f"{directory}/{shard}", {name: stored[name] for name in part})
            weight_map.update({name: shard for name in part})
        total = sum(array.nbytes for _, array in stored.values())
        index = {"metadata": {"total_size": total}, "weight_map": weight_map}
        write_json(directory + "/model.safetensors.index.json", index)
    else:
        arrays = dict(stored)
        arrays["score.weight"] = ("BF16", np.zeros((2, WIDTH), "<u2"))
        write_safetensors(directory + "/model.safetensors", arrays)
    config = {
        "model_type": "gpt2",
        "architectures": ["GPT2LMHeadModel"],
        "vocab_size": VOCABULARY,
        "n_positions": CONTEXT,
        "n_ctx": CONTEXT,
        "n_embd": WIDTH,
        "n_layer": LAYERS,
        "n_head": HEADS,
        "n_inner": None,
        "activation_function": "gelu_new",
        "layer_norm_epsilon": 1e-05,
        "resid_pdrop": 0.1,
        "tie_word_embeddings": True,
    }
    write_json(directory + "/config.json", config)
    tokenizer = {
        "version": "1.0",
        "pre_tokenizer": None,
        "model": {
            "type": "BPE",
            "vocab": {character: i for i, character in enumerate(CHARACTERS)},
            "merges": [],
        },
    }
    write_json(directory + "/tokenizer.json", tokenizer)
    values = [logits(exact, tokens).tolist() for tokens in TOKENS]
    write_json(directory + "/logits.json", {"tokens": TOKENS, "logits": values})


if __name__ == "__main__":
    assert len(CHARACTERS) == VOCABULARY and sorted(CHARACTERS) == list(CHARACTERS)
    for dtype in TYPES:
        write_checkpoint(dtype.lower(), dtype)
