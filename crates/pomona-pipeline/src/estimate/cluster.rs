//! What a cluster takes and costs for the work of a run.

use serde::Serialize;

use super::fetching::{Fetch, Fetching};
use super::prices::{NodeType, Prices};
use super::requests::Requests;

/// What there is to do, and how fast a core does it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Work {
    /// Images.
    pub(crate) images: u64,
    /// What fetching one of them takes.
    pub(crate) fetch: Fetch,
    /// Images that a core decodes and computes in a second.
    pub(crate) images_per_second_core: f64,
    /// Seconds that are not divided among cores: the listing and the solution of the PCA.
    pub(crate) serial_seconds: f64,
    /// Seconds of a core for every image after its features: its moments and its projection.
    pub(crate) pca_seconds_image: f64,
    /// The most that the results take, in bytes.
    pub(crate) output_bytes: u64,
    /// What a run asks of S3.
    pub(crate) requests: Requests,
}

/// What nodes of a type take and cost.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ClusterEstimate {
    /// The type's name.
    pub node_type: String,
    /// Nodes that compute.
    pub nodes: u32,
    /// Nodes that are paid for: more than one that compute need one that leads.
    pub paid_nodes: u32,
    /// Physical cores that compute.
    pub cores: u32,
    /// From the first node that is paid for to the last result.
    pub minutes: f64,
    /// What each node has to fetch so that its cores are busy.
    pub fetching: Fetching,
    /// The memory of a node, in GiB.
    pub node_memory_gib: f64,
    /// What it costs.
    pub cost: Cost,
}

/// Costs, in dollars but for the total.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Cost {
    /// EC2, on demand.
    pub ec2_usd: f64,
    /// What EMR adds.
    pub emr_usd: f64,
    /// Requests to S3.
    pub requests_usd: f64,
    /// A month of the results in S3.
    pub storage_usd_month: f64,
    /// All of it, in dollars.
    pub total_usd: f64,
    /// All of it, in euros.
    pub total_eur: f64,
}

