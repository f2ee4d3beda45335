//! VP8 data to planes of luma and chroma: libwebp, which is fed the data whole or in pieces and keeps the planes.

use super::FORMAT;
use super::color::Row;
use super::container::Chunk;
use crate::ImageError;
use libwebp_sys::{
    VP8StatusCode, WEBP_CSP_MODE, WebPDecode, WebPDecoderConfig, WebPFreeDecBuffer,
    WebPIDecodedArea, WebPIDecoder, WebPIDelete, WebPINewDecoder, WebPIUpdate,
};
use std::ffi::c_int;
use std::ptr::{self, NonNull};
use std::slice;

/// A decoder of one chunk of VP8.
#[derive(Debug)]
pub(super) struct Decoder<'a> {
    /// What decodes pieces; none where the chunk is decoded whole.
    pieces: Option<Pieces>,
    output: Output,
    chunk: &'a [u8],
    fed: usize,
    is_finished: bool,
}

#[derive(Debug)]
struct Pieces(NonNull<WebPIDecoder>);

/// Options, all of them libwebp's own, and the planes, which libwebp allocates once it has read the header. Decoders have the
/// address.
#[derive(Debug)]
struct Output(NonNull<WebPDecoderConfig>);

/// The rows of the planes that are decoded.
#[derive(Debug, Clone, Copy)]
pub(super) struct Planes<'d> {
    luma: Plane<'d>,
    blue: Plane<'d>,
    red: Plane<'d>,
    height: usize,
}

/// Rows of samples.
#[derive(Debug, Clone, Copy)]
struct Plane<'d> {
    samples: &'d [u8],
    stride: usize,
    width: usize,
}

impl<'a> Decoder<'a> {
    pub(super) fn new(chunk: Chunk<'a>) -> Result<Self, ImageError> {
        Ok(Self {
            pieces: None,
            output: Output::new()?,
            chunk: chunk.whole,
            fed: 0,
            is_finished: false,
        })
    }

    /// Decodes as far as the first `end` bytes of the chunk go, of which there are no fewer than before. Whether that is all.
    ///
    /// A small image is to be fed whole at once. libwebp takes its modes for missing in pieces if all of their bytes are read
    /// ahead with the header, which some encoder may write and damage can cause.
    pub(super) fn feed(&mut self, end: usize) -> Result<bool, ImageError> {
        let is_first = self.fed == 0;
        self.fed = end.clamp(self.fed, self.chunk.len());
        let status = if is_first && self.fed == self.chunk.len() {
            // SAFETY: the chunk has that many bytes, and the output is initialized.
            unsafe { WebPDecode(self.chunk.as_ptr(), self.fed, self.output.0.as_ptr()) }
        } else {
            let decoder = match &self.pieces {
                Some(decoder) => decoder,
                None => self.pieces.insert(Pieces::new(&self.output)?),
            };
            // SAFETY: the chunk begins at the same place each time, has that many bytes, and outlives the decoder.
            unsafe { WebPIUpdate(decoder.0.as_ptr(), self.chunk.as_ptr(), self.fed) }
        };
        match status {
            VP8StatusCode::VP8_STATUS_OK => {
                self.is_finished = true;
                Ok(true)
            }
            VP8StatusCode::VP8_STATUS_SUSPENDED if self.fed < self.chunk.len() => Ok(false),
            VP8StatusCode::VP8_STATUS_SUSPENDED | VP8StatusCode::VP8_STATUS_NOT_ENOUGH_DATA => {
                Err(ImageError::Truncated { format: FORMAT })
            }
            VP8StatusCode::VP8_STATUS_OUT_OF_MEMORY => {
                Err(ImageError::OutOfMemory { format: FORMAT })
            }
            _ => Err(ImageError::corrupt(FORMAT, "an invalid VP8 frame")),
        }
    }

