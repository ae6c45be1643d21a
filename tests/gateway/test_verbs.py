"""`weaver ask` and `weaver chat`, as they are typed."""

from .conftest import TEMPLATE, Gateway, exchange


def test_a_question_is_answered_in_the_terminal(gateway: Gateway) -> None:
    done = gateway.weaver("ask", TEMPLATE, "What does P0420 mean?")
    assert done.returncode == 0 and f"{TEMPLATE}-v3@" in done.stdout
    assert done.stderr == ""


def test_a_script_gets_one_object(gateway: Gateway) -> None:
    told = gateway.json("ask", f"{TEMPLATE}-v3", r"Which engine?\nEngine: 2.0 L")
    assert told["question"] == "Which engine?\nEngine: 2.0 L" and told["version"] == 3 and told["answer"]
    assert told["route"].startswith("service_advisor-v3@") and 0 < told["seconds"] < 60
    assert "2.0 L" in exchange(told["id"])["messages"]


def test_a_conversation_remembers_what_was_said(gateway: Gateway) -> None:
    done = gateway.weaver("chat", TEMPLATE, typed="Hello.\nAnd now?\n\n")
    assert done.returncode == 0, done.stderr
    from pipelines import request_log

    said = [row["messages"] for row in request_log.exchanges().to_pylist() if "And now?" in row["messages"]]
    assert len(said) == 1 and "Hello." in said[0] and "assistant" in said[0]


def test_what_goes_wrong_is_told_with_a_remedy(gateway: Gateway) -> None:
    unknown = gateway.weaver("ask", "nobody", "Hello.")
    assert unknown.returncode == 1 and "no such model" in unknown.stderr and "weaver run" in unknown.stderr
    gateway.environment, before = gateway.environment | {"WEAVER_GATEWAY_PORT": "9"}, gateway.environment
    away = gateway.weaver("ask", TEMPLATE, "Hello.")
    gateway.environment = before
    assert away.returncode == 1 and "no gateway answers" in away.stderr and "weaver up" in away.stderr
