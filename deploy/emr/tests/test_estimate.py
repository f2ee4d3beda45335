"""`emr estimate`: euros and minutes from deploy/prices.toml, reckoned here a second time."""

import re
import tomllib
from pathlib import Path

import pytest

TABLE = Path(__file__).parents[2] / "prices.toml"
PRICES = tomllib.loads(TABLE.read_text())
REGIONS = ["eu-central-1", "eu-north-1", "eu-south-1", "eu-south-2", "eu-west-1", "eu-west-3"]


def amount(text, name):
    return float(re.search(rf"^{name} +([0-9.]+)", text, re.M)[1])


@pytest.mark.parametrize("nodes, paid", [(1, 1), (3, 4)])
def test_the_arithmetic_is_that_of_a_hand(emr, nodes, paid):
    out = emr("estimate", "-n", str(nodes), "-t", "m5.2xlarge", "-l", "2h", "--images", "67692", "--rate", "100").stdout
    row = PRICES["types"]["m5.2xlarge@eu-west-3"]
    hour = (row["ec2_usd_per_hour"] + row["emr_usd_per_hour"]) / PRICES["exchange"]["usd_per_eur"]
    minutes = PRICES["cluster"]["startup_minutes"] + 67692 / (100 * 4 * nodes) / 60
    assert amount(out, "minutes") == pytest.approx(minutes, abs=0.051)
    assert amount(out, "likely") == pytest.approx(paid * hour * minutes / 60, abs=0.011)
    assert amount(out, "at most") == pytest.approx(paid * hour * 2.5, abs=0.006)
    assert row["date"] in out and "check them" in out and "eu-west-3" in out


def test_spot_takes_the_price_of_now(emr):
    """moto makes spot prices up, so only the arithmetic is looked at."""
    out = emr("estimate", "-n", "4", "-t", "m5.2xlarge", "--spot", "--images", "1000000").stdout
    spot = float(re.search(r"^spot +([0-9.]+) USD", out, re.M)[1])
    row = PRICES["types"]["m5.2xlarge@eu-west-3"]
    usd = 5 * row["emr_usd_per_hour"] + 2 * row["ec2_usd_per_hour"] + 3 * spot
    likely = usd * amount(out, "minutes") / 60 / PRICES["exchange"]["usd_per_eur"]
    assert amount(out, "likely") == pytest.approx(likely, abs=0.02)


def test_every_region_has_the_types_that_are_offered_by_default():
    for region in REGIONS:
        for kind in (PRICES["default_type"], "m5.2xlarge"):
            row = PRICES["types"][f"{kind}@{region}"]
            assert row["region"] == region
            # EMR's share is a quarter of the price in us-east-1, wherever the nodes are.
            assert row["emr_usd_per_hour"] == PRICES["types"][kind]["emr_usd_per_hour"]


def test_a_row_of_another_region_is_told(emr):
    done = emr("estimate", "-t", "m7i.xlarge", "--images", "10")
    assert "no row of m7i.xlarge for eu-west-3" in done.stderr and "us-east-1" in done.stdout


def test_an_unknown_type_and_no_run_are_refused(emr):
    assert "no type 'x9.huge'" in emr("estimate", "-t", "x9.huge", "--images", "10", code=1).stderr
    assert "give --images N" in emr("estimate", code=2).stderr
