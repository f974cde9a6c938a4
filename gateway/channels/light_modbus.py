"""An alarm light on Modbus TCP: a coil or two, or a holding register with a value for each state."""

from __future__ import annotations

from collections.abc import Iterator

from pymodbus.client import ModbusTcpClient
from pymodbus.exceptions import ModbusException
from pymodbus.pdu import ModbusPDU

from gateway.channels import addresses, lamps
from gateway.channels.lamps import State
from gateway.channels.parcel import ANSWER_S, Parcel, SendError
from gateway.channels.targets import ModbusTarget


def send(target: ModbusTarget, parcel: Parcel) -> str:
    """What happened, in words. Raises ``SendError``."""
    state, where = lamps.state(parcel.lit, target.flashing_from), f"{target.host}:{target.port}"
    client = ModbusTcpClient(target.host, port=target.port, timeout=ANSWER_S, retries=0)
    try:
        addresses.allowed(target.host, target.port, cloud=False)
        if not client.connect():
            raise SendError(f"The light at {where} cannot be reached.")
        for answer in _written(client, target, state):
            if answer.isError():
                reason = f"The light at {where} refused it: {answer}. Compare device and address with its manual."
                raise SendError(reason, hopeless=True)
    except (ModbusException, OSError) as wrong:
        raise SendError(f"The light at {where} did not answer: {wrong}.") from None
    finally:
        client.close()
    return f"The light at {where}, {target.write} {target.address}, is {state}."


def _written(client: ModbusTcpClient, target: ModbusTarget, state: State) -> Iterator[ModbusPDU]:
    if target.write == "register":
        value = {"off": target.off, "on": target.on, "flashing": target.flashing}[state]
        yield client.write_register(target.address, value, device_id=target.device)
        return
    if target.flashing_address is not None:
        yield client.write_coil(target.flashing_address, state == "flashing", device_id=target.device)
    yield client.write_coil(target.address, state != "off", device_id=target.device)
