"""Every message tells what is wrong, how bad, until when, why, where and what to do, in both languages, safely."""

import email
import sys
from dataclasses import replace
from datetime import timedelta
from email.policy import default
from html.parser import HTMLParser
from itertools import product
from pathlib import Path
from typing import get_args
from uuid import UUID

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from notices import BOTH, EN, NOW, ZH, notice

from bentos.fault import balance
from bentos.fault.actions import ACTIONS
from bentos.fault.evidence import parts
from bentos.fault.laws import LAWS as LAWS_OF_UNITS
from bentos.fault.schema import FaultCode
from bentos.fault.symptoms import SYMPTOMS
from gateway.channels import notice as notices
from gateway.channels import segments, texts
from gateway.channels.email import composed
from gateway.channels.evidence import BALANCES, LAWS, RULES, worded
from gateway.channels.parcel import Parcel
from gateway.channels.targets import EmailTarget
from gateway.channels.wording import FAULTS, LEVELS, PHRASES

ALERT = UUID(int=5)
CODES = get_args(FaultCode)
TARGET = EmailTarget(host="mail.example", sender="forewatt@example.org", recipients=["a@example.org", "b@example.org"])
EVIL = "AHU\r\nBcc: evil@example.org\r\n\r\n<script>alert(1)</script>\u202e"


def of_fault(code, level):
    """As an answer about such a fault has it."""
    action = ACTIONS[code].model_dump()
    return notice(alert=ALERT, fault=code, level=level, action={"en": action["en"], "zh": action["zh"]})


def mailed(told, voice=BOTH, *, again=False):
    """The mail's two parts as they arrive."""
    sent = composed(TARGET, Parcel(told, voice, "key", again, 0, False)).as_bytes()
    return email.message_from_bytes(sent, policy=default)


class Words(HTMLParser):
    def __init__(self):
        super().__init__()
        self.said, self.tags = "", []

    def handle_data(self, text):
        self.said += text

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))


def read_html(page):
    reader = Words()
    reader.feed(page)
    return reader


@pytest.mark.parametrize(("code", "level"), [*product(CODES, range(1, 5))])
def test_every_mail_has_all_that_an_alert_must_tell_in_both_languages(code, level):
    told = of_fault(code, level)
    message = mailed(told)
    plain = message.get_body(("plain",)).get_content()
    page = read_html(message.get_body(("html",)).get_content()).said
    wanted = [code, told.unit_name, told.unit_id, told.place, "2026-07-03 00:30 UTC", told.evidence[0], "83 %"]
    wanted += [*told.action.values(), *FAULTS[code], f"{level} ({LEVELS[level][0]})", f"{level}（{LEVELS[level][1]}）"]
    wanted += [*PHRASES["simulated"], f"https://forewatt.example/api/v1/alerts/{ALERT}"]
    assert [word for word in wanted if word not in plain] == []
    assert [word for word in wanted if word not in page] == []
    assert all(word in message["Subject"] for word in (*FAULTS[code], str(level), told.unit_name))


def test_every_code_that_a_model_may_answer_has_a_name_in_both_languages():
    assert FAULTS.keys() == set(CODES) == ACTIONS.keys()
    assert all(english and chinese for english, chinese in FAULTS.values())


@pytest.mark.parametrize("kind", ["raised", "escalated", "reminder", "cleared", "flood", "silence", "test"])
@pytest.mark.parametrize("fault", [None, "F-COMMS", "F-NEW"])
def test_every_kind_of_notice_can_be_said_also_where_little_is_known(kind, fault):
    bare = {"place": "", "predicted_time": None, "evidence": [], "action": {}, "details": {"count": 7}}
    told = notice(kind, fault=fault, **bare)
    for voice in (EN, ZH, BOTH):
        assert texts.subject(told, voice)
        assert texts.page(told, voice)
        plain = texts.plain(told, voice)
        assert all(line.rstrip().endswith((":", "：")) is False for line in plain.splitlines() if line.strip())
        assert 1 <= segments.counted(segments.short(told, voice)) <= segments.MOST


def test_a_flood_lists_its_alerts_and_a_silence_says_since_when():
    lines = [f"AHU {n}: F-FILTER" for n in range(30)]
    flood = texts.plain(notice("flood", fault=None, details={"count": 1000, "lines": lines}), EN)
    assert "1000" in flood
    assert "  - AHU 19: F-FILTER" in flood
    assert "AHU 20" not in flood
    silent = notice("silence", fault="F-COMMS", predicted_time=None, details={"since": "2026-07-01T07:00:00+00:00"})
    assert "Silent since: 2026-07-01 07:00 UTC" in texts.plain(silent, EN)
    assert "two weeks" not in texts.plain(silent, EN)


def test_what_concerns_all_units_says_so():
    flood = notice("flood", fault=None, unit_id="", unit_name="", place="", details={"count": 1000})
    assert texts.subject(flood, EN) == "[3 (urgent)] Many alerts at once: 1000"
    assert "the whole installation" in texts.plain(flood, EN)
    assert segments.short(flood, EN).startswith("L3 urgent Many alerts at once 1000")


def test_a_channels_clock_shows_the_time_of_its_readers():
    berlin = replace(EN, zone=texts.zone("Europe/Berlin"))
    assert "2026-07-03 02:30 CEST" in texts.plain(notice(), berlin)


def test_one_language_alone_has_no_word_of_the_other():
    english = texts.plain(notice(unit_name="AHU", place="Roof"), EN)
    assert english.isascii() or not any("\u4e00" <= letter <= "\u9fff" for letter in english)
    assert "Fault type" not in texts.plain(notice(), ZH)


