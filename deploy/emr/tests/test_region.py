"""Regions: only those of the European Union, chosen in the AWS CLI's order."""

import pytest

ALLOWED = ["eu-central-1", "eu-north-1", "eu-south-1", "eu-south-2", "eu-west-1", "eu-west-3"]


@pytest.mark.parametrize("region, why", [
    ("us-east-1", "outside the European Union"), ("eu-west-2", "London"), ("eu-central-2", "Zurich"), ("EU-WEST-3", "outside"),
])
def test_other_regions_are_refused_with_the_allowed_ones(emr, region, why):
    done = emr("setup", region=region, code=2)
    assert why in done.stderr and all(allowed in done.stderr for allowed in ALLOWED)


def test_the_option_is_stronger_than_the_environment_and_that_than_the_profile(emr, tmp_path):
    config = tmp_path / "config"
    config.write_text("[default]\nregion = us-east-2\n[profile other]\nregion = ap-south-1\n")
    profile = {"AWS_CONFIG_FILE": str(config)}

    def refused(*arguments, **environment):
        return emr("status", *arguments, region=None, code=2, environment=profile | environment).stderr

    assert "'us-east-2'" in refused()
    assert "'ap-south-1'" in refused("--profile", "other")
    assert "'ca-west-1'" in refused(AWS_DEFAULT_REGION="ca-west-1")
    assert "'us-west-1'" in refused(AWS_DEFAULT_REGION="ca-west-1", AWS_REGION="us-west-1")
    assert "'eu-west-2'" in refused("--region", "eu-west-2", AWS_REGION="us-west-1")


def test_without_a_region_the_allowed_ones_are_named(emr):
    assert ALLOWED[0] in emr("status", region=None, code=2).stderr


def test_the_stack_itself_fails_elsewhere(emr):
    """Without `emr`: the Mapping has no entry. (moto's CloudFormation ends in an error of its own, AWS's in a validation.)"""
    client = emr.client("cloudformation", "eu-west-2")
    template = (__import__("pathlib").Path(__file__).parent.parent / "stack.yaml").read_text()
    with pytest.raises(Exception):
        client.create_stack(StackName="elsewhere", TemplateBody=template, Capabilities=["CAPABILITY_NAMED_IAM"])
    here = emr.client("cloudformation", "eu-north-1")
    here.create_stack(StackName="here", TemplateBody=template, Capabilities=["CAPABILITY_NAMED_IAM"])
