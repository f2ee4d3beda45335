//! [`ProcessMark`]: which process, on which machine, and whether it is gone.

use std::env;
use std::fmt::{self, Display, Formatter};
use std::fs;
use std::process;

use serde::{Deserialize, Serialize};

/// What identifies a process.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ProcessMark {
    /// The machine's name.
    host: String,
    /// The process's number there.
    pid: u32,
    /// The boot of the machine and the space of its process numbers: containers that share a name
    /// do not share their numbers. None where the system does not report it.
    space: Option<String>,
    /// When the process began, in the system's ticks since boot: numbers come again. None where the
    /// system does not report it.
    began: Option<u64>,
}

impl ProcessMark {
    /// The process that asks.
    pub(crate) fn this() -> Self {
        Self {
            host: host(),
            pid: process::id(),
            space: space(),
            began: began(process::id()),
        }
    }

    /// Whether the process is known to have ended. That can be known of a process on this machine
    /// alone, and on Linux alone; of others it is never known.
    pub(crate) fn is_gone(&self) -> bool {
        let visible = self.host == host() && self.space.is_some() && self.space == space();
        visible && self.began.is_some() && sees_others() && began(self.pid) != self.began
    }
}

impl Display for ProcessMark {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "process {} on {}", self.pid, self.host)
    }
}

/// Whether this process sees those of other users; `hidepid` hides them, and then a process that is
/// not seen need not be gone.
fn sees_others() -> bool {
    fs::metadata("/proc/1").is_ok()
}

fn host() -> String {
    let linux = fs::read_to_string("/proc/sys/kernel/hostname").ok();
    let named = linux.map(|name| name.trim().to_string());
    let named = named.or_else(|| env::var("HOSTNAME").ok());
    let named = named.or_else(|| env::var("COMPUTERNAME").ok());
    named.unwrap_or_else(|| "an unnamed machine".to_string())
}

fn space() -> Option<String> {
    let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    let numbers = fs::read_link("/proc/self/ns/pid").ok()?;
    Some(format!("{} {}", boot.trim(), numbers.display()))
}

/// When a process that runs began; `None` for one that has ended, also where its parent has not
/// yet asked for its exit code.
fn began(pid: u32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name stands in parentheses and may hold anything, parentheses too.
    let (_, fields) = stat.rsplit_once(')')?;
    let mut fields = fields.split_ascii_whitespace();
    match fields.next()? {
        "Z" | "X" => None,
        // proc_pid_stat(5): the state is the third field, the start the twenty-second.
        _ => fields.nth(18)?.parse().ok(),
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn a_process_that_runs_is_not_gone() {
        assert!(!ProcessMark::this().is_gone());
    }

    #[test]
    fn a_process_that_ended_is_gone_before_its_parent_asks() {
        let mut child = Command::new("sleep").arg("60").spawn().unwrap();
        let mark = ProcessMark {
            pid: child.id(),
            began: began(child.id()),
            ..ProcessMark::this()
        };
        assert!(mark.began.is_some() && !mark.is_gone());
        child.kill().unwrap();
        for _ in 0..500 {
            if mark.is_gone() {
                break;
            }
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
        assert!(mark.is_gone());
        child.wait().unwrap();
        assert!(mark.is_gone());
    }

    #[test]
    fn of_other_machines_and_containers_nothing_is_known() {
        let gone = ProcessMark {
            began: Some(1),
            ..ProcessMark::this()
        };
        assert!(gone.is_gone());
        let elsewhere = ProcessMark {
            host: "elsewhere".to_string(),
            ..gone.clone()
        };
        let contained = ProcessMark {
            space: Some("another boot".to_string()),
            ..gone
        };
        assert!(!elsewhere.is_gone() && !contained.is_gone());
    }
}
