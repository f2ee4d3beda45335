"""What moto lacks and these tests need, added to its own models inside the test's server; nothing here is in `emr`.

- Change sets leave a stack without outputs (moto 5.2).
- `AWS::S3::BucketPolicy` is unknown to moto's CloudFormation, and its S3 ignores a policy's conditions, so that the
  refusal of requests without TLS would refuse all of them: policies are kept and not enforced.
- A bucket's PublicAccessBlockConfiguration and LifecycleConfiguration in a template are passed over.
- A role's ManagedPolicyArns are passed over too, and the deletion of a stack leaves its route tables and fails at a security
  configuration whose name is computed.
- EMR takes the Region from the host name alone, which an --endpoint-url does not have; every other service takes it
  from the signature as well.
- EMR: instance fleets are ignored by RunJobFlow, the calls on fleets are missing, ListInstances knows no fleet, and a
  cluster that ends leaves its machines running.

Steps are never run and a cluster never changes its state by itself: tests play EMR's part (`cluster.py`).
"""

import json

from moto.cloudformation import models as cloudformation
from moto.core.common_models import CloudFormationModel
from moto.core.responses import ActionResult, BaseResponse, EmptyResult
from moto.ec2.exceptions import InvalidPermissionDuplicateError
from moto.ec2.models.route_tables import RouteTable
from moto.emr import models as emr
from moto.emr.responses import ElasticMapReduceResponse
from moto.iam.access_control import PermissionResult
from moto.iam.models import Role, iam_backends
from moto.s3.models import FakeBucket, s3_backends


def fill():
    """Adds it all; once a process."""
    _outputs_of_change_sets()
    FakeBucket.get_permission = lambda *_: PermissionResult.NEUTRAL
    _buckets_of_templates()
    _roles_of_templates()
    _deletions()
    ElasticMapReduceResponse.get_region_from_url = BaseResponse.get_region_from_url
    _instance_fleets()


def _outputs_of_change_sets():
    apply = cloudformation.ChangeSet.apply

    def apply_and_name_outputs(change_set):
        apply(change_set)
        change_set.stack.template_dict = change_set.template_dict
        change_set.stack.output_map = change_set.stack._create_output_map()

    cloudformation.ChangeSet.apply = apply_and_name_outputs


class BucketPolicy(CloudFormationModel):
    """Known to moto's CloudFormation by being a subclass, from a module of moto."""

    __module__ = "moto.s3.models"

    def __init__(self, bucket):
        self.bucket = bucket

    @property
    def physical_resource_id(self):
        return self.bucket

    @staticmethod
    def cloudformation_type():
        return "AWS::S3::BucketPolicy"

    @staticmethod
    def cloudformation_name_type():
        return ""

    @classmethod
    def create_from_cloudformation_json(cls, resource_name, cloudformation_json, account_id, region_name, **_):
        properties = cloudformation_json["Properties"]
        policy = json.dumps(properties["PolicyDocument"]).encode()
        s3_backends[account_id]["aws"].put_bucket_policy(properties["Bucket"], policy)
        return cls(properties["Bucket"])

    @classmethod
    def update_from_cloudformation_json(
        cls, original_resource, new_resource_name, cloudformation_json, account_id, region_name
    ):
        return cls.create_from_cloudformation_json(new_resource_name, cloudformation_json, account_id, region_name)

    @classmethod
    def delete_from_cloudformation_json(cls, resource_name, cloudformation_json, account_id, region_name):
        s3_backends[account_id]["aws"].delete_bucket_policy(resource_name)


def _buckets_of_templates():
    create = FakeBucket.create_from_cloudformation_json.__func__

    def create_whole(cls, resource_name, cloudformation_json, account_id, region_name, **kwargs):
        bucket = create(cls, resource_name, cloudformation_json, account_id, region_name, **kwargs)
        properties = cloudformation_json["Properties"]
        backend = s3_backends[account_id]["aws"]
        if "PublicAccessBlockConfiguration" in properties:
            backend.put_public_access_block(bucket.name, properties["PublicAccessBlockConfiguration"])
        if "LifecycleConfiguration" in properties:
            backend.put_bucket_lifecycle_configuration(
                bucket.name, [_api_rule(rule) for rule in properties["LifecycleConfiguration"]["Rules"]]
            )
        return bucket

    FakeBucket.create_from_cloudformation_json = classmethod(create_whole)


def _api_rule(rule):
    """A rule of a template as the API has it."""
    api = {"ID": rule["Id"], "Status": rule["Status"], "Filter": {"Prefix": rule.get("Prefix", "")}}
    if "ExpirationInDays" in rule:
        api["Expiration"] = {"Days": str(rule["ExpirationInDays"])}
    if "AbortIncompleteMultipartUpload" in rule:
        api["AbortIncompleteMultipartUpload"] = rule["AbortIncompleteMultipartUpload"]
    return api


def _roles_of_templates():
    create = Role.create_from_cloudformation_json.__func__

    def create_whole(cls, resource_name, cloudformation_json, account_id, region_name, **kwargs):
        role = create(cls, resource_name, cloudformation_json, account_id, region_name, **kwargs)
        for policy in cloudformation_json["Properties"].get("ManagedPolicyArns", []):
            iam_backends[account_id]["aws"].attach_role_policy(policy, role.name)
        return role

    Role.create_from_cloudformation_json = classmethod(create_whole)


