"""Whether a refusal says what to do next: after what is wrong comes a sentence that begins with a verb of ours."""

import re

import httpx

TYPE = "application/problem+json"
VERBS = re.compile(
    "Add|Allow|Ask|Break|Change|Check|Choose|Correct|Delete|Export|Give|Import|Install|Keep|Leave|Log|Look|Make|"
    "Name|Open|Put|Remove|Revoke|Save|Send|Set|Sort|Split|Start|Submit|Take|Tell|Try|Upload|Use|Wait|Write"
)


def has_remedy(detail: str) -> bool:
    """It says at least what is wrong, and then what to do."""
    sentences = re.split(r"(?<=[.!?])\s+", detail)
    return any(VERBS.fullmatch(sentence.partition(" ")[0]) for sentence in sentences[1:])


def judge(answer: httpx.Response) -> None:
    """Of a test's client: fails the test on a refusal that leaves the caller alone with it."""
    if 400 <= answer.status_code < 500 and answer.headers.get("content-type") == TYPE:
        answer.read()
        problem = answer.json()
        if problem["type"].endswith(":refused-by-model"):  # the model's own words
            return
        assert has_remedy(problem["detail"]), f"{problem['type']} does not say what to do next: {problem['detail']}"
