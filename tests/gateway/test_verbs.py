"""`weaver ask` and `weaver chat`, as they are typed."""

from .conftest import TEMPLATE, Gateway, exchange


def test_a_question_is_answered_in_the_terminal(gateway: Gateway) -> None:
    done = gateway.weaver("ask", TEMPLATE, "What does P0420 mean?")
    assert done.returncode == 0 and f"{TEMPLATE}-v3@" in done.stdout
    assert done.stderr == ""


def test_json_output_is_one_object(gateway: Gateway) -> None:
    result = gateway.json("ask", f"{TEMPLATE}-v3", r"Which engine?\nEngine: 2.0 L")
    assert result["question"] == "Which engine?\nEngine: 2.0 L" and result["version"] == 3
    assert result["route"].startswith("dealership_operations-v3@") and 0 < result["seconds"] < 60
    logged = exchange(result["id"])
    assert "2.0 L" in logged["messages"] and logged["answer"] == result["answer"] != ""


def test_a_conversation_contains_its_earlier_messages(gateway: Gateway) -> None:
    done = gateway.weaver("chat", TEMPLATE, typed="Hello.\nAnd now?\n\n")
    assert done.returncode == 0, done.stderr
    from pipelines import request_log

    messages = [row["messages"] for row in request_log.read_exchanges().to_pylist() if "And now?" in row["messages"]]
    assert len(messages) == 1 and "Hello." in messages[0] and "assistant" in messages[0]


def test_errors_name_a_remedy(gateway: Gateway) -> None:
    unknown = gateway.weaver("ask", "nobody", "Hello.")
    assert unknown.returncode == 1 and "does not exist" in unknown.stderr and "weaver run" in unknown.stderr
    gateway.environment, before = gateway.environment | {"WEAVER_GATEWAY_PORT": "9"}, gateway.environment
    away = gateway.weaver("ask", TEMPLATE, "Hello.")
    gateway.environment = before
    assert away.returncode == 1 and "no gateway answers" in away.stderr and "weaver up" in away.stderr
