"""Where each kind of channel leads: its fields, checked when it is saved. A field that is a secret only names it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from gateway.channels import references

Kind = Literal["email", "sms", "webhook", "light_mqtt", "light_modbus"]
# Providers of SMS among all that apprise knows: the others are no SMS, or reach into this machine.
PROVIDERS = frozenset(
    (
        "atalk", "bulksms", "bulkvs", "burstsms", "clickatell", "clicksend", "d7sms", "freemobile", "httpsms",
        "infobip", "kavenegar", "kudosity", "msg91", "msgbird", "nexmo", "octopush", "plivo", "seven", "sinch",
        "smseagle", "smseagles", "smsmgr", "sns", "telesign", "telnyx", "twilio", "voipms", "vonage", "46elks",
    )
)  # fmt: skip


def _one_line(text: str) -> str:
    if re.search(r"[\x00-\x1f\x7f]", text):
        raise ValueError("it is one line without control characters; remove them")
    return text


def _web(url: str) -> str:
    parts = urlsplit(references.REFERENCE.sub("x", url))
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("write an address such as https://example.org/alerts")
    if parts.username or parts.password:
        raise ValueError(f"leave name and password out of the address, and use a field for it, as {references.EXAMPLE}")
    return url


def _provider(url: str) -> str:
    if not references.named(url):
        raise ValueError(
            "the address of a provider has a token in it, which is not kept here: "
            f"put it, or the whole address, into the environment and write {references.EXAMPLE}"
        )
    return url


Text = Annotated[str, Field(min_length=1, max_length=255), AfterValidator(_one_line)]
Secret = Annotated[
    str, Field(max_length=128, pattern=references.ONE, description=f"Names the secret: {references.EXAMPLE}")
]
Host = Annotated[str, Field(min_length=1, max_length=253, pattern=r"^[A-Za-z0-9._:\[\]-]+$")]
Port = Annotated[int, Field(ge=1, le=65_535)]
Mail = Annotated[str, Field(max_length=254, pattern=r"^[^@\s\x00-\x1f<>,;\"]+@[^@\s\x00-\x1f<>,;\"]+$")]
Number = Annotated[str, Field(pattern=r"^\+?[0-9]{4,15}$")]
Web = Annotated[str, Field(max_length=2000), AfterValidator(_one_line), AfterValidator(_web)]
Provider = Annotated[str, Field(max_length=2000), AfterValidator(_one_line), AfterValidator(_provider)]
Register = Annotated[int, Field(ge=0, le=65_535)]


class Target(BaseModel):
    """What all have in common."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class EmailTarget(Target):
    """A mail server, who sends, and to whom."""

    host: Host
    port: Port = 587
    security: Literal["starttls", "tls", "none"] = "starttls"
    username: Text | None = None
    password: Secret | None = None
    sender: Mail
    recipients: Annotated[list[Mail], Field(min_length=1, max_length=20)]

    @model_validator(mode="after")
    def _no_password_in_the_open(self) -> Self:
        if self.password and self.security == "none":
            raise ValueError("a password would go in the open; set security to starttls or tls")
        return self


class SmsTarget(Target):
    """A provider as apprise writes it, with the numbers in it; or the address of a gateway of one's own with numbers.

    Such a gateway gets a POST of ``{"id", "to", "text"}`` for each number, with the token as a bearer's.
    """

    provider: Provider | None = None
    url: Web | None = None
    token: Secret | None = None
    recipients: Annotated[list[Number], Field(max_length=10)] = []

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if (self.provider is None) == (self.url is None):
            raise ValueError("give either provider or url, and not both")
        if self.url is not None and not self.recipients:
            raise ValueError("recipients are missing; give a number such as +493012345")
        if self.provider is not None and (self.recipients or self.token):
            raise ValueError("a provider's address has numbers and token in it; leave recipients and token out")
        return self


class WebhookTarget(Target):
    """Who gets a CloudEvent, signed with the secret that both know."""

    url: Web
    secret: Secret | None = None


class MqttTarget(Target):
    """A broker, and the topic of which the light keeps the last message."""

    host: Host
    port: Port = 1883
    tls: bool = False
    username: Text | None = None
    password: Secret | None = None
    topic: Annotated[str, Field(min_length=1, max_length=255, pattern=r"^[^#+\x00-\x1f]+$")]
    message: Literal["json", "word"] = "json"  # or off, on, flashing and nothing else
    flashing_from: Annotated[int, Field(ge=1, le=5)] = 3  # the level; 5: never


class ModbusTarget(Target):
    """A coil, or a holding register with a value for each state; a second coil may make the light flash."""

    host: Host
    port: Port = 502
    device: Annotated[int, Field(ge=0, le=255)] = 1
    write: Literal["coil", "register"] = "coil"
    address: Register
    flashing_address: Register | None = None  # of the coil that is on while the light flashes
    off: Register = 0
    on: Register = 1
    flashing: Register = 2
    flashing_from: Annotated[int, Field(ge=1, le=5)] = 3

    @model_validator(mode="after")
    def _a_second_coil_is_for_coils(self) -> Self:
        if self.write == "register" and self.flashing_address is not None:
            raise ValueError("a register tells flashing by its value; leave flashing_address out")
        return self


KINDS: Mapping[Kind, type[Target]] = {
    "email": EmailTarget,
    "sms": SmsTarget,
    "webhook": WebhookTarget,
    "light_mqtt": MqttTarget,
    "light_modbus": ModbusTarget,
}
LIGHTS = ("light_mqtt", "light_modbus")


def provider(url: str) -> str:
    """Whose address this is, with its secrets filled in. Raises ``ValueError`` where it is no provider of SMS."""
    scheme = url.partition("://")[0].lower()
    if scheme not in PROVIDERS:
        known = ", ".join(sorted(PROVIDERS))
        raise ValueError(f"The address begins with no provider of SMS that is known here. Use one of {known}.")
    return scheme


def read(kind: str, target: Mapping[str, Any]) -> Target:
    """A target of this kind. Raises pydantic's ``ValidationError``."""
    return next(made for name, made in KINDS.items() if name == kind).model_validate(target)
