//! Every cell of `pillow_matrix.py`: format x mode x depth x compression x flag x damage. Each is equal to
//! Pillow in verdict and pixels, or in the list of those that are not.

mod matrix;

#[test]
fn every_cell_is_pillows_or_is_listed() {
    matrix::check("matrix");
}
