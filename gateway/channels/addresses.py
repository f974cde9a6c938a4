"""Where a channel may send: never to this machine's neighbours on the link, which is where clouds keep their keys.

On premises a webhook on loopback or in the building's own network is what is wanted; in a cloud it is an attack
(server-side request forgery), so the profile ``cloud`` refuses those too. What was looked at is what is connected to.
"""

from __future__ import annotations

import ipaddress
import socket

from gateway.channels.parcel import SendError

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

# Clouds' own services outside of the link-local range: Alibaba's and Azure's metadata, Amazon's by IPv6.
METADATA = frozenset(map(ipaddress.ip_address, ("100.100.100.200", "168.63.129.16", "fd00:ec2::254", "fd00:ec2::23")))

NAT64 = ipaddress.IPv6Network("64:ff9b::/96")  # RFC 6052: the last 32 bits are an IPv4 address


class RefusedError(SendError):
    """No channel may send there; the text says why, and what to do."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason, hopeless=True)


def allowed(host: str, port: int, *, cloud: bool) -> list[str]:
    """The addresses to connect to. Raises ``RefusedError``; ``OSError`` where the name is not known."""
    found = [str(record[4][0]) for record in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]
    for address in found:
        check(host, address, cloud=cloud)  # one bad address of a name is enough: it may be chosen next time
    return found


def check(host: str, written: str, *, cloud: bool) -> None:
    """Raises ``RefusedError`` where nobody may send to this address."""
    address = _plain(ipaddress.ip_address(written.partition("%")[0]))
    if address in METADATA or address.is_link_local or address.is_multicast or address.is_unspecified:
        raise RefusedError(f"{host} is {address}, where no channel may send. Name the host that is to be told.")
    if address.is_reserved and not address.is_loopback:
        raise RefusedError(f"{host} is {address}, which is reserved. Name the host that is to be told.")
    site = isinstance(address, ipaddress.IPv6Address) and address.is_site_local
    if cloud and (site or not address.is_global):
        raise RefusedError(
            f"{host} is {address}, inside of this network, where the profile cloud sends nothing. "
            "Use an address of the internet, or run the profile onprem."
        )


def _plain(address: Address) -> Address:
    """IPv4 that is dressed as IPv6 is judged as what it is."""
    if not isinstance(address, ipaddress.IPv6Address):
        return address
    if address in NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour or address
