//! The pool of an executor's operators is 70% of the machine's memory, and blind to images and
//! networks, which are beside it.

use std::process::Command;

use anyhow::Result;
use ballista_executor::executor_process::ExecutorProcessConfig;
use pomona_tests::cluster::pomona_binary;

#[test]
fn ours_leaves_room() -> Result<()> {
    assert_eq!(ExecutorProcessConfig::default().memory_pool_fraction, 0.7);
    let help = Command::new(pomona_binary())
        .args(["executor", "--help"])
        .output()?;
    let help = String::from_utf8(help.stdout)?;
    let (_, fraction) = help
        .split_once("--memory-pool-fraction <")
        .expect("an option");
    let (fraction, _) = fraction.split_once(']').expect("its default");
    assert!(fraction.ends_with("[default: 0.5"), "{fraction}");
    Ok(())
}
