//! The option `pomona.device`.

use std::fmt::{self, Display, Formatter};

use datafusion::config::{ConfigField, Visit};
use datafusion::error::DataFusionError;
use pomona_backbones::{DeviceError, DeviceName};

/// Where networks run. Any name of a device is accepted where the option is set: it is for the
/// executors of a cluster, too, which may have what this machine has not.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct DeviceOption(pub DeviceName);

impl Display for DeviceOption {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl ConfigField for DeviceOption {
    fn visit<V: Visit>(&self, v: &mut V, key: &str, description: &'static str) {
        v.some(key, self, description);
    }

    fn set(&mut self, _key: &str, value: &str) -> Result<(), DataFusionError> {
        let device: Result<DeviceName, DeviceError> = value.parse();
        self.0 = device.map_err(|error| DataFusionError::Configuration(error.to_string()))?;
        Ok(())
    }
}
