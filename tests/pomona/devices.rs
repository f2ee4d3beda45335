//! `pomona.device`: networks run where the session says, here and on a cluster, or the error names the device.

use std::time::Duration;

use anyhow::Result;
use arrow::array::{Array, AsArray};
use arrow::datatypes::Float32Type;
use datafusion::prelude::SessionContext;
use pomona_cluster::Cluster;
use pomona_functions::PomonaOptions;
use pomona_tests::images;
use pomona_tests::weights::write_resnet18;
use tokio::time::timeout;

use crate::engine::{image_table, local_session, query, random_weights, remote_session, set};

/// Longer than any query here takes.
const LIMIT: Duration = Duration::from_secs(120);

/// How far features of another device may be from those of the CPU, whose sums are in another order.
const TOLERANCE: f32 = 1e-3;

const CALLS: [&str; 3] = [
    "mobilenet_v2(content)",
    "try_mobilenet_v2(content)",
    "image_features(content, 'resnet18')",
];

async fn features(ctx: &SessionContext, call: &str) -> Result<Vec<f32>> {
    let sql = format!("SELECT {call} AS features FROM images ORDER BY path");
    let mut all = vec![];
    for batch in timeout(LIMIT, query(ctx, &sql)).await?? {
        let lists = batch.column(0).as_list::<i32>();
        for row in 0..lists.len() {
            all.extend_from_slice(lists.value(row).as_primitive::<Float32Type>().values());
        }
    }
    Ok(all)
}

fn assert_close(found: &[f32], expected: &[f32]) {
    assert_eq!(found.len(), expected.len());
    for (found, expected) in found.iter().zip(expected) {
        assert!((found - expected).abs() < TOLERANCE, "{found}, {expected}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn networks_run_where_the_session_says() -> Result<()> {
    let folder = tempfile::tempdir()?;
    images::write_folder(folder.path(), &["a", "b"], 2);
    let resnet = folder.path().join("resnet18.safetensors");
    write_resnet18(&resnet, 0.0)?;
    let weights = random_weights();
    let weights = weights.to_str().unwrap();
    let cluster = Cluster::standalone(2).await?;
    for ctx in [local_session(weights)?, remote_session(cluster, weights)?] {
        image_table(&ctx, folder.path()).await?;
        set(&ctx, "pomona.backbone_weights", resnet.to_str().unwrap())?;
        for call in CALLS {
            set(&ctx, "pomona.device", "cpu")?;
            let expected = features(&ctx, call).await?;
            assert!(expected.iter().any(|value| *value > 0.0));
            for name in ["auto", "cuda:0", "cuda:63", "metal"] {
                set(&ctx, "pomona.device", name)?;
                let device = PomonaOptions::of(ctx.state().config_options()).device.0;
                match (device.open(), features(&ctx, call).await) {
                    // The bits are the same on the same device.
                    (Ok(device), Ok(found)) if device.is_cpu() => assert!(found == expected),
                    (Ok(_), Ok(found)) => assert_close(&found, &expected),
                    (Err(here), Err(error)) => {
                        let (here, error) = (here.to_string(), format!("{error:#}"));
                        assert!(here.contains(&format!("device '{name}': ")), "{here}");
                        assert!(error.contains(&here), "{error}");
                    }
                    (here, found) => panic!("{name}: {here:?}, {found:?}"),
                }
            }
        }
    }
    Ok(())
}
