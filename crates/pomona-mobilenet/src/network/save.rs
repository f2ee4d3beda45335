//! Weights to a safetensors file that says all that reading it back needs.

use std::collections::HashMap;
use std::path::Path;

use super::architecture::Padding;
use super::weights::Weights;
use super::weights_error::WeightsError;

impl Weights {
    /// Writes a safetensors file with the canonical names in f32, and the architecture in its
    /// metadata.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<(), WeightsError> {
        let architecture = self.architecture();
        let padding = match architecture.padding {
            Padding::TensorFlowSame => "same",
            Padding::Symmetric => "symmetric",
        };
        let mut metadata = HashMap::from([
            ("padding".to_owned(), padding.to_owned()),
            (
                "batch_norm_epsilon".to_owned(),
                architecture.batch_norm_epsilon.to_string(),
            ),
            ("input_size".to_owned(), architecture.input_size.to_string()),
            ("width".to_owned(), architecture.width.to_string()),
        ]);
        if let Some(labels) = self.labels() {
            let labels = serde_json::Value::from(labels.to_vec());
            metadata.insert("labels".to_owned(), labels.to_string());
        }
        safetensors::serialize_to_file(self.tensors(), Some(metadata), path.as_ref())?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_saved_is_read_back() {
        let file =
            std::env::temp_dir().join(format!("pomona-save-{}.safetensors", std::process::id()));
        let written = Weights::random(0.35, 3).unwrap();
        written.save(&file).unwrap();
        let read = Weights::load(&file);
        std::fs::remove_file(&file).unwrap();
        let read = read.unwrap();
        assert_eq!(read.architecture(), written.architecture());
        for (name, tensor) in written.tensors() {
            let again = read
                .get(name)
                .unwrap()
                .flatten_all()
                .unwrap()
                .to_vec1::<f32>()
                .unwrap();
            assert_eq!(
                again,
                tensor.flatten_all().unwrap().to_vec1::<f32>().unwrap(),
                "{name}"
            );
        }
    }
}
