//! Top-1 accuracy of a network with a classifier, on a folder that has a folder of images a class.
//!
//! `cargo run -p pomona-mobilenet --example accuracy -- WEIGHTS FOLDER [bf16]`

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use pomona_mobilenet::FeatureExtractor;
use pomona_mobilenet::network::{MobileNetV2, Precision, Weights};
use pomona_mobilenet::preprocess::DecodeLimits;

type Error = Box<dyn std::error::Error>;

/// Files in memory at a time.
const BATCH: usize = 64;

fn main() -> Result<(), Error> {
    let mut arguments = std::env::args().skip(1);
    let (Some(weights), Some(folder)) = (arguments.next(), arguments.next()) else {
        return Err("usage: accuracy WEIGHTS FOLDER [bf16]".into());
    };
    let precision = match arguments.next().as_deref() {
        None => Precision::F32,
        Some("bf16") => Precision::Bf16,
        Some(other) => return Err(format!("`{other}`: expected bf16 or nothing").into()),
    };
    let network = MobileNetV2::with_precision(&Weights::load(&weights)?, precision)?;
    let network = Arc::new(network);
    let Some(classifier) = network.classifier() else {
        return Err(format!("{weights} has no classifier").into());
    };
    let labels = Arc::clone(classifier.labels());
    let mut extractor = FeatureExtractor::new(Arc::clone(&network), DecodeLimits::default());

    let (images, others) = images(folder.into(), &labels)?;
    let mut wrong = vec![0; labels.len()];
    let mut features = vec![0.0; BATCH * network.feature_len()];
    let mut scores = vec![0.0; BATCH * labels.len()];
    let start = Instant::now();
    for batch in images.chunks(BATCH) {
        let files = batch.iter().map(|(_, path)| fs::read(path));
        let files = files.collect::<Result<Vec<_>, _>>()?;
        let files: Vec<_> = files.iter().map(|file| Some(file.as_slice())).collect();
        let features = &mut features[..batch.len() * network.feature_len()];
        let scores = &mut scores[..batch.len() * labels.len()];
        let mut failure = None;
        extractor.extract(&files, features, |row, error| failure = Some((row, error)))?;
        if let Some((row, error)) = failure {
            return Err(format!("{}: {error}", batch[row].1.display()).into());
        }
        classifier.scores(features, scores);
        for ((label, _), scores) in batch.iter().zip(scores.chunks_exact(labels.len())) {
            let best = scores.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1));
            wrong[*label] += usize::from(best.map(|(class, _)| class) != Some(*label));
        }
    }
    let right = images.len() - wrong.iter().sum::<usize>();
    println!(
        "{right} of {} images right, {:.3}%, in {:.1} s on one thread ({}, {precision:?}); \
         {others} images of other classes left out",
        images.len(),
        100.0 * right as f64 / images.len() as f64,
        start.elapsed().as_secs_f64(),
        network.isa(),
    );
    let mut worst: Vec<_> = wrong.iter().zip(labels.iter()).collect();
    worst.sort_by(|a, b| b.cmp(a));
    for (wrong, label) in worst.iter().take(10).filter(|(wrong, _)| **wrong > 0) {
        println!("{wrong:5} wrong of {label}");
    }
    Ok(())
}

/// The images of the classes with their class, and the number of those of other classes.
fn images(folder: PathBuf, labels: &[String]) -> Result<(Vec<(usize, PathBuf)>, usize), Error> {
    let (mut images, mut others) = (Vec::new(), 0);
    for class in fs::read_dir(folder)? {
        let class = class?;
        let name = class.file_name();
        let label = labels.iter().position(|label| name == label.as_str());
        for image in fs::read_dir(class.path())? {
            match label {
                Some(label) => images.push((label, image?.path())),
                None => others += 1,
            }
        }
    }
    images.sort();
    Ok((images, others))
}
