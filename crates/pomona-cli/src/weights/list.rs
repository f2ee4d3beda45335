//! `pomona weights list`: lists the weights that have a name.

use std::io::Write;
use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use indicatif::DecimalBytes;
use pomona_mobilenet::network::Weights;
use pomona_weights::{FRUITS, HubSettings, IMAGENET, imagenet};
use serde_json::{Value, json};

use super::Form;
use crate::terminal::stdout;

#[derive(Debug, Args)]
pub(crate) struct ListArguments {
    /// Format of the list
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t = Form::Table)]
    format: Form,
}

/// Weights with a name.
struct Named {
    name: &'static str,
    what: &'static str,
    from: String,
    is_here: bool,
    place: String,
    /// Known where they are here.
    bytes: Option<u64>,
}

pub(super) async fn main(arguments: &ListArguments) -> Result<()> {
    let all = [fruits(), imagenet().await?];
    match arguments.format {
        Form::Json => {
            let all: Vec<Value> = all.iter().map(Named::json).collect();
            writeln!(stdout(), "{}", serde_json::to_string_pretty(&all)?)?;
        }
        Form::Table => {
            writeln!(
                stdout(),
                "{:<10}{:<8}{:>10}  WHAT AND WHERE",
                "NAME",
                "HERE",
                "SIZE"
            )?;
            for named in &all {
                let size = named.bytes.map(|bytes| DecimalBytes(bytes).to_string());
                writeln!(
                    stdout(),
                    "{:<10}{:<8}{:>10}  {}: {}",
                    named.name,
                    if named.is_here { "yes" } else { "no" },
                    size.as_deref().unwrap_or("-"),
                    named.what,
                    named.place,
                )?;
            }
        }
    }
    Ok(())
}

impl Named {
    fn json(&self) -> Value {
        json!({
            "name": self.name,
            "what": self.what,
            "from": self.from,
            "cached": self.is_here,
            "where": self.place,
            "bytes": self.bytes,
        })
    }
}

fn fruits() -> Named {
    Named {
        name: FRUITS,
        what: "trained by this project on Fruits-360, 114 classes",
        from: "pomona".to_string(),
        is_here: true,
        place: "inside the program".to_string(),
        bytes: Some(Weights::fruits_file().len() as u64),
    }
}

async fn imagenet() -> Result<Named> {
    let settings = HubSettings::from_env();
    let cached: Option<PathBuf> = settings.cached(&imagenet::REPOSITORY).await?;
    let length = |path: &PathBuf| std::fs::metadata(path).map(|metadata| metadata.len()).ok();
    let from = format!("{}/{}", settings.endpoint, imagenet::REPOSITORY.id());
    Ok(Named {
        name: IMAGENET,
        what: "Google's MobileNetV2 1.0, ImageNet",
        is_here: cached.is_some(),
        bytes: cached.as_ref().and_then(length),
        place: match &cached {
            Some(path) => path.display().to_string(),
            None => format!("fetched from {from} into {}", settings.cache.display()),
        },
        from,
    })
}
