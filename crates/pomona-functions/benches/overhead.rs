//! What the SQL function costs over the bare network: from files to an Arrow array, one thread.
//!
//! Compares, alternating in one run, on the same 64 images (photographs where the reference data
//! is at hand, else images drawn by code and stored as PNG):
//!
//! - `network`: resized pixels to features, `MobileNetV2::forward` in batches of 8;
//! - `extractor`: files to features, `FeatureExtractor::extract`;
//! - `function`: a binary array to a `List` array, `mobilenet_v2(content)`.
//!
//! Prints the medians in images/s, and each rate as a share of the network's.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;
use std::{env, fs};

use arrow::array::{ArrayRef, BinaryArray};
use arrow::datatypes::{DataType, Field};
use candle_core::{Device, Module, Tensor};
use datafusion::config::ConfigOptions;
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDF};
use pomona_functions::{
    BadImage, FEATURE_LEN, ImageFunc, MobileNetV2Func, Objects, PomonaOptions, network,
};
use pomona_mobilenet::FeatureExtractor;
use pomona_mobilenet::preprocess::Preprocessor;
use pomona_tests::reference_data::reference_data;
use pomona_tests::{images, weights};

const IMAGES: usize = 64;
const GROUP: usize = 8;
const ROUNDS: usize = 15;

fn main() -> Result<(), Box<dyn Error>> {
    // `cargo bench` passes `--bench`, and `cargo test --benches` runs this too: once is enough.
    let rounds = if env::args().any(|argument| argument == "--bench") {
        ROUNDS
    } else {
        1
    };
    let data = reference_data();
    let files = files(data.as_deref())?;
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("random.safetensors");
    weights::write_random(&file)?;

    let mut options = PomonaOptions::default();
    options.weights = Some(file.display().to_string());
    let loaded = network(&options, &Objects::none())?;
    let limits = options.decode_limits();
    let mut config = ConfigOptions::default();
    config.extensions.insert(options);
    let config = Arc::new(config);

    let mut preprocessor = Preprocessor::new(loaded.network.input_size(), limits);
    let image_len = preprocessor.output_len();
    let mut pixels = vec![0; IMAGES * image_len];
    for (file, image) in files.iter().zip(pixels.chunks_exact_mut(image_len)) {
        preprocessor.run(file, image)?;
    }
    let mut extractor = FeatureExtractor::new(Arc::clone(&loaded.network), limits);
    let rows: Vec<Option<&[u8]>> = files.iter().map(|file| Some(file.as_slice())).collect();
    let mut features = vec![0.0; IMAGES * FEATURE_LEN];
    let column: ArrayRef = Arc::new(BinaryArray::from(rows.clone()));
    let function = ScalarUDF::from(ImageFunc::new(
        MobileNetV2Func(BadImage::Fails),
        Objects::none(),
    ));
    let return_field = Arc::new(Field::new(
        "features",
        function.return_type(&[DataType::Binary])?,
        true,
    ));

    let mut seconds: [Vec<f64>; 3] = Default::default();
    for _ in 0..=rounds {
        let start = Instant::now();
        for group in 0..IMAGES / GROUP {
            let size = loaded.network.input_size();
            let images = &pixels[group * GROUP * image_len..][..GROUP * image_len];
            let images = Tensor::from_slice(images, (GROUP, size, size, 3), &Device::Cpu)?;
            std::hint::black_box(loaded.network.forward(&images)?);
        }
        seconds[0].push(start.elapsed().as_secs_f64());

        let start = Instant::now();
        extractor.extract(&rows, &mut features, |row, error| {
            panic!("image {row}: {error}")
        })?;
        seconds[1].push(start.elapsed().as_secs_f64());

        let start = Instant::now();
        function.invoke_with_args(ScalarFunctionArgs {
            args: vec![ColumnarValue::Array(Arc::clone(&column))],
            arg_fields: vec![Arc::new(Field::new("content", DataType::Binary, true))],
            number_rows: IMAGES,
            return_field: Arc::clone(&return_field),
            config_options: Arc::clone(&config),
        })?;
        seconds[2].push(start.elapsed().as_secs_f64());
    }

    // The first round warms the buffers up.
    let rates = seconds.map(|times| IMAGES as f64 / median(&times[1..]));
    println!("{IMAGES} images, one thread, medians of {rounds} rounds");
    for (name, rate) in ["network", "extractor", "function"].into_iter().zip(rates) {
        println!(
            "{name:<10} {rate:7.1} images/s  {:5.1}% of the network",
            100.0 * rate / rates[0]
        );
    }
    Ok(())
}

fn median(times: &[f64]) -> f64 {
    let mut times = times.to_vec();
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

/// The first photograph of each of 64 classes, or as many drawn images.
fn files(data: Option<&Path>) -> std::io::Result<Vec<Vec<u8>>> {
    let Some(data) = data else {
        return Ok((0..IMAGES as u32)
            .map(|seed| images::png(seed, 100, 100))
            .collect());
    };
    let sorted = |folder: &Path| -> std::io::Result<Vec<PathBuf>> {
        let mut paths = fs::read_dir(folder)?
            .map(|entry| entry.map(|entry| entry.path()))
            .collect::<Result<Vec<_>, _>>()?;
        paths.sort();
        Ok(paths)
    };
    sorted(&data.join("fruits360/Training"))?
        .iter()
        .take(IMAGES)
        .map(|class| fs::read(&sorted(class)?[0]))
        .collect()
}