/// The time and the cost of a run on nodes of a type.
///
/// A core there is taken to be as fast as one here, the second thread of a core to add nothing, and a request
/// to take as long as one from here, whatever their number; a node's network is not reckoned with.
pub(crate) fn cluster(
    work: &Work,
    prices: &Prices,
    (name, node): (&str, &NodeType),
    nodes: u32,
) -> ClusterEstimate {
    let cores = f64::from(nodes) * f64::from(node.cores);
    let images = work.images as f64;
    let node_rate = work.images_per_second_core * f64::from(node.cores);
    let fetching = Fetching::of(work.fetch, node_rate);
    let features = images / (fetching.images_per_second * f64::from(nodes));
    let parallel = features + images * work.pca_seconds_image / cores;
    let minutes = prices.cluster.startup_minutes + (work.serial_seconds + parallel) / 60.0;
    let paid_nodes = if nodes > 1 { nodes + 1 } else { 1 };
    // Both are paid by the second, from a minute on.
    let hours = f64::from(paid_nodes) * minutes.max(1.0) / 60.0;

    let s3 = &prices.s3;
    let requests = work.requests;
    let ec2_usd = hours * node.ec2_usd_per_hour;
    let emr_usd = hours * node.emr_usd_per_hour;
    let requests_usd = requests.get as f64 / 1000.0 * s3.get_usd_per_1000
        + (requests.list + requests.put) as f64 / 1000.0 * s3.put_copy_list_usd_per_1000;
    let storage_usd_month = work.output_bytes as f64 / 1e9 * s3.storage_usd_per_gb_month;
    let total_usd = ec2_usd + emr_usd + requests_usd + storage_usd_month;
    ClusterEstimate {
        node_type: name.to_string(),
        nodes,
        paid_nodes,
        cores: nodes * node.cores,
        minutes,
        fetching,
        node_memory_gib: node.memory_gib,
        cost: Cost {
            ec2_usd,
            emr_usd,
            requests_usd,
            storage_usd_month,
            total_usd,
            total_eur: total_usd / prices.exchange.usd_per_eur,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A table in which everything can be reckoned by hand.
    const TABLE: &str = r#"
        default_type = "two"
        exchange = { usd_per_eur = 2.0, date = "", source = "" }
        s3 = { get_usd_per_1000 = 0.5, put_copy_list_usd_per_1000 = 5.0, storage_usd_per_gb_month = 3.0, region = "", date = "", source = "" }
        cluster = { startup_minutes = 6.0 }
        [types.two]
        vcpus = 4
        cores = 2
        memory_gib = 16.0
        ec2_usd_per_hour = 1.0
        emr_usd_per_hour = 0.25
        region = ""
        date = ""
        source = ""
    "#;

    const WORK: Work = Work {
        images: 72_000,
        fetch: Fetch {
            latency_seconds: 0.05,
            requests: 1.0,
            bytes: 5_000.0,
        },
        images_per_second_core: 10.0,
        serial_seconds: 120.0,
        pca_seconds_image: 0.0,
        output_bytes: 2_000_000_000,
        requests: Requests {
            images: 71_000,
            reread: 50,
            results: 950,
            get: 72_000,
            list: 72,
            put: 128,
        },
    };

    #[test]
    fn the_arithmetic_is_that_of_a_hand() {
        let prices = Prices::parse(TABLE, "by hand").unwrap();
        let node = prices.node(None).unwrap();
        // 72,000 images at 10 a second and core on 2 cores: an hour; 2 minutes alone, 6 to start.
        let one = cluster(&WORK, &prices, node, 1);
        assert_eq!((one.cores, one.paid_nodes), (2, 1));
        close(one.minutes, 68.0);
        close(one.cost.ec2_usd, 68.0 / 60.0);
        close(one.cost.emr_usd, 17.0 / 60.0);
        // 72 thousand GET and 0.2 thousand others; 2 GB.
        close(one.cost.requests_usd, 72.0 * 0.5 + 0.2 * 5.0);
        close(one.cost.storage_usd_month, 6.0);
        close(one.cost.total_usd, 85.0 / 60.0 + 37.0 + 6.0);
        close(one.cost.total_eur, one.cost.total_usd / 2.0);

        // Five times the cores, and a node that leads.
        let five = cluster(&WORK, &prices, node, 5);
        assert_eq!((five.cores, five.paid_nodes), (10, 6));
        close(five.minutes, 20.0);
        close(five.cost.ec2_usd, 6.0 * 20.0 / 60.0);
        close(five.cost.requests_usd, one.cost.requests_usd);
    }

    #[test]
    fn a_store_that_is_late_bounds_what_a_node_computes() {
        let prices = Prices::parse(TABLE, "by hand").unwrap();
        let node = prices.node(None).unwrap();
        let late = |latency_seconds: f64| Work {
            fetch: Fetch {
                latency_seconds,
                ..WORK.fetch
            },
            ..WORK
        };
        // 20 images a second: a request in flight, and with 10 s each 200.
        let one = cluster(&late(0.05), &prices, node, 1);
        close(one.fetching.in_flight, 1.0);
        let slow = cluster(&late(10.0), &prices, node, 1);
        close(slow.fetching.in_flight, 200.0);
        close(slow.minutes, one.minutes);
        // 512 in flight of 51.2 s each bring 10 a second: an hour more.
        let slower = cluster(&late(51.2), &prices, node, 1);
        close(slower.fetching.images_per_second, 10.0);
        close(slower.minutes, one.minutes + 60.0);
        // Two nodes have twice as many in flight.
        close(cluster(&late(51.2), &prices, node, 2).minutes, one.minutes);
    }

    #[test]
    fn what_follows_the_features_is_divided_too() {
        let prices = Prices::parse(TABLE, "by hand").unwrap();
        let work = Work {
            pca_seconds_image: 0.1,
            ..WORK
        };
        // As long again as the features.
        let one = cluster(&work, &prices, prices.node(None).unwrap(), 1);
        close(one.minutes, 128.0);
    }

    #[test]
    fn no_less_than_a_minute_is_paid() {
        let table = TABLE.replace("startup_minutes = 6.0", "startup_minutes = 0.0");
        let prices = Prices::parse(&table, "by hand").unwrap();
        let work = Work {
            images: 1,
            serial_seconds: 0.0,
            ..WORK
        };
        let one = cluster(&work, &prices, prices.node(None).unwrap(), 1);
        assert!(one.minutes < 0.01);
        close(one.cost.ec2_usd, 1.0 / 60.0);
    }

    #[track_caller]
    fn close(found: f64, expected: f64) {
        assert!((found - expected).abs() < 1e-9, "{found} is not {expected}");
    }
}
