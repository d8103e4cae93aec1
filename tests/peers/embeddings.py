"""Vectors as OpenAI's API gives them, by all-MiniLM-L6-v2: its weights come with a package, and NumPy is enough for it.

Says where it listens on standard output."""

import json
import math
import pathlib
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy
from safetensors.numpy import load_file
from tokenizers import Tokenizer

FOLDER = pathlib.Path(sys.argv[1])
CONFIG = json.loads((FOLDER / "config.json").read_text())
WEIGHTS = load_file(FOLDER / "model.safetensors")
TOKENIZER = Tokenizer.from_file(str(FOLDER / "tokenizer.json"))
TOKENIZER.no_padding()
TOKENIZER.enable_truncation(256)
HEADS = CONFIG["num_attention_heads"]
ERF = numpy.vectorize(math.erf)


def dense(x, name):
    return x @ WEIGHTS[name + ".weight"].T + WEIGHTS[name + ".bias"]


def normal(x, name):
    x = (x - x.mean(-1, keepdims=True)) / numpy.sqrt(x.var(-1, keepdims=True) + CONFIG["layer_norm_eps"])
    return x * WEIGHTS[name + ".weight"] + WEIGHTS[name + ".bias"]


def attend(x, name):
    split = lambda part: dense(x, f"{name}.self.{part}").reshape(len(x), HEADS, -1).transpose(1, 0, 2)
    query, key, value = map(split, ("query", "key", "value"))
    scores = query @ key.transpose(0, 2, 1) / math.sqrt(query.shape[-1])
    scores = numpy.exp(scores - scores.max(-1, keepdims=True))
    mixed = (scores / scores.sum(-1, keepdims=True)) @ value
    return dense(mixed.transpose(1, 0, 2).reshape(len(x), -1), f"{name}.output.dense")


def embed(text):
    tokens = TOKENIZER.encode(text).ids
    x = WEIGHTS["embeddings.word_embeddings.weight"][tokens]
    x = x + WEIGHTS["embeddings.position_embeddings.weight"][: len(tokens)]
    x = x + WEIGHTS["embeddings.token_type_embeddings.weight"][0]
    x = normal(x, "embeddings.LayerNorm")
    for layer in range(CONFIG["num_hidden_layers"]):
        name = f"encoder.layer.{layer}"
        x = normal(x + attend(x, f"{name}.attention"), f"{name}.attention.output.LayerNorm")
        inner = dense(x, f"{name}.intermediate.dense")
        inner = inner * 0.5 * (1 + ERF(inner / math.sqrt(2)))
        x = normal(x + dense(inner, f"{name}.output.dense"), f"{name}.output.LayerNorm")
    mean = x.mean(0)
    return (mean / numpy.linalg.norm(mean)).tolist(), len(tokens)


class Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
        made = [embed(text) for text in asked["input"]]
        data = [{"object": "embedding", "index": at, "embedding": vector} for at, (vector, _) in enumerate(made)]
        tokens = sum(count for _, count in made)
        usage = {"prompt_tokens": tokens, "total_tokens": tokens}
        body = json.dumps({"object": "list", "data": data, "model": asked["model"], "usage": usage}).encode()
        self.send_response(200 if self.path == "/v1/embeddings" else 404)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
print(server.server_address[1], flush=True)
server.serve_forever()
