"""Where readings stream in from: brokers of Kafka's protocol and of MQTT, and what is called what there."""

from __future__ import annotations

import ssl
from typing import Annotated, Any
from urllib.parse import unquote, urlsplit

from pydantic import AfterValidator, Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

PORTS = {"kafka": 9092, "kafkas": 9093, "mqtt": 1883, "mqtts": 8883}


def _url(*schemes: str) -> Any:  # noqa: ANN401 - a validator
    def check(url: SecretStr) -> SecretStr:
        found = urlsplit(url.get_secret_value())
        if found.scheme not in schemes or not found.netloc.rpartition("@")[2]:
            raise ValueError(
                f"write {schemes[0]}://host:port or {schemes[0]}://name:password@host:port; with TLS {schemes[1]}://"
            )
        return url

    return AfterValidator(check)


class Streams(BaseSettings):
    """The knobs of ``python -m gateway.stream``; the names in the environment have the prefix FOREWATT_."""

    model_config = SettingsConfigDict(
        env_prefix="FOREWATT_", env_ignore_empty=True, frozen=True, hide_input_in_errors=True
    )

    kafka_url: Annotated[SecretStr, _url("kafka", "kafkas")] | None = None
    kafka_topic: str = Field(default="forewatt.telemetry", pattern=r"^[\w.-]{1,200}$")
    kafka_group: str = Field(default="forewatt", min_length=1, max_length=200)
    kafka_partitions: int = Field(default=6, ge=1, le=1000)
    kafka_retention_hours: int = Field(default=168, ge=1)
    mqtt_url: Annotated[SecretStr, _url("mqtt", "mqtts")] | None = None
    mqtt_topic: str = Field(default="forewatt/telemetry/#", min_length=1, max_length=200)
    mqtt_client: str = Field(default="forewatt", min_length=1, max_length=64)

    @property
    def kafka(self) -> str:
        """The URL with its password; empty where there is no such broker."""
        return self.kafka_url.get_secret_value() if self.kafka_url else ""

    @property
    def mqtt(self) -> str:
        """The same of the other broker."""
        return self.mqtt_url.get_secret_value() if self.mqtt_url else ""

    @property
    def dead_letters(self) -> str:
        """The topic of what could not be taken."""
        return f"{self.kafka_topic}.dead-letters"


def kafka_options(url: str) -> dict[str, Any]:
    """What aiokafka wants to know of a URL; several hosts stand with commas between them."""
    found = urlsplit(url)
    who, _, hosts = found.netloc.rpartition("@")
    name, _, password = who.partition(":")
    secure = found.scheme == "kafkas"
    servers = [host if ":" in host else f"{host}:{PORTS[found.scheme]}" for host in hosts.split(",")]
    protocol = ("SASL_" if who else "") + ("SSL" if secure else "PLAINTEXT")
    options: dict[str, Any] = {"bootstrap_servers": servers, "security_protocol": protocol}
    if secure:
        options["ssl_context"] = ssl.create_default_context()
    if who:
        options |= {
            "sasl_mechanism": "PLAIN",
            "sasl_plain_username": unquote(name),
            "sasl_plain_password": unquote(password),
        }
    return options
