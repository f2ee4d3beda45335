//! The option `pomona.precision`.

use std::fmt::{self, Display, Formatter};

use datafusion::common::config_err;
use datafusion::config::{ConfigField, Visit};
use datafusion::error::Result;
use pomona_mobilenet::network::Precision;

/// What the network computes in: `f32`, or `bf16`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PrecisionOption(pub Precision);

impl Display for PrecisionOption {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Precision::F32 => "f32",
            Precision::Bf16 => "bf16",
        })
    }
}

impl ConfigField for PrecisionOption {
    fn visit<V: Visit>(&self, v: &mut V, key: &str, description: &'static str) {
        v.some(key, self, description);
    }

    fn set(&mut self, _key: &str, value: &str) -> Result<()> {
        self.0 = match value {
            "f32" => Precision::F32,
            "bf16" => Precision::Bf16,
            _ => return config_err!("pomona.precision is 'f32' or 'bf16', not '{value}'"),
        };
        Ok(())
    }
}
