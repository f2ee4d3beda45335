//! [`Prices`]: what machines, requests and storage cost, from a dated table.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::PipelineError;

/// The table that comes with Pomona.
const BUILT_IN: &str = include_str!("../../../../deploy/prices.toml");

/// A table of prices: `deploy/prices.toml`, or one's own.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Prices {
    /// The type of the nodes where none is named.
    pub default_type: String,
    /// From dollars to euros.
    pub exchange: Exchange,
    /// Requests and storage.
    pub s3: S3Prices,
    /// What a cluster adds to the work.
    pub cluster: ClusterPrices,
    /// Types of nodes by name.
    pub types: BTreeMap<String, NodeType>,
}

/// A rate of exchange.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Exchange {
    /// Dollars that a euro buys.
    pub usd_per_eur: f64,
    /// When.
    pub date: String,
    /// According to whom.
    pub source: String,
}

/// The prices of S3, in dollars.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct S3Prices {
    /// A thousand GET requests.
    pub get_usd_per_1000: f64,
    /// A thousand PUT, COPY, POST or LIST requests.
    pub put_copy_list_usd_per_1000: f64,
    /// A gigabyte (10^9 bytes) for a month.
    pub storage_usd_per_gb_month: f64,
    /// Where.
    pub region: String,
    /// When.
    pub date: String,
    /// According to whom.
    pub source: String,
}

/// What a cluster adds to the work.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClusterPrices {
    /// Minutes that nodes are paid for before they compute.
    pub startup_minutes: f64,
}

/// A type of node.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NodeType {
    /// Virtual processors.
    pub vcpus: u32,
    /// Physical cores.
    pub cores: u32,
    /// Memory, in GiB.
    pub memory_gib: f64,
    /// An hour of EC2, on demand, in dollars.
    pub ec2_usd_per_hour: f64,
    /// What EMR adds to an hour, in dollars.
    pub emr_usd_per_hour: f64,
    /// Where.
    pub region: String,
    /// When.
    pub date: String,
    /// According to whom.
    pub source: String,
}

impl Prices {
    /// The table that comes with Pomona.
    ///
    /// # Errors
    /// Never, unless the table in the source is wrong.
    pub fn built_in() -> Result<Self, PipelineError> {
        Self::parse(BUILT_IN, "deploy/prices.toml")
    }

    /// A table from a file.
    ///
    /// # Errors
    /// When it cannot be read, is not such a table, or holds a price below zero.
    pub fn read(path: &Path) -> Result<Self, PipelineError> {
        let name = path.display().to_string();
        let text = fs::read_to_string(path).map_err(|error| PipelineError::Prices {
            file: name.clone(),
            reason: error.to_string(),
        })?;
        Self::parse(&text, &name)
    }

    /// A table from its text; `file` is for errors.
    ///
    /// # Errors
    /// As [`Prices::read`].
    pub fn parse(text: &str, file: &str) -> Result<Self, PipelineError> {
        let refused = |reason: String| PipelineError::Prices {
            file: file.to_string(),
            reason,
        };
        let prices: Self = toml::from_str(text).map_err(|error| refused(error.to_string()))?;
        for (name, value, from) in prices.amounts() {
            if !value.is_finite() || value < from {
                return Err(refused(format!("{name} is {value}, which is no price")));
            }
        }
        for (name, node) in &prices.types {
            if node.cores == 0 || node.cores > node.vcpus {
                return Err(refused(format!(
                    "types.{name} has {} cores and {} vcpus: a core has one vcpu or more",
                    node.cores, node.vcpus
                )));
            }
        }
        Ok(prices)
    }

    /// A type of node by its name, or the default.
    ///
    /// # Errors
    /// When the table has no such type: the error names those there are, the nearest first.
    pub fn node(&self, name: Option<&str>) -> Result<(&str, &NodeType), PipelineError> {
        let name = name.unwrap_or(&self.default_type);
        if let Some((name, node)) = self.types.get_key_value(name) {
            return Ok((name, node));
        }
        let distance = |known: &&String| strsim::damerau_levenshtein(known, name);
        Err(PipelineError::UnknownNodeType {
            name: name.to_string(),
            nearest: self.types.keys().min_by_key(distance).cloned(),
            known: self.types.keys().cloned().collect::<Vec<_>>().join(", "),
        })
    }

    /// Every amount with its name and the least that it may be.
    fn amounts(&self) -> Vec<(String, f64, f64)> {
        let s3 = &self.s3;
        let mut amounts = vec![
            (
                "exchange.usd_per_eur".to_string(),
                self.exchange.usd_per_eur,
                0.01,
            ),
            ("s3.get_usd_per_1000".to_string(), s3.get_usd_per_1000, 0.0),
            (
                "s3.put_copy_list_usd_per_1000".to_string(),
                s3.put_copy_list_usd_per_1000,
                0.0,
            ),
            (
                "s3.storage_usd_per_gb_month".to_string(),
                s3.storage_usd_per_gb_month,
                0.0,
            ),
            (
                "cluster.startup_minutes".to_string(),
                self.cluster.startup_minutes,
                0.0,
            ),
        ];
        for (name, node) in &self.types {
            for (field, value) in [
                ("memory_gib", node.memory_gib),
                ("ec2_usd_per_hour", node.ec2_usd_per_hour),
                ("emr_usd_per_hour", node.emr_usd_per_hour),
            ] {
                amounts.push((format!("types.{name}.{field}"), value, 0.0));
            }
        }
        amounts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_built_in_table_says_where_its_prices_come_from() {
        let prices = Prices::built_in().unwrap();
        prices.node(None).unwrap();
        for (name, node) in &prices.types {
            assert_eq!(node.source, "AWS price list", "{name}");
            assert!(!node.date.is_empty() && !node.region.is_empty(), "{name}");
        }
    }

    #[test]
    fn an_unknown_type_is_an_error_with_the_nearest_and_all() {
        let prices = Prices::built_in().unwrap();
        let error = prices.node(Some("m5.xlage")).unwrap_err().to_string();
        assert!(error.contains("did you mean 'm5.xlarge'"), "{error}");
        for name in prices.types.keys() {
            assert!(error.contains(name.as_str()), "{error}");
        }
    }

    #[test]
    fn what_is_no_price_is_refused() {
        for (from, to, says) in [
            ("ec2_usd_per_hour = 0.192", "ec2_usd_per_hour = -1.0", "-1"),
            ("usd_per_eur = 1.0389", "usd_per_eur = 0.0", "usd_per_eur"),
            ("cores = 2", "cores = 5", "5 cores"),
            ("startup_minutes", "startup_minuts", "startup_minuts"),
        ] {
            let text = BUILT_IN.replacen(from, to, 1);
            let error = Prices::parse(&text, "mine.toml").unwrap_err().to_string();
            assert!(
                error.contains("mine.toml") && error.contains(says),
                "{error}"
            );
        }
    }
}
