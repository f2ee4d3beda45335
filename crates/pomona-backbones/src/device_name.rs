//! [`DeviceName`]: the words for a device, and the device itself.

use std::collections::HashMap;
use std::fmt::{self, Display, Formatter};
use std::str::FromStr;
use std::sync::{LazyLock, Mutex, OnceLock, PoisonError};

use candle_core::Device;
use thiserror::Error;

/// A device by its name, in PyTorch's words where it has them: `auto`, `cpu`, `cuda:0`, `metal`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum DeviceName {
    /// The first graphics processor that the program is compiled for and the machine has, else the CPU.
    #[default]
    Auto,
    /// The CPU.
    Cpu,
    /// A graphics processor of NVIDIA, from 0; `cuda` is the first.
    Cuda(usize),
    /// A graphics processor of Apple, from 0; `metal` is the first.
    Metal(usize),
}

/// Why there is no such device.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum DeviceError {
    /// No device has this name.
    #[error("no device is named '{0}': the names are 'auto', 'cpu', 'cuda:0' and 'metal'")]
    Unknown(String),

    /// The program has no code for the device.
    #[error(
        "device '{device}': this program is compiled without the cargo feature {feature}; \
         device 'auto' takes the CPU then"
    )]
    NotCompiled {
        /// The device.
        device: DeviceName,
        /// The feature of every crate between here and the program.
        feature: &'static str,
    },

    /// The machine has no such device, or it cannot be used.
    #[error("device '{device}': {source}")]
    Unusable {
        /// The device.
        device: DeviceName,
        /// What Candle says.
        source: candle_core::Error,
    },
}

/// Open devices. Two that were opened one after the other are two devices to Candle, whose tensors
/// do not meet.
static OPEN: LazyLock<Mutex<HashMap<DeviceName, Device>>> = LazyLock::new(Mutex::default);

/// What `auto` found. It is asked for with every batch, and a machine without a device is slow to say so.
static AUTO: OnceLock<DeviceName> = OnceLock::new();

impl DeviceName {
    /// The device, opened at the first call in a process.
    ///
    /// # Errors
    /// When the program is compiled without the device's feature, and when the machine has no such
    /// device; never for `auto` and `cpu`.
    pub fn open(self) -> Result<Device, DeviceError> {
        match self {
            Self::Cpu => Ok(Device::Cpu),
            Self::Auto => self.resolved().open(),
            Self::Cuda(number) => {
                self.open_as("cuda", cfg!(feature = "cuda"), || Device::new_cuda(number))
            }
            Self::Metal(number) => self.open_as("metal", cfg!(feature = "metal"), || {
                Device::new_metal(number)
            }),
        }
    }

    /// What `auto` stands for on this machine, and every other name itself.
    pub fn resolved(self) -> Self {
        match self {
            Self::Auto => *AUTO.get_or_init(|| {
                let found = [Self::Cuda(0), Self::Metal(0)].into_iter();
                let mut found = found.filter(|device| device.open().is_ok());
                found.next().unwrap_or(Self::Cpu)
            }),
            named => named,
        }
    }

    fn open_as(
        self,
        feature: &'static str,
        is_compiled: bool,
        open: impl FnOnce() -> candle_core::Result<Device>,
    ) -> Result<Device, DeviceError> {
        if !is_compiled {
            let device = self;
            return Err(DeviceError::NotCompiled { device, feature });
        }
        let mut devices = OPEN.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(device) = devices.get(&self) {
            return Ok(device.clone());
        }
        let device = open().map_err(|source| DeviceError::Unusable {
            device: self,
            source,
        })?;
        devices.insert(self, device.clone());
        Ok(device)
    }
}

impl FromStr for DeviceName {
    type Err = DeviceError;

    fn from_str(name: &str) -> Result<Self, DeviceError> {
        let unknown = || DeviceError::Unknown(name.to_string());
        let (kind, number) = match name.split_once(':') {
            // A sign is no part of a number of a device.
            Some((kind, digits)) if digits.bytes().all(|byte| byte.is_ascii_digit()) => {
                (kind, Some(digits.parse().map_err(|_| unknown())?))
            }
            Some(_) => return Err(unknown()),
            None => (name, None),
        };
        match (kind, number) {
            ("auto", None) => Ok(Self::Auto),
            ("cpu", None) => Ok(Self::Cpu),
            ("cuda", number) => Ok(Self::Cuda(number.unwrap_or(0))),
            ("metal", number) => Ok(Self::Metal(number.unwrap_or(0))),
            _ => Err(unknown()),
        }
    }
}

impl Display for DeviceName {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::Cpu => f.write_str("cpu"),
            Self::Cuda(number) => write!(f, "cuda:{number}"),
            Self::Metal(0) => f.write_str("metal"),
            Self::Metal(number) => write!(f, "metal:{number}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_they_are_written() {
        for (name, device) in [
            ("auto", DeviceName::Auto),
            ("cpu", DeviceName::Cpu),
            ("cuda:0", DeviceName::Cuda(0)),
            ("cuda:13", DeviceName::Cuda(13)),
            ("metal", DeviceName::Metal(0)),
            ("metal:1", DeviceName::Metal(1)),
        ] {
            assert_eq!(name.parse::<DeviceName>().unwrap(), device);
            assert_eq!(device.to_string(), name);
        }
        assert_eq!("cuda".parse::<DeviceName>().unwrap(), DeviceName::Cuda(0));
        for name in [
            "",
            "gpu",
            "CPU",
            "cpu:0",
            "auto:1",
            "cuda:",
            "cuda:+1",
            "cuda:-1",
            "cuda:1x",
            "cuda:0:1",
            "cuda:99999999999999999999",
        ] {
            let error = name.parse::<DeviceName>().unwrap_err().to_string();
            assert!(error.contains(&format!("'{name}'")), "{error}");
        }
    }

    #[test]
    fn the_cpu_is_there_and_what_is_not_compiled_is_named() {
        assert!(DeviceName::Cpu.open().unwrap().is_cpu());
        assert_ne!(DeviceName::Auto.resolved(), DeviceName::Auto);
        let auto = DeviceName::Auto.open().unwrap();
        for (name, feature, is_compiled) in [
            (DeviceName::Cuda(0), "cuda", cfg!(feature = "cuda")),
            (DeviceName::Metal(0), "metal", cfg!(feature = "metal")),
        ] {
            match name.open() {
                // Opened twice it is one device, and what `auto` takes first.
                Ok(device) => {
                    assert!(device.same_device(&name.open().unwrap()));
                    assert!(!auto.is_cpu());
                }
                Err(DeviceError::NotCompiled { feature: named, .. }) => {
                    assert!(!is_compiled);
                    assert_eq!(named, feature);
                }
                Err(error) => assert!(is_compiled, "{error}"),
            }
        }
        if !cfg!(feature = "cuda") && !cfg!(feature = "metal") {
            assert!(auto.is_cpu());
        }
    }
}
