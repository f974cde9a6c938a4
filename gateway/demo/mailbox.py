"""A mail server for one demonstration: takes every message and shows it."""

from __future__ import annotations

import queue
from collections.abc import Iterator
from contextlib import contextmanager
from email.message import EmailMessage
from email.parser import BytesParser
from email.policy import default

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

HOST = "127.0.0.1"


class Mailbox:
    """What has arrived, in order."""

    def __init__(self) -> None:
        self.messages: queue.Queue[EmailMessage] = queue.Queue()

    async def handle_DATA(self, _: SMTP, __: Session, envelope: Envelope) -> str:  # noqa: N802 - the library's name
        """Called for each message."""
        content = envelope.content
        assert isinstance(content, bytes)  # noqa: S101 - as the server is set up
        self.messages.put(BytesParser(EmailMessage, policy=default).parsebytes(content))
        return "250 taken"

    def arrived(self) -> list[EmailMessage]:
        """Those since it was asked last."""
        return [self.messages.get_nowait() for _ in range(self.messages.qsize())]


@contextmanager
def opened(port: int) -> Iterator[Mailbox]:
    """A mailbox behind an SMTP server on loopback."""
    mailbox = Mailbox()
    server = Controller(mailbox, hostname=HOST, port=port)
    server.start()
    try:
        yield mailbox
    finally:
        server.stop()
