"""Those who are told, as real servers on free ports of loopback: mail, web, MQTT and Modbus."""

import asyncio
import json
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

import aiomqtt
import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from pymodbus.client import ModbusTcpClient
from pymodbus.server import ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice

from loadtests import brokers, databases
from loadtests.servers import answering, free_port


@dataclass
class MailSink:
    """What came, and what is answered to those who come."""

    port: int
    mails: list[EmailMessage] = field(default_factory=list)
    refuses: str = ""  # said to every recipient
    hangs_s: float = 0
    lingers_s: float = 0  # over a goodbye

    async def handle_QUIT(self, server, session, envelope):  # noqa: N802 - aiosmtpd's name
        await asyncio.sleep(self.lingers_s)
        return "221 Bye"

    async def handle_RCPT(self, server, session, envelope, address, options):  # noqa: N802 - aiosmtpd's name
        if self.refuses:
            return self.refuses
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):  # noqa: N802 - aiosmtpd's name
        self.mails.append(message_from_bytes(envelope.content, policy=default))
        await asyncio.sleep(self.hangs_s)
        return "250 taken"


def certificate(folder: Path) -> Path:
    """A key and a certificate for localhost, which nobody else knows."""
    key, now, name = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC), x509.NameAttribute
    who = x509.Name([name(NameOID.COMMON_NAME, "localhost")])
    made = (
        x509.CertificateBuilder(who, who, key.public_key(), 1, now - timedelta(days=1), now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    written = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()) + made.public_bytes(Encoding.PEM)
    path = folder / "localhost.pem"
    path.write_bytes(written)
    return path


def shown_by(known: Path | None) -> ssl.SSLContext | None:
    """A server's side of TLS."""
    if known is None:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(known)
    return context


@contextmanager
def mail(known: Path | None = None, password: str = "") -> Iterator[MailSink]:
    """With a certificate it wants TLS and the password."""
    sink = MailSink(free_port())

    def knows(server, session, envelope, mechanism, shown):
        return AuthResult(success=shown.password.decode() == password, handled=False)

    how = {"tls_context": shown_by(known), "require_starttls": True, "auth_required": True, "authenticator": knows}
    where = {"hostname": "127.0.0.1", "port": sink.port, "server_hostname": "sink", "ready_timeout": 30}
    controller = Controller(sink, **where, **(how if known else {}))
    controller.start()
    try:
        yield sink
    finally:
        controller.stop()


@dataclass
class WebSink:
    """Requests with their headers and bodies; answers come in this order, the last for ever."""

    url: str = ""
    seen: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)
    statuses: list[int] = field(default_factory=lambda: [200])
    hangs_s: float = 0
    location: str = ""

    @property
    def events(self) -> list[dict]:
        return [json.loads(body) for _, _, body in self.seen]


@contextmanager
def web(known: Path | None = None) -> Iterator[WebSink]:
    """With a certificate by TLS."""
    sink = WebSink()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["content-length"]))
            sink.seen.append((self.path, {name.lower(): value for name, value in self.headers.items()}, body))
            time.sleep(sink.hangs_s)
            self.send_response(sink.statuses.pop(0) if len(sink.statuses) > 1 else sink.statuses[0])
            if sink.location:
                self.send_header("Location", sink.location)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    sink.url = f"{'https' if known else 'http'}://127.0.0.1:{server.server_port}"
    if shown := shown_by(known):
        server.socket = shown.wrap_socket(server.socket, server_side=True)
    with answering(server):
        yield sink


@pytest.fixture
def new_web() -> Iterator[Callable[[], WebSink]]:
    """Makes servers that take webhooks."""
    with ExitStack() as stack:
        yield lambda: stack.enter_context(web())


@contextmanager
def mqtt() -> Iterator[int]:
    """A broker's port; the test is skipped where there is none."""
    try:
        with brokers.mosquitto() as url:
            yield urlsplit(url).port
    except databases.MissingError as missing:
        pytest.skip(str(missing))


def kept_by(port: int, topic: str) -> str:
    """The message that a broker keeps of a topic."""

    async def read() -> str:
        async with asyncio.timeout(5), aiomqtt.Client("127.0.0.1", port) as client:
            await client.subscribe(topic)
            async for message in client.messages:
                return message.payload.decode()
        raise AssertionError

    return asyncio.run(read())


@contextmanager
def modbus() -> Iterator[int]:
    """A device's port, with coils and holding registers 0 to 9."""
    port, loop = free_port(), asyncio.new_event_loop()
    bits = SimData(0, values=[False] * 16, datatype=DataType.BITS)
    words = SimData(0, values=[0] * 10, datatype=DataType.REGISTERS)

    async def listen() -> ModbusTcpServer:
        server = ModbusTcpServer(SimDevice(1, ([bits], [bits], [words], [words])), address=("127.0.0.1", port))
        await server.serve_forever(background=True)
        return server

    server = loop.run_until_complete(listen())
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        yield port
    finally:
        asyncio.run_coroutine_threadsafe(server.shutdown(), loop).result(5)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


def coils(port: int, count: int) -> list[bool]:
    with ModbusTcpClient("127.0.0.1", port=port) as client:
        return client.read_coils(0, count=count).bits[:count]


def register(port: int, address: int) -> int:
    with ModbusTcpClient("127.0.0.1", port=port) as client:
        return client.read_holding_registers(address).registers[0]