    /// What is decoded, once there is some.
    pub(super) fn planes(&self) -> Option<Planes<'_>> {
        // SAFETY: it lives as long as the decoder, and libwebp writes to it only while it is fed.
        let output = unsafe { &self.output.0.as_ref().output };
        let rows = match &self.pieces {
            _ if self.is_finished => output.height,
            Some(decoder) => decoder.rows(),
            None => 0,
        };
        if rows <= 0 || output.width <= 0 {
            return None;
        }
        // SAFETY: the planes are YUV, and allocated, since there are rows of them.
        let planes = unsafe { output.u.YUVA };
        let [rows, width, height] = [rows, output.width, output.height].map(|n| n as usize);
        let [luma_stride, blue_stride, red_stride] =
            [planes.y_stride, planes.u_stride, planes.v_stride].map(|n| n as usize);
        let (half, chroma_rows) = (width.div_ceil(2), rows.div_ceil(2));
        // SAFETY: libwebp has written that many rows of luma and half as many of chroma, rounded up, to planes that it has
        // allocated with these strides, and neither writes nor frees them while the decoder is borrowed.
        unsafe {
            Some(Planes {
                luma: Plane::new(planes.y, luma_stride, width, rows),
                blue: Plane::new(planes.u, blue_stride, half, chroma_rows),
                red: Plane::new(planes.v, red_stride, half, chroma_rows),
                height,
            })
        }
    }
}

impl Pieces {
    fn new(output: &Output) -> Result<Self, ImageError> {
        // SAFETY: the output is initialized, and outlives the decoder, which is in the same structure before it.
        let raw = unsafe { WebPINewDecoder(&raw mut (*output.0.as_ptr()).output) };
        let raw = NonNull::new(raw).ok_or(ImageError::OutOfMemory { format: FORMAT })?;
        Ok(Self(raw))
    }

    /// Rows of luma that are decoded.
    fn rows(&self) -> c_int {
        let mut rows = 0;
        let none = ptr::null_mut();
        // SAFETY: the decoder lives, and writes a number; the others are not asked for.
        let planes = unsafe { WebPIDecodedArea(self.0.as_ptr(), none, none, none, &mut rows) };
        if planes.is_null() { 0 } else { rows }
    }
}

impl Drop for Pieces {
    fn drop(&mut self) {
        // SAFETY: it is deleted once, before its output.
        unsafe { WebPIDelete(self.0.as_ptr()) }
    }
}

impl Output {
    fn new() -> Result<Self, ImageError> {
        let mut config = WebPDecoderConfig::new()
            .map_err(|()| ImageError::corrupt(FORMAT, "another version of libwebp"))?;
        config.output.colorspace = WEBP_CSP_MODE::MODE_YUV;
        let raw = Box::into_raw(Box::new(config));
        // SAFETY: a box is not null.
        Ok(Self(unsafe { NonNull::new_unchecked(raw) }))
    }
}

impl Drop for Output {
    fn drop(&mut self) {
        // SAFETY: the decoder is gone, the planes are libwebp's to free, and the configuration came from a box.
        unsafe {
            WebPFreeDecBuffer(&raw mut (*self.0.as_ptr()).output);
            drop(Box::from_raw(self.0.as_ptr()));
        }
    }
}

impl<'d> Plane<'d> {
    /// # Safety
    /// There are `rows` rows, one at least, of `width` samples that are `stride` apart, and they stay for `'d`.
    unsafe fn new(samples: *const u8, stride: usize, width: usize, rows: usize) -> Self {
        Self {
            // SAFETY: the caller's.
            samples: unsafe { slice::from_raw_parts(samples, (rows - 1) * stride + width) },
            stride,
            width,
        }
    }

    fn rows(&self) -> usize {
        self.samples.len().div_ceil(self.stride)
    }

    fn row(&self, y: usize) -> &'d [u8] {
        &self.samples[y * self.stride..][..self.width]
    }
}

impl<'d> Planes<'d> {
    /// Width in pixels.
    pub(super) fn width(&self) -> usize {
        self.luma.width
    }

    /// Height of the image in pixels.
    pub(super) fn height(&self) -> usize {
        self.height
    }

    /// Rows whose chroma on both sides is decoded.
    pub(super) fn rows(&self) -> usize {
        match self.luma.rows() {
            rows if rows == self.height => rows,
            rows => rows - 1,
        }
    }

    /// Row `y`, of those.
    pub(super) fn row(&self, y: usize) -> Row<'d> {
        let near = y / 2;
        let far = match y % 2 {
            0 => near.saturating_sub(1),
            _ => (near + 1).min(self.blue.rows() - 1),
        };
        Row {
            luma: self.luma.row(y),
            blue: [self.blue.row(near), self.blue.row(far)],
            red: [self.red.row(near), self.red.row(far)],
        }
    }
}
