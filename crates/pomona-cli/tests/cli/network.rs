//! `--device` and `--precision`: what the network runs on, and in what numbers.

use std::fs;

use pomona_mobilenet::network::{MobileNetV2, Precision, Weights};
use serde_json::Value;

use crate::workplace::Workplace;

const RUN: [&str; 4] = ["-i", "images", "-o", "out"];

fn run_with<'a>(option: &'a str, value: &'a str) -> Vec<&'a str> {
    [&RUN[..], &[option, value]].concat()
}

#[test]
fn a_device_is_taken_or_named_before_any_work() {
    let place = Workplace::new();
    place
        .run(&run_with("--device", "gpu"))
        .code(2)
        .says("no device is named 'gpu': the names are 'auto', 'cpu', 'cuda:0' and 'metal'");
    for (name, is_compiled) in [
        ("cuda:0", cfg!(feature = "cuda")),
        ("metal", cfg!(feature = "metal")),
    ] {
        if is_compiled {
            continue;
        }
        let (feature, _) = name.split_once(':').unwrap_or((name, ""));
        let sentence = format!(
            "pomona.device: device '{name}': this program is compiled without the cargo feature {feature}"
        );
        place
            .run(&run_with("--device", name))
            .code(1)
            .says(&sentence);
        assert!(!place.path("out").exists());
        // In SQL it is an error of the query, because executors may have what is not here.
        let query = format!(
            "SET pomona.device = '{name}'; SELECT mobilenet_v2(content) FROM images('images')"
        );
        place
            .pomona(["sql", "--weights", place.weights(), "-c", &query])
            .code(1)
            .says(&sentence);
    }
    place.run(&run_with("--device", "cpu")).code(0);
    // The device is no property of the results: they are continued on another.
    fs::write(place.path("pomona.toml"), "device = \"auto\"\n").unwrap();
    place.run(&RUN).code(0).says("nothing has changed");
}

#[test]
fn a_precision_is_that_of_the_results() {
    let place = Workplace::new();
    let bf16 = run_with("--precision", "bf16");
    place
        .run(&run_with("--precision", "f16"))
        .code(2)
        .says("f32, bf16");
    let weights = Weights::fruits().unwrap();
    if let Err(error) = MobileNetV2::with_precision(&weights, Precision::Bf16) {
        place.run(&bf16).code(1).says(&error.to_string());
        return;
    }
    place.run(&bf16).code(0);
    let manifest = fs::read_to_string(place.path("out/manifest.json")).unwrap();
    let manifest: Value = serde_json::from_str(&manifest).unwrap();
    assert_eq!(manifest["options"]["precision"], "bf16");
    place
        .run(&RUN)
        .code(1)
        .says("precision bf16")
        .says("now exif_orientation ignore, truncated error, precision f32");
    fs::write(place.path("pomona.toml"), "precision = \"bf16\"\n").unwrap();
    place.run(&RUN).code(0).says("nothing has changed");
}
