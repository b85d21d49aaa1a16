"""Compares import and export with the transformers library. Needs it, and torch; run by hand:

    mvn -pl djl-layers -am test -Dtest=TransformersTest -Dtransformers=DIR   # writes DIR/out, 8 exports
    python transformers_check.py DIR            # checks DIR/out, then writes DIR/in, 22 checkpoints
    mvn ...                                     # the same again: now it checks DIR/in as well

Every checkpoint comes with expected.json: tokens and their logits, in float64 of the weights as
float32; a prompt and its greedy continuation; and texts with their tokens, special ones split up.
DIR/in/texts.json has the tokens of nasty texts by GPT-2's tokenizer. The folder "transformers" here
has some of DIR/in. With weights twice as large the library's own float32 is off by 1.7e-6.
"""

import json
import os
import shutil
import sys

import torch
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer, decoders, pre_tokenizers
from tokenizers.models import BPE
from transformers import AutoTokenizer, GPT2Config, GPT2LMHeadModel, GPT2Tokenizer
from transformers import PreTrainedTokenizerFast

CHARACTERS = "\n !,.adeghilnorstuw"
TOLERANCE = 8e-7
NASTY = [
    "", " ", "  ", "\n", "\r\n", "a\r\n\r\nb\r", "\t\t x\t", " " * 100 + "x" + " " * 37,
    "x \n \n  y", "\u00a0\u2003\u3000x\u2028y\u2029\u0085z", "\x00", "a\x00\x00b\x1c\x1f \x7f",
    "\U0001f600\U0001f468\u200d\U0001f469\u200d\U0001f467\U0001f1e9\U0001f1ea\U0001f44d\U0001f3fd",
    "e\u0301\u0323 a\u030a \u1e69 n\u0303\u0303\u0303 \u0301", "\ufb01 \ufeff\u200b\u00ad x",
    "\u6f22\u5b57\u4eee\u540d\u4ea4\u3058\u308a\u306e\u6587\u3002", "\ud55c\uad6d\uc5b4 \u110b\u1161",
    "\u05e9\u05c1\u05b8\u05dc\u05d5\u05b9\u05dd \u0627\u0644\u0633\u064e\u0651\u0644\u0627\u0645",
    "\u0928\u092e\u0938\u094d\u0924\u0947 \u0e2a\u0e27\u0e31\u0e2a\u0e14\u0e35", "\U0001d400\U0001d7d8",
    "0123456789 12345678901234567890 3.14159 1,000,000 \u0661\u0662\u0663 \u00bd \u2167 \u00b2",
    "I'm you're he'd we'll they've it's don't I'M YOU'RE \u2019s 's' ''''", "...!!!???---===***###",
    "<|endoftext|>", "a<|endoftext|>b", "<|endoftext|> <|endoftext|><|endoftext|>\n", "<|endoftext",
    "<s>[PAD]</s>[MASK]<unk>", "def f(x):\n    return x ** 2  # caf\u00e9\n\n\n", "\uffff\ufffd\U0010ffff",
    "CamelCaseHTTPServer snake_case kebab-case https://a.b/c?d=e&f=%20", "a" * 300, "\u00e9" * 70,
]  # fmt: skip
NO_TEXT = ["\ud800", "a\udc00b", "\udc00\ud800"]


def characters():
    tokenizer = Tokenizer(BPE({c: i for i, c in enumerate(CHARACTERS)}, []))
    tokenizer.decoder = decoders.Fuse()
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, clean_up_tokenization_spaces=False)


def bytes_():
    symbols = bytes(range(256))
    visible = {}
    for byte in symbols:  # GPT-2's alphabet, by what the library makes of each byte
        visible[byte] = chr(byte) if 33 <= byte <= 126 or byte >= 161 and byte != 173 else None
    others = [byte for byte in symbols if visible[byte] is None]
    visible.update({byte: chr(256 + i) for i, byte in enumerate(others)})
    assert sorted(visible.values()) == sorted(pre_tokenizers.ByteLevel.alphabet())
    tokenizer = Tokenizer(BPE({visible[byte]: byte for byte in symbols}, []))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    tokenizer.decoder = decoders.ByteLevel()
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, clean_up_tokenization_spaces=False)


