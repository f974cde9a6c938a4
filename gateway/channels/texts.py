"""What a notice says: a subject of one line, a text and a page of HTML for mail, and one or two segments for SMS."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from html import escape
from zoneinfo import ZoneInfo

from gateway.channels.evidence import worded
from gateway.channels.notice import Notice
from gateway.channels.wording import FAULTS, KINDS, LABELS, PHRASES, Language, Languages, level, spoken, word

LONGEST_SUBJECT = 150
LONGEST_LINE = 500
MOST_LINES = 20  # of evidence, or of a flood
_UNSEEN = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]+")


@dataclass(frozen=True, slots=True)
class Voice:
    """How a channel wants to be spoken to, and where its readers find more."""

    languages: Languages
    zone: tzinfo
    site: str  # the address of this system, without a slash at its end

    def link(self, notice: Notice) -> str:
        """To the alert, or to all of them."""
        return f"{self.site}/api/v1/alerts" + (f"/{notice.alert_id}" if notice.alert_id else "")

    def time(self, moment: datetime) -> str:
        """As a clock on the wall shows it, with its zone."""
        return f"{moment.astimezone(self.zone):%Y-%m-%d %H:%M %Z}"


def zone(name: str) -> tzinfo:
    """By its IANA name; UTC is there also where a system has no table of zones."""
    return UTC if name == "UTC" else ZoneInfo(name)


def clock_of(name: str) -> tzinfo:
    """The same, and UTC where this system knows no such zone any more: better told by another clock than not at all."""
    try:
        return zone(name)
    except (KeyError, OSError, ValueError):
        return UTC


def line(text: str, limit: int = LONGEST_LINE) -> str:
    """One line without anything that could begin another or turn letters around."""
    plain = _UNSEEN.sub(" ", text).strip()
    return plain if len(plain) <= limit else plain[: limit - 1] + "…"


def subject(notice: Notice, voice: Voice) -> str:
    """One line: level, what, where; both languages where both are wanted."""
    said = (_headline(notice, language) for language in spoken(voice.languages))
    return line(" / ".join(said), LONGEST_SUBJECT)


def rows(notice: Notice, voice: Voice, language: Language) -> Iterator[tuple[str, list[str]]]:
    """The parts of a message in order, each with its label and its lines."""

    def part(label: str, *said: str) -> tuple[str, list[str]]:
        return word(LABELS, label, language), [line(one) for one in said]

    yield part("unit", _unit(notice) or word(PHRASES, "all", language))
    yield part("place", notice.place or word(PHRASES, "none", language))
    yield part("fault", _fault(notice, language))
    yield part("level", level(notice.level, language))
    if notice.kind == "silence" and "since" in notice.details:
        yield part("since", _since(str(notice.details["since"]), voice))
    if notice.kind == "flood":
        yield part("count", str(notice.details.get("count", "")), *_lines(notice))
    yield part("predicted", _predicted(notice, voice, language))
    if "probability" in notice.details:
        yield part("probability", f"{100 * float(notice.details['probability']):.0f} %")
    evidence = [worded(one, language) for one in notice.evidence[:MOST_LINES]]
    yield part("evidence", *(evidence or [word(PHRASES, "no-evidence", language)]))
    yield part("action", _action(notice, language))
    yield part("at", voice.time(notice.at))
    if notice.step:
        yield part("step", str(notice.step))
    yield part("note", word(PHRASES, "simulated" if notice.details.get("simulated", True) else "measured", language))
    yield part("link", voice.link(notice))


def plain(notice: Notice, voice: Voice, *, again: bool = False) -> str:
    """For mail and webhooks: all that is known, one part after the other, one language after the other."""
    return "\n\n".join(_plain(notice, voice, language, again=again) for language in spoken(voice.languages)) + "\n"


def page(notice: Notice, voice: Voice, *, again: bool = False) -> str:
    """The same as HTML, with everything that came from elsewhere escaped, and nothing that is fetched."""
    parts = "".join(_section(notice, voice, language, again=again) for language in spoken(voice.languages))
    return f'<!doctype html><html><head><meta charset="utf-8"></head><body>{parts}</body></html>'


def _plain(notice: Notice, voice: Voice, language: Language, *, again: bool) -> str:
    said = [line(_headline(notice, language)), ""]
    if again:
        said += [word(PHRASES, "again", language), ""]
    for label, lines in rows(notice, voice, language):
        if len(lines) == 1:
            said.append(f"{label}: {lines[0]}")
        else:
            said += [f"{label}:", *(f"  - {one}" for one in lines)]
    return "\n".join(said)


def _section(notice: Notice, voice: Voice, language: Language, *, again: bool) -> str:
    link = escape(voice.link(notice))
    cells = []
    for label, lines in rows(notice, voice, language):
        shown = "<br>".join(escape(one) for one in lines)
        if shown == link:
            shown = f'<a href="{link}">{link}</a>'
        cells.append(f'<tr><th align="left" valign="top">{escape(label)}</th><td>{shown}</td></tr>')
    marked = f"<p><b>{escape(word(PHRASES, 'again', language))}</b></p>" if again else ""
    headline = escape(line(_headline(notice, language)))
    return f'<div lang="{language}"><h2>{headline}</h2>{marked}<table cellpadding="4">{"".join(cells)}</table></div>'


def _headline(notice: Notice, language: Language) -> str:
    told = [f"[{level(notice.level, language)}]", word(KINDS, notice.kind, language) + ":"]
    if notice.kind == "flood":
        told.append(str(notice.details.get("count", "")))
    elif notice.kind != "test":
        told.append(_fault(notice, language))
    if _unit(notice):
        told += ["–", notice.unit_name or notice.unit_id]
    return " ".join(filter(None, [*told, f"({notice.place})" if notice.place else ""]))


def _unit(notice: Notice) -> str:
    """By name and id, whichever there are."""
    named = notice.unit_id and notice.unit_id != notice.unit_name
    return " ".join(filter(None, (notice.unit_name, f"[{notice.unit_id}]" if named else "")))


def _since(said: str, voice: Voice) -> str:
    try:
        return voice.time(datetime.fromisoformat(said))
    except ValueError:
        return said


def _fault(notice: Notice, language: Language) -> str:
    if notice.fault is None:
        return word(PHRASES, "none", language)
    name = word(FAULTS, notice.fault, language)
    return name if name == notice.fault else f"{name} ({notice.fault})"


def _predicted(notice: Notice, voice: Voice, language: Language) -> str:
    if notice.predicted_time is not None:
        return voice.time(notice.predicted_time)
    predicted = notice.fault and notice.kind not in ("silence", "cleared")
    return word(PHRASES, "beyond" if predicted else "none", language)


def _action(notice: Notice, language: Language) -> str:
    fixed = {"cleared", "silence", "flood", "test"}
    if said := notice.action.get(language):
        return said
    return word(PHRASES, notice.kind if notice.kind in fixed else "look", language)


def _lines(notice: Notice) -> list[str]:
    told = notice.details.get("lines", [])
    return [str(one) for one in told][:MOST_LINES] if isinstance(told, list) else []
