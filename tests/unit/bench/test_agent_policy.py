"""The scripted agent makes the calls that answers propose, and no others; what it names stands in the answers."""

import asyncio

import pytest

from bench.agents import policy, reading
from bench.agents.conversation import Answer, Offered

INSTRUCTIONS = "1. Find: start with find_things; then look."
TOOLS = {"find_things": {"properties": {"namespace": {}, "cluster": {}, "since": {}}}}
HEAD = "find_things: answered. 1 problem.\nwindow a to b | data through logs c (fresh) | query q-1\n"
COLUMNS = "rank\tproblem\tobject\tevidence\tnext"


class Scripted:
    """A window that gives answers by the words of a call; what it does not know was not proposed."""

    def __init__(self, answers, instructions=INSTRUCTIONS):
        self.answers = answers
        self.offered = Offered(instructions, TOOLS, 0)
        self.calls = []

    async def call(self, tool, arguments):
        words = " ".join([tool, *(f"{name}={value}" for name, value in arguments.items())])
        self.calls.append(words)
        return Answer(tool, self.answers[words], {}, False)


def rows(*lines, title="problems, worst first", columns=COLUMNS, after=""):
    table = f"# {title}: {len(lines)} of {len(lines)}\n{columns}\n" + "\n".join(lines)
    return f"{HEAD}<data-1> (data)\n{table}\n</data-1>{after}"


def investigated(window, page="web fails in namespace shop on cluster east"):
    return asyncio.run(policy.investigate(window, page))


def test_the_page_gives_the_arguments_and_the_answers_give_the_calls():
    window = Scripted({
        "find_things namespace=shop cluster=east": rows("1\tcrash\tPod web\tit ended\tlook_at pod=web"),
        "look_at pod=web": rows("event\tBackOff", "log\tno such host", title="signs", columns="about\tmessage",
                                after="\nNext: read_it id=7"),
        "read_it id=7": rows("db\tSELECT 1", title="path", columns="service\tspan"),
    })  # fmt: skip

    (cause,) = investigated(window).causes

    assert window.calls == ["find_things namespace=shop cluster=east", "look_at pod=web", "read_it id=7"]
    assert (cause.kind, cause.object) == ("crash", "web")
    assert cause.reason == "it ended | no such host | db: SELECT 1"


def test_a_call_of_the_first_tool_means_to_look_wider():
    window = Scripted({
        "find_things namespace=shop cluster=east": rows("1\terrors\tService web\tby bank\tfind_things cluster=east"),
        "find_things cluster=east": rows("1\tcrash\tPod bank\tit ended\tlook_at pod=bank"),
        "look_at pod=bank": rows("log\tboom", title="signs", columns="about\tmessage"),
    })  # fmt: skip

    assert [(one.kind, one.object) for one in investigated(window).causes] == [("crash", "bank")]


def test_of_several_problems_each_is_named_up_to_a_bound():
    lines = [f"{n}\tcrash\tPod p{n}\tit ended\tlook_at pod=p{n}" for n in range(9)]
    window = Scripted({"find_things": rows(*lines)} | {f"look_at pod=p{n}": HEAD for n in range(9)})

    assert len(investigated(window, "something is wrong").causes) == policy.MOST_LEADS


def test_without_a_problem_it_says_what_was_set_aside_about_the_page():
    aside = rows("over\tPod web\tit was late", "over\tPod other\tx", title="aside", columns="why\tobject\tevidence")
    found = investigated(Scripted({"find_things namespace=shop cluster=east": aside}))

    assert found.causes == ()
    assert found.is_known is True
    assert found.remark == "Pod web: over; it was late"


@pytest.mark.parametrize(
    "answer",
    [
        HEAD.replace("(fresh)", "(stale, 9 min behind)"),
        HEAD.replace("(fresh)", "(unknown)"),
        "find_things: no data. ",
        "find_things: denied, denied: no",
        "find_things: failed, timeout: no",
        HEAD.replace("1 problem.", "No problem found, but not everything could be looked at."),
    ],
)
def test_what_is_no_answer_is_never_told_as_nothing_wrong(answer):
    assert investigated(Scripted({"find_things namespace=shop cluster=east": answer})).is_known is False


def test_without_instructions_it_knows_nothing():
    assert investigated(Scripted({}, instructions="Good luck.")).is_known is False


def test_a_page_of_the_real_window_is_read_with_what_is_the_same_in_all_rows():
    page = reading.read(
        "x: answered. 2.\nwindow\n<data-000001> (data)\n# rows: 2 of more than 9\n(in all rows: namespace=shop; "
        "all times on 2026-01-01 UTC)\na\tb\n1\t\n2\tz\n</data-000001>\nThere is more.\nNext: t a=1; or u b=2"
    )

    assert page.outcome == "answered"
    assert page.tables == (
        ("rows", ({"namespace": "shop", "a": "1", "b": ""}, {"namespace": "shop", "a": "2", "b": "z"})),
    )
    assert page.next == ("t a=1", "u b=2")
    assert reading.call_of("t a=1 b=x=y") == ("t", {"a": "1", "b": "x=y"})
