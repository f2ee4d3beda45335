//! Every cell of `pillow_more_formats.py`: JPEG 2000 and JPEG XL, which the feature `more-formats` reads. Each is
//! equal to Pillow in verdict and pixels, or in the list of those that are not.

#![cfg(feature = "more-formats")]

mod matrix;

#[test]
fn every_cell_is_pillows_or_is_listed() {
    matrix::check("more_formats");
}
