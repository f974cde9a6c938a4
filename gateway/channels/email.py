"""By mail: plain text and HTML, threaded by the alert, under a Message-ID that is the same when it is sent again."""

from __future__ import annotations

import smtplib
import socket
from contextlib import suppress
from email.message import EmailMessage
from email.policy import SMTP as LINES
from email.utils import format_datetime
from smtplib import SMTPException
from typing import Any

from gateway.channels import addresses, texts
from gateway.channels.parcel import ANSWER_S, Parcel, SendError
from gateway.channels.targets import EmailTarget
from gateway.channels.trust import trusted

DOMAIN = "forewatt.invalid"  # of ids alone
URGENT = 3


def send(target: EmailTarget, parcel: Parcel) -> str:
    """What happened, in words. Raises ``SendError``."""
    message = composed(target, parcel)
    try:
        addresses.allowed(target.host, target.port, cloud=False)
        server = _greeted(target)
    except UnicodeEncodeError:
        detail = "Name and password of a mail account are sent in ASCII. Choose a password without other letters."
        raise SendError(detail, hopeless=True) from None
    except (SMTPException, OSError) as wrong:
        raise SendError(_said(target, wrong), hopeless=isinstance(wrong, smtplib.SMTPAuthenticationError)) from None
    try:
        refused = server.send_message(message)
        parcel.taken()
    except (smtplib.SMTPRecipientsRefused, smtplib.SMTPSenderRefused) as wrong:
        raise SendError(_said(target, wrong), hopeless=_for_good(wrong)) from None
    except smtplib.SMTPNotSupportedError as wrong:  # an address with letters that this server does not know
        raise SendError(_said(target, wrong), hopeless=True) from None
    except smtplib.SMTPResponseException as wrong:
        raise SendError(_said(target, wrong), hopeless=wrong.smtp_code >= 500) from None
    except (SMTPException, OSError) as wrong:
        raise SendError(_said(target, wrong), unsure=True) from None
    finally:
        _leave(server)
    taken = [name for name in target.recipients if name not in refused]
    left_out = f"; it refused {', '.join(refused)}" if refused else ""
    return f"{target.host} took the mail for {', '.join(taken)}{left_out}."


def _leave(server: smtplib.SMTP) -> None:
    """It has the mail or not; its goodbye changes nothing, and nobody waits for it."""
    with suppress(SMTPException, OSError):
        server.putcmd("QUIT")
    server.close()


def composed(target: EmailTarget, parcel: Parcel) -> EmailMessage:
    """The whole message; headers of two lines are refused by the library, and none is made of them here."""
    notice, message = parcel.notice, EmailMessage(policy=LINES)
    message["Subject"] = texts.subject(notice, parcel.voice)
    message["From"] = target.sender
    message["To"] = ", ".join(target.recipients)
    message["Date"] = format_datetime(notice.at)
    message["Message-ID"] = f"<{parcel.key}@{DOMAIN}>"
    if notice.alert_id:
        message["References"] = f"<alert-{notice.alert_id}@{DOMAIN}>"
    message["Auto-Submitted"] = "auto-generated"  # nobody's absence is answered (RFC 3834)
    message["X-Forewatt-Notice"] = str(notice.id)
    if notice.level >= URGENT:
        message["Importance"] = "high"
    if parcel.again:
        message["X-Forewatt-Again"] = "true"
    message.set_content(texts.plain(notice, parcel.voice, again=parcel.again))
    message.add_alternative(texts.page(notice, parcel.voice, again=parcel.again), subtype="html")
    return message


def _greeted(target: EmailTarget) -> smtplib.SMTP:
    """A connection that may send; closed where it may not."""
    # Without a name of our own the library would ask the network for one, and wait.
    how: dict[str, Any] = {"local_hostname": socket.gethostname(), "timeout": ANSWER_S}
    if target.security == "tls":
        server: smtplib.SMTP = smtplib.SMTP_SSL(target.host, target.port, context=trusted(), **how)
    else:
        server = smtplib.SMTP(target.host, target.port, **how)
    try:
        if target.security == "starttls":
            server.starttls(context=trusted())
        if target.username is not None:
            server.login(target.username, target.password or "")
    except BaseException:
        server.close()
        raise
    return server


def _for_good(wrong: smtplib.SMTPRecipientsRefused | smtplib.SMTPSenderRefused) -> bool:
    if isinstance(wrong, smtplib.SMTPSenderRefused):
        return wrong.smtp_code >= 500
    return all(code >= 500 for code, _ in wrong.recipients.values())


def _said(target: EmailTarget, wrong: SMTPException | OSError) -> str:
    match wrong:
        case smtplib.SMTPRecipientsRefused():
            why = "; ".join(f"{name}: {code} {text!r}" for name, (code, text) in wrong.recipients.items())
        case smtplib.SMTPResponseException():
            text = wrong.smtp_error
            why = f"{wrong.smtp_code} {text.decode(errors='replace') if isinstance(text, bytes) else text}"
        case _:
            why = str(wrong) or type(wrong).__name__
    return f"The mail server {target.host}:{target.port} did not take it: {texts.line(why)}."
