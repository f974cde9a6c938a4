"""Where no channel may send, however the address is written."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
import sinks
from notices import parcel

from gateway.channels import addresses, sending


@pytest.fixture
def web():
    with sinks.web() as sink:
        yield sink


def posted(url, **more):
    return sending.send("webhook", {"url": url}, parcel(**more))


@pytest.mark.parametrize(
    "host", ["169.254.169.254", "[fe80::1]", "[::ffff:169.254.169.254]", "100.100.100.200", "[::]"]
)
def test_no_webhook_leads_to_where_clouds_keep_their_keys(host):
    outcome = posted(f"http://{host}/latest/meta-data")
    assert (outcome.sent, outcome.hopeless) == (False, True)
    assert "no channel may send" in outcome.said


@pytest.mark.parametrize(
    "inside", ["::1", "127.0.0.1", "10.1.2.3", "fd12::1", "fec0::1", "64:ff9b::a01:203", "100.64.0.1"]
)
def test_what_is_inside_a_building_may_be_told_on_premises_and_not_from_a_cloud(inside):
    addresses.check("x", inside, cloud=False)
    addresses.check("x", "93.184.215.14", cloud=True)
    with pytest.raises(addresses.RefusedError):
        addresses.check("x", inside, cloud=True)


def test_an_address_of_metadata_is_known_in_every_dress():
    for dressed in ("169.254.169.254", "::ffff:a9fe:a9fe", "64:ff9b::a9fe:a9fe", "2002:a9fe:a9fe::1", "fd00:ec2::254"):
        with pytest.raises(addresses.RefusedError):
            addresses.check("x", dressed, cloud=False)


def test_in_a_cloud_no_webhook_leads_inside(web):
    outcome = posted(web.url, cloud=True)
    assert (outcome.sent, outcome.hopeless) == (False, True)
    assert "profile cloud" in outcome.said
    assert web.seen == []


def test_a_name_is_looked_up_before_anything_is_sent(web):
    assert posted(web.url.replace("127.0.0.1", "localhost")).sent
    assert web.seen[0][1]["host"].startswith("localhost:")
    unknown = posted("http://nobody.invalid/")
    assert unknown.said == "Nobody knows the host nobody.invalid."
