//! [`Kind`]: which exception an error becomes.

use std::error::Error;
use std::io;

use arrow::error::ArrowError;
use datafusion::error::DataFusionError;
use pomona_analysis::AnalysisError;
use pomona_backbones::BackboneError;
use pomona_cluster::ClusterError;
use pomona_functions::FunctionError;
use pomona_images::ImagesError;
use pomona_mobilenet::ImageError;
use pomona_mobilenet::network::WeightsError;
use pomona_pca::PcaError;
use pomona_pipeline::PipelineError;
use pomona_results::ResultsError;
use pomona_session::{ScriptError, SessionError};
use pomona_weights::LoadError;

/// The exceptions that this library raises, in the order of `errors::CLASSES`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Other,
    Usage,
    Image,
    Weights,
    Storage,
    Sql,
    Cluster,
    Output,
}

/// The kind of an error: that of the first cause whose type says one.
pub(crate) fn of_error(error: &anyhow::Error) -> Kind {
    if pomona_cli::is_usage_error(error) {
        return Kind::Usage;
    }
    error.chain().find_map(of_cause).unwrap_or(Kind::Other)
}

/// The kind of an error of the engine: that of what it wraps, or SQL.
pub(crate) fn of_engine(error: &DataFusionError) -> Kind {
    match error.find_root() {
        DataFusionError::External(inner) => of_cause(inner.as_ref()).unwrap_or(Kind::Sql),
        DataFusionError::IoError(inner) => of_io(inner),
        DataFusionError::ObjectStore(_) => Kind::Storage,
        DataFusionError::ArrowError(inner, _) => of_arrow(inner),
        _ => Kind::Sql,
    }
}

/// The kind of a cause, if its type is known here.
fn of_cause(cause: &(dyn Error + 'static)) -> Option<Kind> {
    fn is<E: Error + 'static>(cause: &(dyn Error + 'static), of: fn(&E) -> Kind) -> Option<Kind> {
        cause.downcast_ref::<E>().map(of)
    }
    is::<DataFusionError>(cause, of_engine)
        .or_else(|| is::<Box<DataFusionError>>(cause, |boxed| of_engine(boxed)))
        .or_else(|| is::<PipelineError>(cause, of_pipeline))
        .or_else(|| is::<AnalysisError>(cause, of_analysis))
        .or_else(|| is::<ResultsError>(cause, of_results))
        .or_else(|| is::<ScriptError>(cause, of_script))
        .or_else(|| is::<ImagesError>(cause, of_images))
        .or_else(|| is::<FunctionError>(cause, of_function))
        .or_else(|| is::<ClusterError>(cause, of_cluster))
        .or_else(|| is::<SessionError>(cause, of_session))
        .or_else(|| is::<ImageError>(cause, |_| Kind::Image))
        .or_else(|| is::<LoadError>(cause, |_| Kind::Weights))
        .or_else(|| is::<WeightsError>(cause, |_| Kind::Weights))
        .or_else(|| is::<BackboneError>(cause, |_| Kind::Weights))
        .or_else(|| is::<PcaError>(cause, |_| Kind::Usage))
        .or_else(|| is::<object_store::Error>(cause, |_| Kind::Storage))
        .or_else(|| is::<ArrowError>(cause, of_arrow))
        .or_else(|| is::<io::Error>(cause, of_io))
}

fn of_io(error: &io::Error) -> Kind {
    let inner = error.get_ref();
    inner
        .and_then(|inner| of_cause(inner))
        .unwrap_or(Kind::Storage)
}

fn of_arrow(error: &ArrowError) -> Kind {
    match error {
        ArrowError::ExternalError(inner) => of_cause(inner.as_ref()).unwrap_or(Kind::Sql),
        ArrowError::IoError(..) => Kind::Storage,
        _ => Kind::Sql,
    }
}

fn of_pipeline(error: &PipelineError) -> Kind {
    match error {
        PipelineError::Script(error) => of_script(error),
        PipelineError::Results(error) => of_results(error),
        PipelineError::Analysis(error) => of_analysis(error),
        PipelineError::Images(error) => of_images(error),
        PipelineError::NoImages { .. } => Kind::Storage,
        PipelineError::AllImagesBad { .. } | PipelineError::SampleBad { .. } => Kind::Image,
        PipelineError::EarlierFormat { .. }
        | PipelineError::WeightsDiffer { .. }
        | PipelineError::OptionsDiffer { .. }
        | PipelineError::OtherInput { .. } => Kind::Output,
        _ => Kind::Usage,
    }
}

fn of_analysis(error: &AnalysisError) -> Kind {
    match error {
        AnalysisError::Script(error) => of_script(error),
        AnalysisError::Results(error) => of_results(error),
        AnalysisError::Images(error) => of_images(error),
        AnalysisError::AmbiguousImage { .. } | AnalysisError::UnknownImage { .. } => Kind::Usage,
        AnalysisError::NoSuchWeights { .. } => Kind::Weights,
        _ => Kind::Output,
    }
}

fn of_results(error: &ResultsError) -> Kind {
    match error {
        ResultsError::Script(error) => of_script(error),
        ResultsError::Images(error) => of_images(error),
        ResultsError::Storage { .. }
        | ResultsError::Disk { .. }
        | ResultsError::MakeFolder { .. } => Kind::Storage,
        _ => Kind::Output,
    }
}

fn of_script(error: &ScriptError) -> Kind {
    match error {
        ScriptError::Statement { source, .. } => of_engine(source),
        ScriptError::Engine(source) => of_engine(source),
        ScriptError::ReadScript { .. } => Kind::Storage,
        _ => Kind::Usage,
    }
}

fn of_images(error: &ImagesError) -> Kind {
    match error {
        ImagesError::UnknownOption { .. }
        | ImagesError::InvalidOption { .. }
        | ImagesError::InvalidLocation { .. }
        | ImagesError::UnsupportedClause { .. }
        | ImagesError::Arguments { .. }
        | ImagesError::InvalidUrlOption { .. }
        | ImagesError::InvalidPath { .. } => Kind::Usage,
        _ => Kind::Storage,
    }
}

fn of_function(error: &FunctionError) -> Kind {
    match error {
        FunctionError::Image { .. } | FunctionError::Decoding(_) => Kind::Image,
        FunctionError::NoBackboneWeights { .. }
        | FunctionError::Weights { .. }
        | FunctionError::WeightsDiffer { .. }
        | FunctionError::FeatureLength { .. }
        | FunctionError::NoClassifier { .. }
        | FunctionError::NoLabels { .. }
        | FunctionError::Backbone(_)
        | FunctionError::BackboneWeights { .. }
        | FunctionError::BackbonePin { .. } => Kind::Weights,
        FunctionError::Pca { .. } | FunctionError::Device(_) => Kind::Usage,
        _ => Kind::Sql,
    }
}

fn of_cluster(error: &ClusterError) -> Kind {
    match error {
        ClusterError::InvalidScheduler { .. } => Kind::Usage,
        _ => Kind::Cluster,
    }
}

fn of_session(error: &SessionError) -> Kind {
    match error {
        SessionError::UnknownScheme { .. }
        | SessionError::NoBucket { .. }
        | SessionError::Option { .. }
        | SessionError::Setting { .. }
        | SessionError::NoValue { .. }
        | SessionError::NoParameter { .. } => Kind::Usage,
        _ => Kind::Storage,
    }
}
