//! `pomona weights fetch`: fetches weights into the cache.

use std::io::Write;

use anyhow::Result;
use clap::Args;
use clap::builder::PossibleValuesParser;
use pomona_weights::{FRUITS, HubSettings, NAMES, imagenet};

use crate::terminal::stdout;

#[derive(Debug, Args)]
pub(crate) struct FetchArguments {
    /// Name of the weights
    #[arg(value_name = "NAME", value_parser = PossibleValuesParser::new(NAMES))]
    name: String,
}

pub(super) async fn main(arguments: &FetchArguments) -> Result<()> {
    let name = &arguments.name;
    if name == FRUITS {
        writeln!(stdout(), "{name}: inside the program, nothing is fetched")?;
        return Ok(());
    }
    let settings = HubSettings::from_env();
    let file = imagenet::fetch(&settings).await?;
    let cached = settings.cached(&imagenet::REPOSITORY).await?;
    let place = cached.unwrap_or(settings.cache);
    writeln!(
        stdout(),
        "{name}: {} sha256 {}",
        place.display(),
        file.sha256()
    )?;
    Ok(())
}
