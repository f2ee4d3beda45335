//! JPEG data within a TIFF: a strip or tile, whose tables may lie elsewhere.

use super::layout::Layout;
use super::source::{Shared, Source};
use super::{ROWS_BETWEEN_CHECKS, failed, guarded, open};
use crate::ImageError;
use crate::preprocess::ImageFormat;
use crate::preprocess::image::{Context, resize_buffer};

/// The samples of a part, rows from the top, side by side.
#[derive(Default)]
pub(in crate::preprocess) struct Part {
    pub(in crate::preprocess) width: usize,
    pub(in crate::preprocess) height: usize,
    pub(in crate::preprocess) channels: usize,
    pub(in crate::preprocess) samples: Vec<u8>,
}

/// Numbers of channels that are a color. The decoder divides by the channels that a color has, so it
/// panics on others.
const HAS_COLOR: [usize; 3] = [1, 3, 4];

/// Bytes that decoding a part takes, its samples among them, and its scans.
pub(in crate::preprocess) fn part_cost(data: &[u8]) -> Result<(u64, u32), ImageError> {
    let layout = Layout::read(data)?;
    let samples = u64::from(layout.width) * u64::from(layout.height) * u64::from(layout.components);
    Ok((samples + layout.working_bytes(), layout.scans))
}

impl Part {
    /// Decodes a part to the colors that the data has.
    pub(in crate::preprocess) fn decode(
        &mut self,
        tables: Option<&[u8]>,
        data: &[u8],
        context: &Context<'_>,
    ) -> Result<(), ImageError> {
        // Tables end with an end marker, and the data starts with a start marker.
        let mut file = Vec::new();
        if let (Some(tables), Some(rest)) = (
            tables.and_then(|tables| tables.strip_suffix(b"\xff\xd9")),
            data.strip_prefix(b"\xff\xd8"),
        ) {
            file.reserve_exact(tables.len() + rest.len());
            file.extend(tables);
            file.extend(rest);
        }
        let bytes = if file.is_empty() { data } else { &file };
        let shared = Shared::default();
        let source = match Layout::read(data)?.buffered {
            true => Source::in_pieces(bytes, &shared, context),
            false => Source::whole(bytes, &shared),
        };
        guarded(&shared, || {
            let decoder = open(source)?;
            (self.width, self.height) = (decoder.width(), decoder.height());
            self.channels = decoder.components().len();
            if !HAS_COLOR.contains(&self.channels) {
                let feature = format!("JPEG data of {} channels", self.channels);
                return Err(ImageError::feature(ImageFormat::Tiff, feature));
            }
            let colors = decoder.color_space();
            let row = self.width * self.channels;
            resize_buffer(&mut self.samples, row * self.height, ImageFormat::Tiff)?;
            let mut started = decoder.to_colorspace(colors).map_err(failed)?;
            for rows in self.samples.chunks_mut(row * ROWS_BETWEEN_CHECKS) {
                context.check()?;
                started.read_scanlines_into(rows).map_err(failed)?;
            }
            Ok(())
        })
    }
}
