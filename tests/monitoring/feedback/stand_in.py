"""A stand-in for a paid judge and for a gateway with a champion: OpenAI's protocol, habits by name, no model."""

import threading
import time
from typing import Any

import uvicorn
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, RedirectResponse, Response

from ...ports import free_port

HABITS = {"always_first": "A", "always_tie": "tie", "garbage": "I like both of them a lot!"}
SAYS = ("It is 38 mpg on the highway.", "It is 99 mpg on the highway.", "It is 38 mpg, roughly.")  # by seed


class StandIn:
    """`model` is the habit: reader (prefers the answer with most letters, wherever it stands), one of HABITS, or one
    of the faults below; any other is a template, and answers what SAYS has for the seed."""

    def __init__(self) -> None:
        self.asked: list[dict[str, Any]] = []
        self.keys: set[str] = set()
        self.elsewhere = ""  # where `redirect` sends to
        self.fails_after: int | None = None
        self.serves = ["service_advisor", "service_advisor-v1"]
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}/v1"
        app = FastAPI()
        app.post("/v1/chat/completions")(self.complete)
        app.get("/v1/models")(self.models)
        self.server = uvicorn.Server(uvicorn.Config(app, "127.0.0.1", self.port, log_level="error"))
        threading.Thread(target=self.server.run, daemon=True).start()
        while not self.server.started:
            time.sleep(0.01)

    async def complete(self, request: Request) -> Response:
        body = await request.json()
        self.asked.append(body)
        self.keys.add(request.headers["authorization"])
        if self.fails_after is not None and len(self.asked) > self.fails_after:
            return JSONResponse({"error": {"message": "no such key"}}, 401)
        match body["model"]:
            case "broken":
                return JSONResponse({"error": {"message": "out of order"}}, 500)
            case "stranger":
                return Response("<html>Welcome!</html>", media_type="text/html")
            case "redirect":
                return RedirectResponse(self.elsewhere)
            case "reader":
                said = reader(body["messages"][-1]["content"])
            case habit if habit in HABITS:
                said = HABITS[habit]
            case _:
                said = SAYS[body.get("seed", 0) % len(SAYS)]
        message = {"role": "assistant", "content": said}
        choice = {"index": 0, "message": message, "finish_reason": "stop"}
        return JSONResponse(
            {"id": "chatcmpl-1", "object": "chat.completion", "created": 0, "model": body["model"], "choices": [choice]}
        )

    def models(self) -> dict[str, Any]:
        found = [{"id": name, "object": "model", "created": 0, "owned_by": "tests"} for name in self.serves]
        return {"object": "list", "data": found}

    def close(self) -> None:
        self.server.should_exit = True


def reader(asked: str) -> str:
    first, second = (
        asked.partition(f"[answer {name}]\n")[2].partition(f"\n[end of answer {name}]")[0] for name in ("A", "B")
    )
    if len(first) == len(second):
        return "tie"
    return "A" if len(first) > len(second) else "B"