def _deletions():
    def delete_routes(table, account_id, region_name):
        table._associations.clear()
        table.ec2_backend.delete_route_table(table.id)

    def delete_configuration(configuration, account_id, region_name):
        emr.emr_backends[account_id][region_name].delete_security_configuration(configuration.name)

    def delete_role(role, account_id, region_name):
        for policy in list(role.managed_policies):
            iam_backends[account_id]["aws"].detach_role_policy(policy, role.name)
        Role.delete_from_cloudformation_json(
            role.name, {"Properties": {"RoleName": role.name}}, account_id, region_name
        )

    Role.delete = delete_role
    RouteTable.delete = delete_routes
    emr.SecurityConfiguration.delete = delete_configuration


class Fleet:
    """An instance fleet: what was asked for, and its machines."""

    def __init__(self, cluster, number, asked):
        self.id = f"if-{cluster.id[2:]}{number}"
        self.asked = asked
        self.cluster = cluster
        self.instances = []
        self.resize(asked)

    @property
    def kind(self):
        return self.asked["instance_fleet_type"]

    def resize(self, targets):
        for market in ("target_on_demand_capacity", "target_spot_capacity"):
            if market in targets:
                self.asked[market] = targets[market]
        wanted = self.asked.get("target_on_demand_capacity", 0) + self.asked.get("target_spot_capacity", 0)
        ec2 = self.cluster.emr_backend.ec2_backend
        while len(self.instances) > wanted:
            instance = self.instances.pop()
            ec2.terminate_instances([instance.ec2_instance.id])
            self.cluster.ec2_instances.remove(instance)
        if len(self.instances) < wanted:
            self._start(ec2, wanted - len(self.instances))

    def _start(self, ec2, count):
        kind = self.asked["instance_type_configs"][0]["instance_type"]
        tags = {**self.cluster._tags, "aws:elasticmapreduce:job-flow-id": self.cluster.id}
        reservation = ec2.run_instances(
            emr.EXAMPLE_AMI_ID, count, None, [], instance_type=kind, is_instance_type_default=False,
            tags={"instance": tags, "volume": tags},
        )
        for machine in reservation.instances:
            instance = emr.Instance(machine, _Group(self), self.id)
            self.instances.append(instance)
            self.cluster.add_instance(instance)

    def described(self):
        return {
            "Id": self.id,
            "Name": self.asked.get("name"),
            "InstanceFleetType": self.kind,
            "TargetOnDemandCapacity": self.asked.get("target_on_demand_capacity", 0),
            "TargetSpotCapacity": self.asked.get("target_spot_capacity", 0),
            "LaunchSpecifications": _camel(self.asked.get("launch_specifications")),
            "Status": {"State": "RUNNING"},
        }


class _Group:
    """What moto's Instance asks its group for."""

    def __init__(self, fleet):
        self.id, self.role, self.market, self.state = fleet.id, fleet.kind, "ON_DEMAND", "RUNNING"
        self.creation_date_time = self.ready_date_time = fleet.cluster.creation_datetime
        self.end_date_time = None


def _camel(value):
    if not isinstance(value, dict):
        return value
    return {"".join(part.title() for part in key.split("_")): _camel(inner) for key, inner in value.items()}


def _write_rules(ec2, primary, worker):
    """EMR's rules in the groups of a public subnet; moto writes them, and a group more, where one subnet is given."""
    for group in (primary, worker):
        for source in (primary, worker):
            try:
                ec2.authorize_security_group_ingress(group, "tcp", 0, 65535, [], source_groups=[{"GroupId": source}])
            except InvalidPermissionDuplicateError:
                pass


def _instance_fleets():
    run_job_flow = ElasticMapReduceResponse.run_job_flow
    terminate = emr.Cluster.terminate

    def run_with_fleets(self):
        result = run_job_flow(self)
        cluster = self.backend.clusters[result.result["JobFlowId"]]
        asked = self._get_param("Instances.InstanceFleets", [])
        if asked:
            _write_rules(self.backend.ec2_backend, cluster.master_security_group, cluster.slave_security_group)
        cluster.fleets = [Fleet(cluster, number, dict(fleet)) for number, fleet in enumerate(asked)]
        return result

    def list_instance_fleets(self):
        cluster = self.backend.describe_cluster(self._get_param("ClusterId"))
        return ActionResult({"InstanceFleets": [fleet.described() for fleet in cluster.fleets]})

    def modify_instance_fleet(self):
        cluster = self.backend.describe_cluster(self._get_param("ClusterId"))
        asked = self._get_param("InstanceFleet")
        fleet = next(fleet for fleet in cluster.fleets if fleet.id == asked["instance_fleet_id"])
        fleet.resize(asked)
        return EmptyResult()

    def list_instances(self):
        cluster = self.backend.describe_cluster(self._get_param("ClusterId"))
        kind = self._get_param("InstanceFleetType")
        found = [instance for instance in cluster.ec2_instances if kind in (None, instance.instance_group.role)]
        return ActionResult({"Instances": found})

    def terminate_with_machines(self):
        terminate(self)
        machines = [instance.ec2_instance_id for instance in getattr(self, "ec2_instances", [])]
        if machines:
            self.emr_backend.ec2_backend.terminate_instances(machines)

    ElasticMapReduceResponse.run_job_flow = run_with_fleets
    ElasticMapReduceResponse.list_instance_fleets = list_instance_fleets
    ElasticMapReduceResponse.modify_instance_fleet = modify_instance_fleet
    ElasticMapReduceResponse.list_instances = list_instances
    emr.Cluster.terminate = terminate_with_machines
