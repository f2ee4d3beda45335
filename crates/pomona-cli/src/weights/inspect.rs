//! `pomona weights inspect`: shows the content of a weights file.

use std::io::Write;

use anyhow::{Context, Result};
use clap::Args;
use pomona_mobilenet::network::architecture::Padding;
use pomona_mobilenet::network::{Inspection, LabelSource};
use pomona_weights::WeightsFile;
use serde_json::json;

use super::{Form, read};
use crate::terminal::stdout;

/// Longest metadata value that is shown whole.
const LINE: usize = 100;

#[derive(Debug, Args)]
pub(crate) struct InspectArguments {
    /// Weights to inspect: a file, a URL, or a name
    #[arg(value_name = "FILE")]
    file: String,

    /// Format of the output
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t = Form::Table)]
    format: Form,
}

pub(super) fn main(arguments: &InspectArguments) -> Result<()> {
    let file = read(&arguments.file)?;
    let named = || format!("weights '{}'", arguments.file);
    let bytes = file.safetensors().with_context(named)?;
    let found = Inspection::of(&bytes).with_context(named)?;
    match arguments.format {
        Form::Table => table(&file, &found)?,
        Form::Json => writeln!(
            stdout(),
            "{}",
            serde_json::to_string_pretty(&object(&file, &found))?
        )?,
    }
    Ok(())
}

fn padding(found: &Inspection) -> &'static str {
    match found.weights.architecture().padding {
        Padding::TensorFlowSame => "same",
        Padding::Symmetric => "symmetric",
    }
}

/// Where the names of the classes come from; printed instead of the names, which may be thousands.
fn labels(found: &Inspection) -> &'static str {
    match found.weights.label_source() {
        None => "none",
        Some(LabelSource::Metadata) => "metadata",
        Some(LabelSource::Imagenet) => "imagenet",
        Some(LabelSource::Numbers) => "numbers",
    }
}

fn object(file: &WeightsFile, found: &Inspection) -> serde_json::Value {
    let architecture = found.weights.architecture();
    json!({
        "from": file.from(),
        "bytes": file.bytes().len(),
        "sha256": file.sha256(),
        "architecture": "mobilenet_v2",
        "width": architecture.width,
        "names": found.names.to_string(),
        "dtypes": found.dtypes,
        "tensors": found.tensors,
        "parameters": found.parameters,
        "input_size": architecture.input_size,
        "padding": padding(found),
        "batch_norm_epsilon": architecture.batch_norm_epsilon,
        "features": architecture.features,
        "classes": found.weights.labels().map_or(0, |labels| labels.len()),
        "labels_from": labels(found),
        "labels": found.weights.labels().map(|labels| labels.to_vec()),
        "license": found.metadata.get("license"),
        "metadata": found.metadata,
    })
}

fn table(file: &WeightsFile, found: &Inspection) -> Result<()> {
    let architecture = found.weights.architecture();
    let size = architecture.input_size;
    let dtypes: Vec<String> = found
        .dtypes
        .iter()
        .map(|(dtype, tensors)| format!("{tensors} {dtype}"))
        .collect();
    let classes = match found.weights.labels() {
        None => "none: features alone".to_string(),
        Some(labels) => format!("{}, named by {}", labels.len(), self::labels(found)),
    };
    for (key, value) in [
        ("from", file.from().to_string()),
        ("bytes", file.bytes().len().to_string()),
        ("sha256", file.sha256().to_string()),
        (
            "architecture",
            format!("MobileNetV2, width {}", architecture.width),
        ),
        ("names", found.names.to_string()),
        (
            "tensors",
            format!("{} ({})", found.tensors, dtypes.join(", ")),
        ),
        ("parameters", found.parameters.to_string()),
        (
            "input",
            format!("{size} x {size} pixels, {} padding", padding(found)),
        ),
        (
            "batch norm",
            format!("epsilon {}", architecture.batch_norm_epsilon),
        ),
        ("features", architecture.features.to_string()),
        ("classes", classes),
        (
            "licence",
            found
                .metadata
                .get("license")
                .map_or("not stated", String::as_str)
                .to_string(),
        ),
    ] {
        writeln!(stdout(), "{key:<14}{value}")?;
    }
    let others = found.metadata.iter().filter(|(key, _)| *key != "license");
    for (key, value) in others {
        let line: String = value.chars().take(LINE).collect();
        let rest = if line.len() < value.len() { " …" } else { "" };
        writeln!(stdout(), "metadata      {key} = {line}{rest}")?;
    }
    Ok(())
}
