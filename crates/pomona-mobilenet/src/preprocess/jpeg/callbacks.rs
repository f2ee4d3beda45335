//! What libjpeg calls back: fatal errors, which unwind, and the start of an image, where it learns which
//! inverse DCT to use, and its upsampler is exchanged.

#[cfg(target_arch = "x86_64")]
use super::idct_avx2;
use super::{idct, upsampler};
use mozjpeg::Decompress;
use mozjpeg_sys::{
    JCOEF, JDIMENSION, JQUANT_TBL, JSAMPLE, jpeg_common_struct, jpeg_component_info,
    jpeg_error_mgr, jpeg_std_error,
};
use std::ffi::{CStr, c_char, c_int};
use std::io::{self, BufRead};
use std::mem;
use std::panic::resume_unwind;

/// `JMSG_LENGTH_MAX`.
const MESSAGE_LEN: usize = 200;

type InverseDct = unsafe extern "C-unwind" fn(
    *mut jpeg_common_struct,
    *mut jpeg_component_info,
    *const JCOEF,
    *const *mut JSAMPLE,
    JDIMENSION,
);

type Selector = unsafe extern "C-unwind" fn(
    *mut jpeg_common_struct,
    *mut jpeg_component_info,
    *mut Option<InverseDct>,
    *mut c_int,
);

unsafe extern "C-unwind" {
    /// Of mozjpeg; the function is asked for each component of each pass over the output. The crate declares it
    /// for compression, which has no inverse DCT.
    fn jpeg_set_idct_method_selector(decoder: *mut jpeg_common_struct, selector: Selector);
}

/// Reads the header.
pub(super) fn open<R: BufRead>(source: R) -> io::Result<Decompress<R>> {
    Decompress::builder()
        .with_err(manager())
        .from_reader(source)
}

fn manager() -> jpeg_error_mgr {
    // SAFETY: all fields are numbers, pointers or optional functions, and libjpeg sets each of them.
    let mut manager = unsafe {
        let mut manager = mem::zeroed();
        jpeg_std_error(&mut manager);
        manager
    };
    manager.error_exit = Some(fail);
    manager.emit_message = Some(ignore);
    manager.reset_error_mgr = Some(begin);
    manager
}

/// A fatal error. It leaves the C code by unwinding, without the panic hook, with its message as payload.
extern "C-unwind" fn fail(decoder: &mut jpeg_common_struct) {
    resume_unwind(Box::new(message(decoder)))
}

extern "C-unwind" fn ignore(_decoder: &mut jpeg_common_struct, _level: c_int) {}

fn message(decoder: &mut jpeg_common_struct) -> String {
    let mut text = [0; MESSAGE_LEN];
    // SAFETY: an error comes from a decoder that has its manager.
    let Some(format) = unsafe { &*decoder.err }.format_message else {
        return String::new();
    };
    // SAFETY: the crate declares the text as 80 bytes that are not written; libjpeg writes up to 200.
    unsafe {
        let format = mem::transmute::<
            unsafe extern "C-unwind" fn(&mut jpeg_common_struct, &[u8; 80]),
            unsafe extern "C-unwind" fn(&mut jpeg_common_struct, *mut c_char),
        >(format);
        format(decoder, text.as_mut_ptr().cast());
    }
    let text = CStr::from_bytes_until_nul(&text).unwrap_or_default();
    text.to_string_lossy().into_owned()
}

/// The start of an image. It is the one call of which libjpeg passes the decoder after it has been made and before
/// it chooses an inverse DCT.
extern "C-unwind" fn begin(decoder: &mut jpeg_common_struct) {
    // SAFETY: the manager is that of this decoder, and the decoder is one that decompresses: no other has it.
    unsafe {
        (*decoder.err).num_warnings = 0;
        (*decoder.err).msg_code = 0;
        jpeg_set_idct_method_selector(decoder, select);
    }
}

/// Every component is decoded at its full size and by the accurate integer transform, since neither is ever changed. It is
/// called before the pass over the output takes the upsampler's function.
unsafe extern "C-unwind" fn select(
    decoder: *mut jpeg_common_struct,
    _component: *mut jpeg_component_info,
    method: *mut Option<InverseDct>,
    _category: *mut c_int,
) {
    let transform: InverseDct = inverse_dct;
    #[cfg(target_arch = "x86_64")]
    let transform: InverseDct = if is_x86_feature_detected!("avx2") {
        inverse_dct_avx2
    } else {
        transform
    };
    // SAFETY: libjpeg passes a variable of its own, and its decoder, at the start of the pass.
    unsafe {
        *method = Some(transform);
        upsampler::install(decoder);
    }
}

/// Writes the samples of one block to eight rows, from `column` on.
unsafe extern "C-unwind" fn inverse_dct(
    _decoder: *mut jpeg_common_struct,
    component: *mut jpeg_component_info,
    coefficients: *const JCOEF,
    rows: *const *mut JSAMPLE,
    column: JDIMENSION,
) {
    // SAFETY: libjpeg passes a component, a block, and rows with room for it.
    unsafe {
        let block = idct::samples(&*coefficients.cast(), quantizers(component));
        write(&block, rows, column);
    }
}

/// As [`inverse_dct`], on processors with AVX2.
#[cfg(target_arch = "x86_64")]
unsafe extern "C-unwind" fn inverse_dct_avx2(
    _decoder: *mut jpeg_common_struct,
    component: *mut jpeg_component_info,
    coefficients: *const JCOEF,
    rows: *const *mut JSAMPLE,
    column: JDIMENSION,
) {
    // SAFETY: as above, and `select` has asked the processor.
    unsafe {
        let block = idct_avx2::samples(&*coefficients.cast(), quantizers(component));
        write(&block, rows, column);
    }
}

/// The table of a component. One of which no scan was read has no table, and is grey.
///
/// # Safety
/// The component is that of a decoder, whose table, once read, does not change until the end of the image.
unsafe fn quantizers<'a>(component: *mut jpeg_component_info) -> &'a [u16; 64] {
    // SAFETY: the caller's.
    let table: Option<&JQUANT_TBL> = unsafe { (*component).quant_table.as_ref() };
    table.map_or(&[0; 64], |table| &table.quantval)
}

/// # Safety
/// There are eight rows that have eight samples from `column` on.
unsafe fn write(block: &idct::Block, rows: *const *mut JSAMPLE, column: JDIMENSION) {
    for (y, samples) in block.iter().enumerate() {
        // SAFETY: the caller's.
        unsafe {
            let row = (*rows.add(y)).add(column as usize);
            row.cast::<[u8; 8]>().write_unaligned(*samples);
        }
    }
}
