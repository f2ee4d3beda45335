//! How a test's cluster is to be.

use std::path::{Path, PathBuf};

/// When the scheduler takes a killed executor for lost, in tests that kill: a tenth of the usual time,
/// so that they take seconds. On a busy machine one that lives may be late by as much.
pub const SHORT_TIMEOUT_SECONDS: u64 = 3;

/// The binary `pomona` that stands beside a test binary of the workspace.
///
/// # Panics
/// If it is not built: `cargo test --workspace` builds it.
pub fn pomona_binary() -> PathBuf {
    let test = std::env::current_exe().expect("a process knows its binary");
    let folder = test.parent().and_then(Path::parent);
    let binary = folder.expect("test binaries lie in deps/").join("pomona");
    assert!(binary.exists(), "{} is not built", binary.display());
    binary
}

/// How a cluster is to be.
#[derive(Debug, Clone)]
pub struct ClusterOptions {
    /// The binary of all roles.
    pub binary: PathBuf,
    /// Executors from the start.
    pub executors: usize,
    /// Tasks that each runs at the same time.
    pub slots: usize,
    /// When an executor that is not heard of is lost.
    pub timeout_seconds: u64,
    /// Variables of all processes.
    pub environment: Vec<(String, String)>,
    /// More options of the scheduler.
    pub scheduler: Vec<String>,
    /// The options of all processes that give them certificates, if they are to have any.
    pub tls: Vec<String>,
}

impl ClusterOptions {
    /// Two executors of one slot, with the binary beside a test of the workspace.
    pub fn new() -> Self {
        Self::of(pomona_binary())
    }

    /// Two executors of one slot.
    pub fn of(binary: PathBuf) -> Self {
        Self {
            binary,
            executors: 2,
            slots: 1,
            timeout_seconds: 30,
            environment: vec![],
            scheduler: vec![],
            tls: vec![],
        }
    }

    /// Takes executors that are killed for lost after [`SHORT_TIMEOUT_SECONDS`].
    pub fn with_short_timeout(mut self) -> Self {
        self.timeout_seconds = SHORT_TIMEOUT_SECONDS;
        self
    }

    /// Gives all processes these variables too.
    pub fn with_environment<K: ToString, V: ToString>(
        mut self,
        variables: impl IntoIterator<Item = (K, V)>,
    ) -> Self {
        let variables = variables.into_iter();
        self.environment
            .extend(variables.map(|(name, value)| (name.to_string(), value.to_string())));
        self
    }
}

impl Default for ClusterOptions {
    fn default() -> Self {
        Self::new()
    }
}
