//! The names of a classifier's classes, and where they come from.

use std::sync::Arc;

/// The names of ImageNet's 1000 classes in the order of ILSVRC 2012, those of WordNet: the lemmas
/// of `imagenet_synsets.txt` in `imagenet_synset_to_lemma.txt` of timm 1.0.31 (Apache-2.0). Two
/// classes, the bird and the machine, are both named `crane`.
const IMAGENET: &str = include_str!("imagenet_labels.txt");

/// Number of classes of ImageNet.
const IMAGENET_CLASSES: usize = 1000;

/// The class that TensorFlow's checkpoints have before those of ImageNet.
const BACKGROUND: &str = "background";

/// Where the names of classes come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LabelSource {
    /// The metadata entry `labels` of the file.
    Metadata,
    /// The number of classes, which is that of ImageNet: public checkpoints come without names.
    Imagenet,
    /// Not known: the names are the numbers from 0.
    Numbers,
}

/// The names of a classifier's classes.
#[derive(Debug, Clone)]
pub(super) struct Labels {
    pub(super) names: Arc<[String]>,
    pub(super) source: LabelSource,
}

impl Labels {
    /// The names for so many classes of a file that names none.
    pub(super) fn without_metadata(classes: usize) -> Self {
        let imagenet = || IMAGENET.lines().map(str::to_owned);
        let (names, source) = match classes {
            IMAGENET_CLASSES => (imagenet().collect(), LabelSource::Imagenet),
            n if n == IMAGENET_CLASSES + 1 => {
                let background = std::iter::once(BACKGROUND.to_owned());
                (
                    background.chain(imagenet()).collect(),
                    LabelSource::Imagenet,
                )
            }
            _ => (
                (0..classes).map(|class| class.to_string()).collect(),
                LabelSource::Numbers,
            ),
        };
        Self { names, source }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn imagenet_has_its_thousand_names() {
        let plain = Labels::without_metadata(1000);
        assert_eq!(plain.source, LabelSource::Imagenet);
        assert_eq!(plain.names.len(), 1000);
        // Well-known positions in the order of ILSVRC 2012.
        for (class, name) in [
            (0, "tench, Tinca tinca"),
            (281, "tabby, tabby cat"),
            (948, "Granny Smith"),
            (954, "banana"),
            (999, "toilet tissue, toilet paper, bathroom tissue"),
        ] {
            assert_eq!(plain.names[class], name);
        }
        assert!(plain.names.iter().all(|name| !name.trim().is_empty()));
        let tensorflow = Labels::without_metadata(1001);
        assert_eq!(tensorflow.names[0], "background");
        assert_eq!(tensorflow.names[1..], plain.names[..]);
    }

    #[test]
    fn other_classes_have_numbers() {
        let labels = Labels::without_metadata(3);
        assert_eq!(labels.source, LabelSource::Numbers);
        assert_eq!(labels.names[..], ["0", "1", "2"]);
    }
}
