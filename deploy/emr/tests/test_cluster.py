"""Commands about clusters that run: status, submit, resize, ui, down, audit."""

JOB = ["--", "--input", "s3://images/"]


def start(emr, program, *options):
    return emr("run", "--keep", "--detach", "--binary", program, *options, *JOB).stdout.strip()


def test_status_lists_clusters_and_jobs(emr, stack, program, player):
    job = start(emr, program, "-n", "2")
    player.leave("20200101T000000Z-00ff", "status.json", '{"exit": 3}')
    out = emr("status").stdout
    assert f"cluster {player.cluster.id} pomona/{job} WAITING, 3 nodes" in out
    assert f"  job {job} RUNNING" in out and f"job {job} has not ended" in out
    assert "job 20200101T000000Z-00ff exit 3" in out


def test_submit_needs_one_cluster_or_a_name(emr, stack, program, player):
    assert "no cluster of the stack" in emr("submit", *JOB, code=1).stderr
    first = start(emr, program)
    cluster = player.cluster
    start(emr, program)
    assert "several clusters run" in emr("submit", *JOB, code=2).stderr
    added = emr("submit", "-c", first, *JOB).stdout.strip()
    assert [step.name for step in cluster.steps] == [first, added]


def test_resize_changes_the_task_fleet_alone(emr, stack, program, player):
    start(emr, program, "-n", "3", "--spot")
    emr("resize", "-n", "5")
    assert [len(fleet.instances) for fleet in player.cluster.fleets] == [1, 1, 4]
    assert player.cluster.fleets[2].asked["target_spot_capacity"] == 4
    emr("resize", "-n", "1", player.cluster.id)
    assert [len(fleet.instances) for fleet in player.cluster.fleets] == [1, 1, 0]


def test_a_primary_alone_cannot_be_resized(emr, stack, program, player):
    start(emr, program, "-n", "1")
    assert "the primary alone" in emr("resize", "-n", "2", code=1).stderr


def test_ui_forwards_the_port_of_the_primary(emr, stack, program, player):
    """moto has no sessions, so the command is only looked at."""
    start(emr, program)
    [primary] = player.cluster.fleets[0].instances
    line = emr("ui", "--port", "8080", "--dry-run").stdout
    assert f"ssm start-session --target {primary.ec2_instance_id} " in line
    assert "AWS-StartPortForwardingSession" in line and "portNumber=50050\\,localPortNumber=8080" in line


def test_down_asks_and_ends_only_its_own(emr, stack, program, player):
    start(emr, program)
    mine = player.cluster
    other = emr.client("emr").run_job_flow(
        Name="pomona/not", ReleaseLabel="emr-7.13.0", Instances={"KeepJobFlowAliveWhenNoSteps": True},
        JobFlowRole="x", ServiceRole="y",
    )["JobFlowId"]
    assert "is not a cluster of the stack" in emr("down", other, code=1).stderr
    assert "nothing was ended" in emr("down", "--all", answer="n\n", code=1).stderr
    assert "nothing was ended" in emr("down", "--all", code=1).stderr
    assert mine.state == "WAITING"
    emr("down", "--all", "--yes")
    assert mine.state == "TERMINATED" and player.backend.clusters[other].state == "WAITING"


def test_down_by_the_job_it_was_started_for(emr, stack, program, player):
    job = start(emr, program)
    emr("down", job, "--dry-run")
    assert player.cluster.state == "WAITING"
    emr("down", job)
    assert player.cluster.state == "TERMINATED"


def test_audit_finds_what_costs_in_every_region(emr, stack, program, player):
    start(emr, program, "-n", "2")
    ireland = emr.client("ec2", "eu-west-1")
    address = ireland.allocate_address(Domain="vpc")["PublicIp"]
    disk = ireland.create_volume(
        AvailabilityZone="eu-west-1a", Size=8,
        TagSpecifications=[{"ResourceType": "volume", "Tags": [{"Key": "pomona-stack", "Value": "lost"}]}],
    )["VolumeId"]
    subnet = ireland.describe_subnets()["Subnets"][0]["SubnetId"]
    gateway = ireland.create_nat_gateway(SubnetId=subnet)["NatGateway"]["NatGatewayId"]
    lines = [line.split(None, 1) for line in emr("audit").stdout.splitlines()]
    found = {region: [text for name, text in lines if name == region] for region, _ in lines}
    assert len(found) == 6 and found["eu-central-1"] == ["nothing"]
    paris, ireland = "\n".join(found["eu-west-3"]), "\n".join(found["eu-west-1"])
    assert f"cluster {player.cluster.id}" in paris and f"bucket {stack['Bucket']}" in paris
    assert paris.count("machine i-") == 3
    assert address in ireland and f"disk {disk} 8" in ireland and f"NAT gateway {gateway}" in ireland
    # moto's accounts have not opted in to Spain.
    assert found["eu-south-2"] == ["not enabled in this account"]
