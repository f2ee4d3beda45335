//! `pack.json`: the plan of the shards in a folder, and which of them are complete.

use std::collections::{HashMap, HashSet};

use pomona_results::StoreFolder;
use serde::{Deserialize, Serialize};

use super::plan::{PlannedShard, ShardFormat};
use super::{PackError, PackOptions};

/// The name of the record.
pub(super) const RECORD: &str = "pack.json";

/// What a folder of shards holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Record {
    pub pomona: String,
    pub input: String,
    pub format: ShardFormat,
    pub shard_size: u64,
    pub shards: Vec<Shard>,
    /// Shards of an earlier plan that this one has not replaced yet.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub replaced: Vec<String>,
}

/// One of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Shard {
    pub name: String,
    pub images: u64,
    /// The bytes of the images.
    pub bytes: u64,
    pub fingerprint: String,
    /// The bytes of the file, once it is complete.
    pub size: Option<u64>,
}

impl Record {
    /// The record of a plan of which nothing is done.
    pub(super) fn new(options: &PackOptions, planned: &[PlannedShard]) -> Self {
        let shard = |shard: &PlannedShard| Shard {
            name: shard.name.clone(),
            images: shard.images(),
            bytes: shard.bytes,
            fingerprint: shard.fingerprint.clone(),
            size: None,
        };
        Self {
            pomona: env!("CARGO_PKG_VERSION").to_string(),
            input: options.input.clone(),
            format: options.format,
            shard_size: options.shard_size,
            shards: planned.iter().map(shard).collect(),
            replaced: vec![],
        }
    }

    pub(super) fn parse(bytes: &[u8]) -> Result<Self, serde_json::Error> {
        serde_json::from_slice(bytes)
    }

    /// Whether both make the same files.
    pub(super) fn is_same_plan(&self, other: &Self) -> bool {
        let files = |record: &Self| {
            let shards = record.shards.iter();
            let shards = shards.map(|shard| (shard.name.clone(), shard.fingerprint.clone()));
            shards.collect::<Vec<_>>()
        };
        files(self) == files(other)
    }

    /// Every file that it may have written.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        let shards = self.shards.iter().map(|shard| shard.name.as_str());
        shards.chain(self.replaced.iter().map(String::as_str))
    }

    /// Takes over what is complete of an earlier plan.
    pub(super) fn keep(&mut self, earlier: &Self) {
        let shards = earlier.shards.iter();
        let earlier_shards: HashMap<_, _> = shards
            .map(|shard| ((&shard.name, &shard.fingerprint), shard.size))
            .collect();
        for shard in &mut self.shards {
            let same = earlier_shards.get(&(&shard.name, &shard.fingerprint));
            shard.size = same.copied().flatten();
        }
        self.replaced = self.surplus(earlier);
    }

    /// The files of an earlier plan that have no place in this one.
    pub(super) fn surplus(&self, earlier: &Self) -> Vec<String> {
        let here: HashSet<_> = self
            .shards
            .iter()
            .map(|shard| shard.name.as_str())
            .collect();
        let names = earlier.names().filter(|name| !here.contains(name));
        names.map(str::to_owned).collect()
    }

    pub(super) async fn write(&self, folder: &StoreFolder) -> Result<(), PackError> {
        let json = serde_json::to_vec_pretty(self).expect("a record is JSON");
        Ok(folder.write(RECORD, json).await?)
    }
}
