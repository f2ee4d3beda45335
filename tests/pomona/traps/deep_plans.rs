//! Plans of many levels need deep stacks, which the roles' threads have.

use anyhow::Result;

use crate::engine::{cluster_session, query, shared_cluster};

#[test]
fn a_plan_of_many_levels_runs() -> Result<()> {
    // The client plans on this thread, which is as deep as the binary's.
    let plan = || -> Result<usize> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .thread_stack_size(32 << 20)
            .enable_all()
            .build()?;
        runtime.block_on(async {
            let cluster = shared_cluster()?;
            let ctx = cluster_session(&cluster, "")?;
            let sum = vec!["value"; 400].join(" + ");
            let sql = format!("SELECT {sum} AS s FROM generate_series(1, 3)");
            let batches = query(&ctx, &sql).await?;
            Ok(batches.iter().map(|batch| batch.num_rows()).sum())
        })
    };
    let thread = std::thread::Builder::new()
        .stack_size(32 << 20)
        .spawn(plan)?;
    let rows = thread
        .join()
        .expect("the plan does not overflow the stack")?;
    assert_eq!(rows, 3);
    Ok(())
}
