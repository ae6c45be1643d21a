"""Serve one GGUF file with llama.cpp, as OpenAI's HTTP on a unix socket that its owner alone may use.

It runs in the serving environment, which has neither this package nor its libraries.
"""

import argparse
import os
import signal
import time
from pathlib import Path

import xllamacpp

ENDS = {signal.SIGTERM, signal.SIGINT}
WAITING = 64  # HTTP threads beyond those that are worked for: a request that waits its turn holds one


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("gguf", type=Path)
    parser.add_argument("socket", type=Path)
    parser.add_argument("--model", required=True, help="what it is called")
    parser.add_argument("--context", type=int, required=True, help="tokens of a prompt and its answer")
    parser.add_argument("--parallel", type=int, required=True, help="requests at a time; more wait")
    parser.add_argument("--threads", type=int, required=True)
    given = parser.parse_args()

    os.umask(0o077)
    given.socket.unlink(missing_ok=True)  # of one that was killed
    signal.pthread_sigmask(signal.SIG_BLOCK, ENDS)  # before llama.cpp starts its threads: this one takes the signal
    server = xllamacpp.Server(parameters(given))
    signal.sigwait(ENDS)
    given.socket.unlink(missing_ok=True)  # whoever comes now is told at once that nobody answers here
    while busy(server):
        time.sleep(0.05)


def parameters(given: argparse.Namespace) -> xllamacpp.CommonParams:
    wanted = xllamacpp.CommonParams()
    wanted.model.path = str(given.gguf)
    wanted.model_alias = {given.model}
    wanted.hostnames = [str(given.socket)]
    # Each slot has its own room. One room for all (kv_unified) takes half the memory, and fails the request that
    # finds it full.
    wanted.n_ctx = given.context * given.parallel
    wanted.n_parallel = given.parallel
    wanted.n_threads_http = given.parallel + WAITING
    wanted.cpuparams.n_threads = given.threads
    wanted.cpuparams_batch.n_threads = given.threads
    wanted.cache_ram_mib = 0  # a slot remembers its last prompt; the second memory would grow to 8 GB
    wanted.endpoint_metrics = True
    wanted.fit_params = False  # the plan says how much is wanted; guessing loads a model twice
    wanted.ui = False
    wanted.verbosity = 2  # errors and warnings
    return wanted


def busy(server: xllamacpp.Server) -> bool:
    """Whether a request is worked on, or waits for one that is."""
    figures = dict(line.rsplit(" ", 1) for line in server.handle_metrics().splitlines() if not line.startswith("#"))
    return any(float(figures[f"llamacpp:requests_{kind}"]) for kind in ("processing", "deferred"))


if __name__ == "__main__":
    main()