def model(seed, vocabulary, **changes):
    torch.manual_seed(seed)
    ends = {"bos_token_id": None, "eos_token_id": None}
    shape = {"n_positions": 40, "n_embd": 8, "n_layer": 2, "n_head": 2, "initializer_range": 0.2}
    config = GPT2Config(vocab_size=vocabulary, **{**ends, **shape, **changes})
    made = GPT2LMHeadModel(config).eval()
    for name, parameter in made.named_parameters():
        if name.endswith("bias") or ".ln_" in name:  # else zeros and ones
            parameter.data += 0.2 * torch.randn_like(parameter)
    return made


def encoded(tokenizer, text):
    return tokenizer.encode(text, add_special_tokens=False, split_special_tokens=True)


def expect(directory, made, tokenizer, texts):
    """Writes what is expected of the checkpoint in a directory."""
    exact = made.float().double()
    config = made.config
    ids = torch.arange(2 * config.n_positions).reshape(2, -1) * 7919 % len(tokenizer)
    with torch.no_grad():
        logits = exact(ids[:, :6]).logits
    prompt = "where " if all(c in CHARACTERS for c in texts[0]) else texts[0]
    start = torch.tensor([encoded(tokenizer, prompt)])
    ends = ends_of(exact)
    undrawn = [i for i in range(config.vocab_size) if i >= size(tokenizer) and i not in ends]
    out = exact.generate(
        start,
        attention_mask=torch.ones_like(start),
        do_sample=False,
        max_new_tokens=24,
        pad_token_id=0,
        suppress_tokens=undrawn or None,
    )[0, start.shape[1] :]
    greedy = [t for t in out.tolist() if t not in ends]
    write_json(
        directory + "/expected.json",
        {
            "tokens": ids[:, :6].tolist(),
            "logits": [[float(f"{x:.9g}") for x in row] for row in logits[:, :, :400].flatten(0, 1).tolist()],
            "prompt": prompt,
            "greedy": tokenizer.decode(greedy, clean_up_tokenization_spaces=False),
            "drawn": len(out),
            "texts": {text: encoded(tokenizer, text) for text in texts},
        },
    )


def ends_of(made):
    ends = made.generation_config.eos_token_id
    return [] if ends is None else ends if isinstance(ends, list) else [ends]


def size(tokenizer):
    """The number of tokens that are text."""
    return min(tokenizer.vocab_size, 50257)


def write_json(path, value):
    with open(path, "w") as file:
        json.dump(value, file)


def rewrite(directory, change):
    """Changes the names or arrays of a checkpoint."""
    path = directory + "/model.safetensors"
    save_file(change(load_file(path)), path, {"format": "pt"})


def edit_json(path, **changes):
    with open(path) as file:
        value = json.load(file)
    write_json(path, {**value, **changes})


