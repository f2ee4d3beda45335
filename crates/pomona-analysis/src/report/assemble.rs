//! [`Gathered::report`]: what was gathered, and what the manifest says, as one [`Report`].

use chrono::{DateTime, Utc};
use pomona_pca::PcaModel;
use pomona_report::{Counts, Parameters, Phase, Report, Variance, Versions};
use pomona_results::Manifest;

use super::gather::Gathered;

impl Gathered {
    /// The report of the run that a manifest describes.
    pub fn report(self, manifest: &Manifest, model: &PcaModel) -> Report {
        Report {
            run: manifest.run.clone(),
            finished: moment(&manifest.finished),
            parameters: parameters(manifest),
            versions: Versions {
                pomona: manifest.pomona.clone(),
                datafusion: manifest.datafusion.clone(),
                report: env!("CARGO_PKG_VERSION").to_string(),
            },
            counts: Counts {
                images: manifest.counts.images,
                features: manifest.counts.features,
                errors: manifest.counts.errors,
                reused: manifest.counts.reused,
                computed: manifest.counts.computed,
                bytes: self.bytes,
            },
            phases: phases(manifest),
            variance: Variance {
                samples: model.n_samples(),
                kept: model.k(),
                ratios: model.explained_variance_ratio().to_vec(),
            },
            scatter: self.scatter,
            classes: self.classes,
            errors: self.errors,
            outliers: self.outliers,
            duplicates: self.duplicates,
            images: self.images,
            thumbnails: self.thumbnails,
        }
    }
}

fn parameters(manifest: &Manifest) -> Parameters {
    let given = &manifest.parameters;
    Parameters {
        input: given.input.clone(),
        output: given.output.clone(),
        components: given.components.clone(),
        filter: given.filter.clone(),
        limit: given.limit,
        weights: given.weights.clone(),
        weights_sha256: manifest.weights_sha256.clone(),
    }
}

/// The phases without the report's own, which has not ended when the report is written.
fn phases(manifest: &Manifest) -> Vec<Phase> {
    let counts = &manifest.counts;
    let stages = manifest
        .stages
        .iter()
        .filter(|stage| stage.name != super::STAGE);
    stages
        .map(|stage| Phase {
            name: stage.name.clone(),
            seconds: stage.seconds,
            images: match stage.name.as_str() {
                "features" => counts.computed,
                _ => counts.images,
            },
        })
        .collect()
}

fn moment(rfc_3339: &str) -> DateTime<Utc> {
    let parsed = DateTime::parse_from_rfc3339(rfc_3339);
    parsed.map_or_else(|_| DateTime::default(), |moment| moment.to_utc())
}