def test_no_name_can_add_a_header_or_a_recipient():
    told = notice(alert=ALERT, unit_name=EVIL, place=EVIL, evidence=[EVIL], action={"en": EVIL, "zh": EVIL})
    message = mailed(told)
    assert message["Bcc"] is None
    assert message["To"] == "a@example.org, b@example.org"
    assert "\n" not in message["Subject"]
    assert "\u202e" not in message["Subject"]
    assert not any(line.startswith("Bcc:") for line in message.get_body(("plain",)).get_content().splitlines())


def test_what_comes_from_elsewhere_is_escaped_in_html_and_nothing_is_fetched_by_it():
    evil = '"><img src=x onerror=alert(1)><a href="javascript:alert(1)">x</a>&amp;'
    page = texts.page(notice(unit_name=evil, place=evil, evidence=[evil], fault=evil, action={"en": evil}), BOTH)
    reader = read_html(page)
    assert reader.said.count(evil) >= 8
    links = [attrs["href"] for tag, attrs in reader.tags if tag == "a"]
    assert links == ["https://forewatt.example/api/v1/alerts"] * 2
    assert not {tag for tag, _ in reader.tags} & {"img", "script", "link", "style", "iframe"}


def test_what_is_sent_again_says_so_everywhere_under_the_same_id():
    first, second = mailed(notice()), mailed(notice(), again=True)
    assert first["Message-ID"] == second["Message-ID"] == "<key@forewatt.invalid>"
    assert (first["X-Forewatt-Again"], second["X-Forewatt-Again"]) == (None, "true")
    for part in ("plain", "html"):
        said = second.get_body((part,)).get_content()
        assert all(phrase in said for phrase in PHRASES["again"])
    for voice, mark in ((EN, "(again?)"), (ZH, "（可能重复）"), (BOTH, "(again?)")):
        assert segments.short(notice(), voice, again=True).startswith(mark)


def test_mails_of_one_alert_belong_together():
    one, other = (mailed(notice(kind, alert=ALERT))["References"] for kind in ("raised", "cleared"))
    assert one == other == f"<alert-{ALERT}@forewatt.invalid>"


@pytest.mark.parametrize("voice", [EN, ZH, BOTH], ids=["en", "zh", "both"])
@pytest.mark.parametrize("code", CODES)
def test_an_sms_has_what_matters_most_in_at_most_two_segments(code, voice):
    said = segments.short(of_fault(code, 4), voice)
    assert segments.counted(said) <= 2
    assert all(word in said for word in ("L4", code, "AHU 7"))
    assert "2026-07-03" in said


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("x" * 160, 1),
        ("x" * 161, 2),
        ("x" * 307, 3),
        ("€" * 80, 1),
        ("€" * 81, 2),
        ("堵" * 70, 1),
        ("堵" * 71, 2),
        ("堵" * 135, 3),
        ("⚡" * 70, 1),
        ("🔥" * 35, 1),
        ("🔥" * 36, 2),
    ],
)
def test_segments_are_counted_as_they_are_paid(text, count):
    assert segments.counted(text) == count


def test_an_endless_name_costs_no_third_segment():
    endless = notice(unit_name="机" * 400, place="楼" * 400, action={"en": "x" * 900, "zh": "换" * 900})
    for voice in (EN, ZH, BOTH):
        assert segments.counted(segments.short(endless, voice)) <= 2


def test_a_notice_comes_back_from_json_as_it_was_and_its_id_comes_from_what_it_says():
    told = notice(alert=ALERT)
    assert notices.read(notices.written(told)) == told
    assert notices.id_of(ALERT, "raised", NOW) == notices.id_of(ALERT, "raised", NOW)
    assert notices.id_of(ALERT, "raised", NOW) != notices.id_of(ALERT, "raised", NOW + timedelta(microseconds=1))


@pytest.mark.parametrize("symptom", SYMPTOMS, ids=lambda symptom: symptom.code)
def test_a_rule_that_holds_is_told_in_the_readers_language(symptom):
    said = f"{symptom.code}: {symptom.text}"
    assert worded(said, "en") == said
    assert worded(said, "zh") == f"{symptom.code}：{RULES[symptom.code]}"


def test_a_law_is_told_in_words_and_not_by_its_code_alone():
    for part in parts([f"residual_{law}" for law in LAWS_OF_UNITS] + ["supply_air_flow"]):
        english, chinese = (worded(f"{part.code}: {part.text}", language) for language in ("en", "zh"))
        assert "law '" not in english
        assert (english, chinese) == (f"{part.code}: {LAWS[part.code][0]}", f"{part.code}：{LAWS[part.code][1]}")


def test_every_cause_of_a_broken_balance_has_its_chinese():
    medians = (dict(zip(balance.STATES, signs, strict=True)) for signs in product((-9.0, 0.0, 9.0), repeat=6))
    causes = {balance._explained(*given)[1] for given in product([{}, *medians], (True, False))}
    assert causes == set(BALANCES)
    for cause in causes:
        said = worded(f"coil_idle: -2.5 expected deviations in the median: {cause}", "zh")
        assert said == f"coil_idle：中位数偏差为预期偏差的 -2.5 倍：{BALANCES[cause]}"


def test_what_is_in_no_table_is_told_as_it_was_said():
    for said in ("no code at all", "FLT-1: 212 Pa at 60 % fan speed", "coil_idle: +3 of something"):
        assert worded(said, "zh") == worded(said, "en") == said
