"""`emr setup`, `emr check` and `emr destroy`."""

import json
import re
import shutil

import pytest
import yaml
from moto.iam.access_control import IAMPolicy, PermissionResult


@pytest.fixture
def second(emr):
    """A stack of its own, in another Region."""
    emr("setup", "--stack", "second", region="eu-north-1")
    return emr.client("cloudformation", "eu-north-1")


def outputs(client, stack="second"):
    found = client.describe_stacks(StackName=stack)["Stacks"][0]["Outputs"]
    return {output["OutputKey"]: output["OutputValue"] for output in found}


def test_setup_makes_a_closed_bucket_and_small_roles(emr, stack):
    s3, iam, ec2 = emr.client("s3"), emr.client("iam"), emr.client("ec2")
    bucket = stack["Bucket"]
    assert bucket == "pomona-123456789012-eu-west-3"
    rules = s3.get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"]["Rules"]
    assert rules[0]["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"] == "AES256"
    assert all(s3.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"].values())
    policy = json.loads(s3.get_bucket_policy(Bucket=bucket)["Policy"])
    assert policy["Statement"][0]["Effect"] == "Deny" and "aws:SecureTransport" in json.dumps(policy)
    lifecycle = s3.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"]
    assert {rule["ID"] for rule in lifecycle} == {"logs", "jobs", "artefacts", "uploads"}

    profile = iam.get_instance_profile(InstanceProfileName=stack["NodeProfile"])["InstanceProfile"]
    assert [role["RoleName"] for role in profile["Roles"]] == [stack["NodeProfile"]]
    attached = iam.list_attached_role_policies(RoleName=stack["ServiceRole"])["AttachedPolicies"]
    assert [policy["PolicyName"] for policy in attached] == ["AmazonEMRServicePolicy_v2"]
    assert iam.list_attached_role_policies(RoleName=stack["NodeProfile"])["AttachedPolicies"] == []

    managed = {"Key": "for-use-with-amazon-emr-managed-policies", "Value": "true"}
    subnets = ec2.describe_subnets(SubnetIds=stack["Subnets"].split(","))["Subnets"]
    groups = ec2.describe_security_groups(GroupIds=[stack["PrimaryGroup"], stack["WorkerGroup"]])["SecurityGroups"]
    assert len({subnet["AvailabilityZone"] for subnet in subnets}) == 2
    assert all(managed in thing["Tags"] for thing in [*subnets, *groups])
    assert ec2.describe_vpc_endpoints()["VpcEndpoints"][0]["VpcEndpointType"] == "Gateway"

    found = emr.client("emr").describe_security_configuration(Name=stack["SecurityConfiguration"])
    imds = found["SecurityConfiguration"]
    assert "MinimumInstanceMetadataServiceVersion" in imds


@pytest.mark.parametrize("action, key, may", [
    ("GetObject", "artefacts/abc/pomona", True),
    ("GetObject", "jobs/1/job.json", True),
    ("GetObject", "images/1.jpg", True),
    ("PutObject", "results/1/manifest.json", True),
    ("DeleteObject", "results/1/_temporary/lock.json", True),
    ("AbortMultipartUpload", "results/1/features/1.parquet", True),
    ("PutObject", "jobs/1/status.json", True),
    ("PutObject", "jobs/1/log.txt", True),
    ("PutObject", "logs/j-1/pomona/i-1/executor.log", True),
    ("PutObject", "artefacts/abc/pomona", False),
    ("PutObject", "artefacts/bootstrap/abc.sh", False),
    ("DeleteObject", "artefacts/abc/SHA256SUMS", False),
    ("PutObject", "artefacts/x/log.txt", False),
    ("PutObject", "jobs/1/job.json", False),
    ("DeleteObject", "jobs/1/status.json", False),
    ("DeleteObject", "logs/j-1/x", False),
    ("PutObject", "images/1.jpg", False),
    ("PutObject", "resultsx/1", False),
    ("PutBucketPolicy", "", False),
    ("PutObjectAcl", "artefacts/abc/pomona", False),
])
@pytest.mark.parametrize("more", [False, True], ids=["as made", "with all of S3 allowed"])
def test_nodes_write_results_and_read_programs(emr, stack, action, key, may, more):
    """As IAM evaluates it: what is denied anywhere is denied, and what is allowed nowhere too."""
    iam, role = emr.client("iam"), stack["NodeProfile"]
    names = iam.list_role_policies(RoleName=role)["PolicyNames"]
    documents = [iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"] for name in names]
    # moto writes the policies of a template's role as Python does.
    documents = [json.dumps(yaml.safe_load(one) if isinstance(one, str) else one) for one in documents]
    if more:
        documents.append(json.dumps({"Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}))
        may = may or not key.startswith("artefacts/") and not key.endswith("job.json")
    arn = f"arn:aws:s3:::{stack['Bucket']}" + (f"/{key}" if key else "")
    found = [IAMPolicy({"policy_document": one}).is_action_permitted(f"s3:{action}", arn) for one in documents]
    assert (PermissionResult.PERMITTED in found and PermissionResult.DENIED not in found) == may


def test_setup_can_be_run_again_and_opens_input_buckets(emr, second):
    role = outputs(second)["NodeProfile"]
    iam = emr.client("iam")
    emr("setup", "--stack", "second", "--input-bucket", "images", "--input-bucket", "s3://more", region="eu-north-1")
    policy = iam.get_role_policy(RoleName=role, PolicyName="input-buckets")["PolicyDocument"]
    resources = [statement["Resource"] for statement in policy["Statement"]]
    assert resources == [
        ["arn:aws:s3:::images", "arn:aws:s3:::more"], ["arn:aws:s3:::images/*", "arn:aws:s3:::more/*"],
    ]
    assert all(action.startswith(("s3:Get", "s3:List")) for statement in policy["Statement"]
               for action in ([statement["Action"]] if isinstance(statement["Action"], str) else statement["Action"]))


def test_destroy_refuses_a_full_bucket_and_takes_groups_with_rules(emr, second, program):
    bucket = outputs(second)["Bucket"]
    there = {"region": "eu-north-1"}
    ec2 = emr.client("ec2", "eu-north-1")
    subnets = ec2.describe_subnets(SubnetIds=outputs(second)["Subnets"].split(","))["Subnets"]
    network = subnets[0]["VpcId"]
    options = ["--stack", "second", "--binary", program, "-t", "m5.xlarge"]
    job = emr("run", *options, "--detach", "--", "--input", "s3://p/", **there).stdout.strip()
    assert "clusters of this stack run" in emr("destroy", "--stack", "second", "--yes", code=1, **there).stderr
    emr("down", "--stack", "second", job, **there)

    done = emr("destroy", "--stack", "second", "--yes", code=1, **there)
    assert bucket in done.stderr and re.search(r"holds [1-9]\d* objects", done.stderr) and "--force" in done.stderr
    # EMR's rules, which moto writes as EMR does, name the other group.
    assert ec2.describe_security_groups(GroupIds=[outputs(second)["PrimaryGroup"]])["SecurityGroups"][0]["IpPermissions"]
    assert "nothing was deleted" in emr("destroy", "--stack", "second", "--force", answer="n\n", code=1, **there).stderr
    emr("destroy", "--stack", "second", "--force", answer="y\n", **there)
    # Other tests have stacks in this Region.
    assert network not in [vpc["VpcId"] for vpc in ec2.describe_vpcs()["Vpcs"]]
    with pytest.raises(Exception, match="404"):
        emr.client("s3").head_bucket(Bucket=bucket)
    assert "There is no stack" in emr("destroy", "--stack", "second", **there).stderr


def test_a_bucket_that_outlived_its_stack_is_not_taken(emr):
    emr.client("s3", "eu-west-1").create_bucket(
        Bucket="third-123456789012-eu-west-1", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"}
    )
    assert "belongs to no stack" in emr("setup", "--stack", "third", region="eu-west-1", code=1).stderr


def test_check_tells_all_that_is_wrong(emr, stack, program):
    ec2, iam, s3 = emr.client("ec2"), emr.client("iam"), emr.client("s3")
    done = emr("check", "--binary", program, code=1)
    # moto's accounts do not encrypt disks.
    assert [line for line in done.stdout.splitlines() if line.startswith("wrong")] == [
        "wrong new disks are not encrypted: aws ec2 enable-ebs-encryption-by-default"
    ]
    ec2.enable_ebs_encryption_by_default()
    policy = s3.get_bucket_policy(Bucket=stack["Bucket"])["Policy"]
    try:
        assert "wrong" not in emr("check", "--binary", program).stdout
        s3.delete_bucket_policy(Bucket=stack["Bucket"])
        profile = {"InstanceProfileName": stack["NodeProfile"], "RoleName": stack["NodeProfile"]}
        iam.remove_role_from_instance_profile(**profile)
        done = emr("check", "--binary", program, code=1).stdout
        assert "without TLS" in done and "holds no role of that name" in done
        iam.add_role_to_instance_profile(**profile)
    finally:
        s3.put_bucket_policy(Bucket=stack["Bucket"], Policy=policy)
        ec2.disable_ebs_encryption_by_default()


def test_check_finds_what_would_fail_later(emr, stack, program):
    out = emr("check", "--binary", program, "-t", "m5.large,c7a.2xlarge,m7g.2xlarge", code=1).stdout
    assert "does not know the type 'm5.large'" in out
    assert "'c7a.2xlarge' is not offered in eu-west-3" in out
    assert "built for x86_64, and m7g.2xlarge is arm64" in out and "ok    type m7g.2xlarge" in out
    out = emr("check", "--binary", "/nowhere/pomona", "--release", "emr-9.9.9", code=1).stdout
    assert "'emr-9.9.9' is not offered in eu-west-3; the newest is emr-" in out
    assert "there is no program '/nowhere/pomona'" in out


def test_programs_that_nodes_cannot_run_are_refused(emr, stack, program, tmp_path):
    new = tmp_path / "new"
    shutil.copy(program, new)
    new.write_bytes(new.read_bytes() + b"\0GLIBC_2.39\0")
    done = emr("run", "--binary", str(new), "--", "--input", "s3://p/", code=1)
    assert "needs glibc 2.39, and Amazon Linux 2023 has 2.34" in done.stderr
    script = tmp_path / "script"
    script.write_text("#!/bin/sh\n")
    assert "is not a Linux program" in emr("run", "--binary", str(script), "--", "--input", "s3://p/", code=1).stderr
