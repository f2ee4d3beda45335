//! The names of result formats: datafusion-cli's, and `ndjson` as an alias of its `nd-json`.

use std::ffi::OsStr;

use clap::builder::{EnumValueParser, PossibleValue, TypedValueParser};
use clap::{Arg, Command, Error};
use datafusion_cli::print_format::PrintFormat;

/// Reads the value of `--format`.
#[derive(Debug, Clone)]
pub(crate) struct FormatParser;

impl TypedValueParser for FormatParser {
    type Value = PrintFormat;

    fn parse_ref(
        &self,
        command: &Command,
        argument: Option<&Arg>,
        value: &OsStr,
    ) -> Result<PrintFormat, Error> {
        let value = if value == "ndjson" {
            "nd-json".as_ref()
        } else {
            value
        };
        EnumValueParser::<PrintFormat>::new().parse_ref(command, argument, value)
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        let parser = EnumValueParser::<PrintFormat>::new();
        let named: Vec<_> = parser
            .possible_values()?
            .map(|value| match value.get_name() {
                "nd-json" => value.alias("ndjson"),
                _ => value,
            })
            .collect();
        Some(Box::new(named.into_iter()))
    }
}
