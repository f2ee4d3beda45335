//! Lossy WebP files, which libwebp writes.
#![expect(unsafe_code, reason = "libwebp's encoder")]
#![allow(dead_code, reason = "each test uses some of it")]

use libwebp_sys::{
    WebPConfig, WebPEncode, WebPMemoryWrite, WebPMemoryWriter, WebPMemoryWriterClear,
    WebPMemoryWriterInit, WebPPicture, WebPPictureFree, WebPPictureImportRGBA,
    WebPPictureImportRGBX, WebPPreset,
};
use std::slice;

/// A kind of file.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Kind {
    /// From 0 to 100.
    pub(crate) quality: f32,
    /// The binary logarithm of the partitions of coefficients.
    pub(crate) partitions: i32,
    /// Whether the filter is the simple one, and how strong it is, from 0 to 100.
    pub(crate) filter: (bool, i32),
    /// Whether there is alpha.
    pub(crate) alpha: bool,
}

impl Default for Kind {
    fn default() -> Self {
        Self {
            quality: 75.0,
            partitions: 0,
            filter: (false, 60),
            alpha: false,
        }
    }
}

impl Kind {
    /// Encodes RGBA, rows from the top.
    pub(crate) fn encode(&self, rgba: &[u8], width: usize) -> Vec<u8> {
        let preset = WebPPreset::WEBP_PRESET_DEFAULT;
        let mut config = WebPConfig::new_with_preset(preset, self.quality).unwrap();
        config.method = 1;
        config.partitions = self.partitions;
        config.filter_type = i32::from(!self.filter.0);
        config.filter_strength = self.filter.1;
        let mut encoded = WebPPicture::new().unwrap();
        encoded.width = width as i32;
        encoded.height = (rgba.len() / 4 / width) as i32;
        assert_eq!(encoded.width * encoded.height * 4, rgba.len() as i32);
        let import = match self.alpha {
            true => WebPPictureImportRGBA,
            false => WebPPictureImportRGBX,
        };
        // SAFETY: the writer outlives the encoding, which writes to it alone; the pixels are as many as the sizes say.
        unsafe {
            let mut writer = std::mem::zeroed::<WebPMemoryWriter>();
            WebPMemoryWriterInit(&mut writer);
            encoded.writer = Some(WebPMemoryWrite);
            encoded.custom_ptr = (&raw mut writer).cast();
            assert_ne!(import(&mut encoded, rgba.as_ptr(), encoded.width * 4), 0);
            assert_ne!(WebPEncode(&config, &mut encoded), 0);
            let file = slice::from_raw_parts(writer.mem, writer.size).to_vec();
            WebPPictureFree(&mut encoded);
            WebPMemoryWriterClear(&mut writer);
            file
        }
    }
}
