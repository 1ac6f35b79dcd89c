"""A small world for peers: desks, endpoints and clients, and a peer library that is written for one test."""

from __future__ import annotations

import asyncio
import sys
from contextlib import asynccontextmanager, contextmanager

import numpy as np
from openai import AsyncOpenAI
from planneal.experiments.comparison import problems
from planneal.experiments.methods import case_of
from planneal.experiments.methods.asking import Seat
from planneal.experiments.methods.judging import Judge
from planneal.experiments.methods.plans import judges
from planneal.experiments.peers import methods, processes
from planneal.experiments.peers.desk import Desk
from planneal.experiments.peers.endpoint import Endpoint
from planneal.planner.ledger import Budget
from planneal.settings import Settings
from planneal.testing import count

PROBLEM = problems(1, 3, "easy", family="arithmetic")[0]
CASE = case_of(PROBLEM.public)
USER = [{"role": "user", "content": "Question: how many nuts?"}]


def desk_of(model, tokens=None, seed=0, **caps):
    seat, settings = Seat(model, Budget(tokens=tokens, **caps)), Settings()
    return Desk(seat, Judge(seat, CASE, judges(seat, CASE, settings), settings), CASE, seed)


@asynccontextmanager
async def served(desk):
    """An endpoint on a desk, and a plain client of it that tries nothing twice."""
    async with Endpoint(desk) as endpoint:
        client = AsyncOpenAI(base_url=endpoint.url, api_key=endpoint.key, max_retries=0)
        try:
            yield endpoint, client
        finally:
            await client.close()


def counted(model):
    """What the model itself saw: prompt tokens and calls."""
    return sum(count(request.prompt) for request in model.requests), len(model.requests)


FAKE = """
import json, os, sys, time, urllib.error, urllib.request

def ask(job, **more):
    body = {{"model": job["model"], "messages": job["messages"], "max_tokens": job["max_tokens"], **more}}
    head = {{"Authorization": "Bearer " + job["key"], "Content-Type": "application/json"}}
    request = urllib.request.Request(job["url"] + "/chat/completions", json.dumps(body).encode(), head)
    with urllib.request.urlopen(request) as reply:
        return [choice["message"]["content"] for choice in json.load(reply)["choices"]]

def run(job):
{body}

print(json.dumps({{"ready": "fake 1"}}), flush=True)
for line in sys.stdin:
    try:
        result = run(json.loads(line))
    except Exception as error:
        result = {{"error": type(error).__name__, "message": str(error)}}
    print(json.dumps(result), flush=True)
"""


@contextmanager
def library(tmp_path, monkeypatch, body):
    """A peer library whose only method does what ``body`` says."""
    main = tmp_path / "fake.py"
    main.write_text(FAKE.format(body="\n".join(f"    {line}" for line in body.strip().split("\n"))))
    monkeypatch.setenv(processes.INTERPRETER, sys.executable)
    monkeypatch.setattr(processes, "_MAIN", main)
    pool = processes.Processes(2)
    monkeypatch.setattr(methods, "processes", pool)
    try:
        yield
    finally:
        pool.close()


def answer(model, recipe, tokens=2000, seed=0, **options):
    method = methods.PeerMethod(recipe, **options)
    return asyncio.run(method.answer(CASE, model, Budget(tokens=tokens), np.random.default_rng(seed)))
