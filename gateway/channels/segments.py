"""An SMS in one or two segments: what fits, the most important first, in GSM's letters or in Unicode's."""

from __future__ import annotations

from collections.abc import Sequence

from gateway.channels.notice import Notice
from gateway.channels.texts import Voice, line
from gateway.channels.wording import FAULTS, KINDS, LEVELS, Language, spoken, word

MOST = 2  # segments, whatever is to be said: each is paid for
AGAIN = {"en": "(again?)", "zh": "（可能重复）"}  # the mark of one that may have arrived before
SIMULATED = {"en": "(simulated training)", "zh": "（仿真训练）"}
# 3GPP TS 23.038: letters of one septet, and those of two.
_ONE = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿"
    "abcdefghijklmnopqrstuvwxyzäöñüà"
)
_TWO = frozenset("\f^{}\\[~]|€")
_GSM, _UNICODE = (160, 153), (70, 67)  # alone, and of one that is a part


def counted(text: str) -> int:
    """How many segments a text takes."""
    if set(text) <= _ONE | _TWO:
        length, (alone, each) = sum(1 + (letter in _TWO) for letter in text), _GSM
    else:
        length, (alone, each) = len(text.encode("utf-16-be")) // 2, _UNICODE
    return 1 if length <= alone else -(-length // each)


def short(notice: Notice, voice: Voice, *, again: bool = False) -> str:
    """As much as fits, in the order of its importance; what does not fit is left out whole."""
    languages = spoken(voice.languages)
    pieces = [_pieces(notice, voice, language, again=again) for language in languages]
    said = [parts[0] for parts in pieces]
    for rank in range(1, max(map(len, pieces))):
        for which, parts in enumerate(pieces):
            if rank < len(parts) and counted(_joined(longer := _with(said, which, parts[rank]))) <= MOST:
                said = longer
    return _cut(_joined(said))


def _pieces(notice: Notice, voice: Voice, language: Language, *, again: bool) -> list[str]:
    """What is told, the most important first."""
    what = KINDS[notice.kind][language == "zh"]
    if notice.fault:
        what += f" {notice.fault} {word(FAULTS, notice.fault, language)}"
    if notice.kind == "flood":
        what += f" {notice.details.get('count', '')}"
    first = (
        f"L{notice.level} {LEVELS[notice.level][language == 'zh']} {what}: {line(notice.unit_name, 30)}".removesuffix(
            ": "
        )
    )
    if again:
        first = f"{AGAIN[language]} {first}"
    until = voice.time(notice.predicted_time) if notice.predicted_time else ""
    later = [
        until and f"-> {until}",
        line(notice.place, 40),
        line(notice.action.get(language, ""), 120),
        SIMULATED[language] if notice.details.get("simulated", True) and notice.fault else "",
        voice.link(notice),
    ]
    return [first, *filter(None, later)]


def _with(said: Sequence[str], which: int, piece: str) -> list[str]:
    return [f"{text} {piece}" if index == which else text for index, text in enumerate(said)]


def _joined(said: Sequence[str]) -> str:
    return " / ".join(line(text) for text in said)


def _cut(text: str) -> str:
    while counted(text) > MOST:
        text = text[:-1]
    return text
