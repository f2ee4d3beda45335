//! Upsampling and color conversion in the place of libjpeg's, whose vector code needs an assembler: libjpeg calls it with the
//! rows that it has decoded, and it writes the same bytes (`color.rs`).

use super::color::{self, Chroma};
use mozjpeg_sys::{
    J_COLOR_SPACE, JDIMENSION, boolean, jpeg_common_struct, jpeg_component_info,
    jpeg_decompress_struct,
};
use std::slice;

/// `struct jpeg_upsampler` of `jpegint.h`.
#[repr(C)]
struct Upsampler {
    start_pass: Option<unsafe extern "C-unwind" fn(*mut jpeg_decompress_struct)>,
    upsample: Option<Upsample>,
    need_context_rows: boolean,
}

/// Takes the rows of each component, the number of the row group that is next and of those that there are, the rows to
/// write, how many are written and how many there are.
type Upsample = unsafe extern "C-unwind" fn(
    *mut jpeg_decompress_struct,
    *const *const *const u8,
    *mut JDIMENSION,
    JDIMENSION,
    *const *mut u8,
    *mut JDIMENSION,
    JDIMENSION,
);

/// Samplings of the chroma that `color.rs` has.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Sampling {
    /// A sample a pixel.
    Full,
    /// One for two pixels side by side.
    Half,
    /// One for two by two.
    Quarter,
}

impl Sampling {
    /// The sampling, where RGB is made of YCbCr and libjpeg would interpolate as `color.rs` does. Of rows of two samples it
    /// interpolates none.
    fn of(decoder: &jpeg_decompress_struct, components: &[jpeg_component_info]) -> Option<Self> {
        let [luma, blue, red] = components else {
            return None;
        };
        let converts = decoder.jpeg_color_space == J_COLOR_SPACE::JCS_YCbCr
            && decoder.out_color_space == J_COLOR_SPACE::JCS_RGB
            && decoder.raw_data_out == 0
            && decoder.quantize_colors == 0
            && decoder.do_fancy_upsampling != 0;
        let most = (decoder.max_h_samp_factor, decoder.max_v_samp_factor);
        let factors =
            |component: &jpeg_component_info| (component.h_samp_factor, component.v_samp_factor);
        let chroma = factors(blue);
        if !converts || factors(luma) != most || factors(red) != chroma {
            return None;
        }
        let is_wide = chroma_width(decoder, blue) > 2;
        if chroma == most {
            Some(Self::Full)
        } else if (chroma.0 * 2, chroma.1) == most && is_wide {
            Some(Self::Half)
        } else if (chroma.0 * 2, chroma.1 * 2) == most && is_wide {
            Some(Self::Quarter)
        } else {
            None
        }
    }
}

/// Samples of a row of a component, `downsampled_width` of libjpeg.
fn chroma_width(decoder: &jpeg_decompress_struct, component: &jpeg_component_info) -> usize {
    let pixels = decoder.image_width as usize * component.h_samp_factor as usize;
    pixels.div_ceil(decoder.max_h_samp_factor as usize)
}

/// # Safety
/// The decoder has read its header.
unsafe fn components<'a>(decoder: &jpeg_decompress_struct) -> &'a [jpeg_component_info] {
    // SAFETY: libjpeg has allocated that many when it read the header, and keeps them until the image ends.
    unsafe { slice::from_raw_parts(decoder.comp_info, decoder.num_components as usize) }
}

/// Makes libjpeg call [`write_rows`] where it would have called its own function, if the image is of a kind that is known.
///
/// # Safety
/// The decoder is about to start the pass over its output: its upsampler is made, and will be asked for the function.
pub(super) unsafe fn install(decoder: *mut jpeg_common_struct) {
    /// `upsample`, `cconvert` and `cquantize` are the last fields of the decoder, all pointers. The crate has them, and
    /// libjpeg compares its size with C's, but they are private.
    const FROM_END: usize = 3 * size_of::<*mut Upsampler>();
    let decoder: *mut jpeg_decompress_struct = decoder.cast();
    // SAFETY: all that have our callbacks decompress, the header is read, and the pointer lies within the decoder.
    unsafe {
        if Sampling::of(&*decoder, components(&*decoder)).is_none() {
            return;
        }
        let at = size_of::<jpeg_decompress_struct>() - FROM_END;
        let upsampler = decoder.byte_add(at).cast::<*mut Upsampler>().read();
        if let Some(upsampler) = upsampler.as_mut() {
            upsampler.upsample = Some(write_rows);
        }
    }
}

/// Writes rows of the next row group, as `sep_upsample` does: no more than the group has, the image has, and there is room
/// for. A group is consumed with its last row.
unsafe extern "C-unwind" fn write_rows(
    decoder: *mut jpeg_decompress_struct,
    input: *const *const *const u8,
    group: *mut JDIMENSION,
    _groups: JDIMENSION,
    output: *const *mut u8,
    written: *mut JDIMENSION,
    room: JDIMENSION,
) {
    // SAFETY: libjpeg passes its decoder, of which `install` has seen that it is of such a kind, and numbers of its own.
    let (decoder, group, written) = unsafe { (&*decoder, &mut *group, &mut *written) };
    // SAFETY: the header is read.
    let components = unsafe { components(decoder) };
    let Some(sampling) = Sampling::of(decoder, components) else {
        return;
    };
    let per_group = decoder.max_v_samp_factor as usize;
    let next = (decoder.output_scanline + *written) as usize;
    let in_group = next % per_group;
    let count = (per_group - in_group)
        .min(decoder.output_height as usize - next)
        .min((room - *written) as usize);
    let width = decoder.output_width as usize;
    let samples = chroma_width(decoder, &components[1]);
    // Rows of a group, each with its number among those of the component.
    let row = |component: usize, row: isize, samples: usize| {
        let before = *group as isize * components[component].v_samp_factor as isize;
        // SAFETY: libjpeg passes rows of at least as many samples as the component has, the row above the group and the
        // row below it too where its function asks for them, which it does for the sampling of a quarter.
        unsafe {
            let rows = *input.add(component);
            slice::from_raw_parts(*rows.offset(before + row), samples)
        }
    };
    for i in 0..count {
        let y = (in_group + i) as isize;
        let chroma = [1, 2].map(|component| match sampling {
            Sampling::Full => Chroma::Full(row(component, y, samples)),
            Sampling::Half => Chroma::Half(row(component, y, samples)),
            Sampling::Quarter => {
                let other = if y % 2 == 0 { y / 2 - 1 } else { y / 2 + 1 };
                Chroma::Quarter(
                    row(component, y / 2, samples),
                    row(component, other, samples),
                )
            }
        });
        // SAFETY: there is room for a row of three bytes a pixel.
        let out =
            unsafe { slice::from_raw_parts_mut(*output.add(*written as usize + i), width * 3) };
        color::row(row(0, y, width), chroma, out);
    }
    *written += count as JDIMENSION;
    if in_group + count == per_group {
        *group += 1;
    }
}
