//! MobileNetV2 by its name, through the trait that all networks share.

use std::sync::Arc;

use candle_core::{Device, Tensor};
use pomona_backbones::{BackboneError, Resize, Target, backbone};
use pomona_mobilenet::network::{MobileNetV2, SaveOptions, Weights};
use pomona_weights::WeightsFile;

#[test]
fn the_network_of_the_name_is_that_of_the_crate() {
    let file = WeightsFile::new(Weights::fruits_file().into(), "the library");
    let factory = backbone("mobilenet_v2").unwrap();
    let network = factory.load(&file, &Target::default()).unwrap();
    assert_eq!(network.name(), factory.name());
    assert_eq!(network.feature_len(), factory.feature_len());
    assert!(network.device().is_cpu());
    assert_eq!(network.classifier().unwrap().labels().len(), 114);
    // The size is that of these weights, not one of the name.
    let preprocessing = network.preprocessing();
    assert_eq!(preprocessing.input_size, 128);
    assert_eq!(preprocessing.resize, Resize::Stretch);

    let image: Vec<u8> = (0..128 * 128 * 3)
        .map(|byte| (byte * 31 % 251) as u8)
        .collect();
    let image = Tensor::from_vec(image, (1, 128, 128, 3), &Device::Cpu).unwrap();
    let direct = Arc::new(MobileNetV2::new(&Weights::fruits().unwrap()).unwrap());
    let direct = candle_nn::Module::forward(&*direct, &image).unwrap();
    let named = network.forward(&image).unwrap();
    let values = |tensor: &Tensor| tensor.to_vec2::<f32>().unwrap();
    assert!(values(&direct) == values(&named));
    assert_eq!(
        network
            .forward(&image.narrow(0, 0, 0).unwrap())
            .unwrap()
            .dims(),
        [0, 1280]
    );
}

#[test]
fn a_width_with_longer_features_is_refused() {
    let wide = Weights::random(1.4, 1).unwrap();
    let bytes = wide.to_bytes(&SaveOptions::default()).unwrap();
    let file = WeightsFile::new(bytes.into(), "a test");
    let factory = backbone("mobilenet_v2").unwrap();
    let error = factory.load(&file, &Target::default()).unwrap_err();
    assert!(matches!(error, BackboneError::Weights { .. }));
    assert!(
        error.to_string().contains("1792 features, not 1280"),
        "{error}"
    );
}
