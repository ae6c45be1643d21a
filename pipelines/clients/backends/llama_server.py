"""Serve one GGUF file with llama.cpp: OpenAI's HTTP API on a unix socket that only its owner may use.

It runs in the serving environment, without this package and its libraries.
"""

import argparse
import os
import signal
import time
from pathlib import Path

import xllamacpp

STOP_SIGNALS = {signal.SIGTERM, signal.SIGINT}
QUEUE_THREADS = 64  # further HTTP threads: a queued request holds one


def main() -> None:
    """Serve until SIGTERM, then finish the requests in flight."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("gguf", type=Path)
    parser.add_argument("socket", type=Path)
    parser.add_argument("--model", required=True, help="the model's name")
    parser.add_argument("--context", type=int, required=True, help="tokens of a prompt and its answer")
    parser.add_argument("--parallel", type=int, required=True, help="concurrent requests; further ones are queued")
    parser.add_argument("--threads", type=int, required=True)
    arguments = parser.parse_args()

    os.umask(0o077)
    arguments.socket.unlink(missing_ok=True)  # of a killed process
    signal.pthread_sigmask(signal.SIG_BLOCK, STOP_SIGNALS)  # before llama.cpp starts threads: this one gets the signal
    server = xllamacpp.Server(make_parameters(arguments))
    signal.sigwait(STOP_SIGNALS)
    arguments.socket.unlink(missing_ok=True)  # new clients fail at once
    while has_requests(server):
        time.sleep(0.05)


def make_parameters(arguments: argparse.Namespace) -> xllamacpp.CommonParams:
    """llama.cpp's parameters."""
    parameters = xllamacpp.CommonParams()
    parameters.model.path = str(arguments.gguf)
    parameters.model_alias = {arguments.model}
    parameters.hostnames = [str(arguments.socket)]
    # Each slot has its own context. A shared one (kv_unified) needs half the memory, and fails the request that finds
    # it full.
    parameters.n_ctx = arguments.context * arguments.parallel
    parameters.n_parallel = arguments.parallel
    parameters.n_threads_http = arguments.parallel + QUEUE_THREADS
    parameters.cpuparams.n_threads = arguments.threads
    parameters.cpuparams_batch.n_threads = arguments.threads
    parameters.cache_ram_mib = 0  # a slot remembers its last prompt; the second memory would grow to 8 GB
    parameters.endpoint_metrics = True
    parameters.fit_params = False  # the plan has the sizes; fitting them would load the model twice
    parameters.ui = False
    parameters.verbosity = 2  # errors and warnings
    return parameters


def has_requests(server: xllamacpp.Server) -> bool:
    """Whether a request is being processed or is queued."""
    metrics = dict(line.rsplit(" ", 1) for line in server.handle_metrics().splitlines() if not line.startswith("#"))
    return any(float(metrics[f"llamacpp:requests_{kind}"]) for kind in ("processing", "deferred"))


if __name__ == "__main__":
    main()