def write_checkpoints(directory, gpt2):
    shutil.rmtree(directory, ignore_errors=True)
    count = [0]
    texts = ["hello, world!\n\n  to the  end", "\n", "sad stories"]

    def write(name, made=None, tokenizer=None, texts=texts, after=None, **saving):
        count[0] += 1
        made = made or model(count[0], len(CHARACTERS))
        tokenizer = tokenizer or characters()
        place = f"{directory}/{name}"
        made.save_pretrained(place, **saving)
        tokenizer.save_pretrained(place)
        if after:
            after(place)
        expect(place, made, tokenizer, texts)

    def cast(dtype):
        return model(count[0] + 1, len(CHARACTERS)).to(dtype)

    def prefixed(prefix):
        return lambda place: rewrite(
            place, lambda arrays: {prefix + name: a.clone() for name, a in arrays.items()}
        )

    write("f32")
    write("f16", cast(torch.float16))
    write("bf16", cast(torch.bfloat16))
    write("f64", cast(torch.float64))
    write("shards", max_shard_size="4KB")
    write("shards-bf16", cast(torch.bfloat16), max_shard_size="2KB")
    write("orig-mod", after=prefixed("_orig_mod."))
    write("module", after=prefixed("module._orig_mod."))
    write(
        "plain-names",
        after=lambda place: rewrite(
            place, lambda arrays: {n.removeprefix("transformer."): a.clone() for n, a in arrays.items()}
        ),
    )
    write("padded", model(10, 32))
    special = characters()
    special.add_special_tokens({"eos_token": "<|endoftext|>", "pad_token": "[PAD]"})
    listed = model(11, 24)
    listed.generation_config.eos_token_id = [19, 7, 22]
    write("added-tokens", listed, special)
    write("end-in-config", model(12, len(CHARACTERS), eos_token_id=13))
    write("inner", model(13, len(CHARACTERS), n_inner=32))
    write("tanh", model(14, len(CHARACTERS), activation_function="gelu_pytorch_tanh"))
    write("one-head", model(15, len(CHARACTERS), n_layer=1, n_head=1))
    write("deep", model(16, len(CHARACTERS), n_layer=6))
    write(
        "head-of-its-own-equal",
        after=lambda place: (
            rewrite(place, lambda a: {**a, "lm_head.weight": a["transformer.wte.weight"].clone()}),
            edit_json(place + "/config.json", tie_word_embeddings=False),
        ),
    )
    write("dropouts", model(18, len(CHARACTERS), attn_pdrop=0.3, embd_pdrop=0.0))
    write("bytes", model(19, 256), bytes_(), NASTY[1:])
    ended = bytes_()
    ended.add_special_tokens({"eos_token": "<|endoftext|>"})
    write("bytes-end", model(20, 257, eos_token_id=256), ended, NASTY[1:])
    write("large-gpt2", model(21, 50257, eos_token_id=50256), gpt2, NASTY[1:], published)
    added = GPT2Tokenizer.from_pretrained(GPT2)
    added.add_special_tokens({"pad_token": "[PAD]", "sep_token": "<|sep|>"})
    padded = model(22, 50304, eos_token_id=50257).to(torch.float16)
    write("large-gpt2-padded", padded, added, NASTY[1:])
    print(count[0], "checkpoints written")
    default = [gpt2.encode(text, add_special_tokens=False) for text in NASTY]
    split = [encoded(gpt2, text) for text in NASTY]
    for text in NO_TEXT:
        try:
            gpt2.encode(text)
            raise SystemExit("the library takes half a surrogate pair")
        except (UnicodeEncodeError, TypeError):
            pass
    write_json(
        directory + "/texts.json",
        {"texts": NASTY, "gpt2": split, "gpt2-eot": default, "refused": NO_TEXT},
    )


GPT2 = None


def published(place):
    """Leaves the two old files."""
    os.remove(place + "/tokenizer.json")
    for name in ("vocab.json", "merges.txt"):
        shutil.copy(f"{GPT2}/{name}", place)


def check_exports(directory):
    worst = 0.0
    names = sorted(os.listdir(directory))
    for name in names:
        place = f"{directory}/{name}"
        with open(place + "/expected.json") as file:
            ours = json.load(file)
        loaded, problems = GPT2LMHeadModel.from_pretrained(
            place, dtype=torch.float32, output_loading_info=True
        )
        assert not any(problems.values()), (name, problems)
        exact = loaded.eval().double()
        tokenizer = AutoTokenizer.from_pretrained(place)
        with torch.no_grad():
            logits = exact(torch.tensor(ours["tokens"])).logits.flatten(0, 1)
        given = torch.tensor(ours["logits"], dtype=torch.float64)
        error = ((given - logits[:, : given.shape[1]]).abs().max() / logits.abs().max()).item()
        worst = max(worst, error)
        start = torch.tensor([encoded(tokenizer, ours["prompt"])])
        undrawn = list(range(len(tokenizer), exact.config.vocab_size))
        out = exact.generate(
            start,
            attention_mask=torch.ones_like(start),
            do_sample=False,
            max_new_tokens=24,
            pad_token_id=0,
            suppress_tokens=undrawn or None,
        )[0, start.shape[1] :]
        ends = ends_of(exact)
        greedy = tokenizer.decode(
            [t for t in out.tolist() if t not in ends], clean_up_tokenization_spaces=False
        )
        assert greedy == ours["greedy"], (name, greedy, ours["greedy"])
        for text, tokens in ours["texts"].items():
            assert encoded(tokenizer, text) == tokens, (name, text)
        print(f"{name}: {error:.2g}, {len(ours['texts'])} texts, greedy text identical")
        assert error < TOLERANCE, name
    print(f"{len(names)} exports, relative error of logits at most {worst:.2g}")


if __name__ == "__main__":
    work = sys.argv[1]
    GPT2 = work + "/out/gpt2"
    check_exports(work + "/out")
    write_checkpoints(work + "/in", AutoTokenizer.from_pretrained(GPT2))
