//! [`CosineBound`]: short vectors whose products are never below the cosines of the rows.
//!
//! A row x of d features has, in an orthonormal basis of the components W and the part of the mean
//! that they leave out, a few coordinates and a residual of known length. For two rows, the product of
//! their residuals is at most the product of the residuals' lengths (Cauchy and Schwarz), so with
//!
//! ```text
//! v(x) = (W x, u·x, |residual of x|) / |x|        u = (mean - WᵀW mean) / |mean - WᵀW mean|
//! ```
//!
//! `v(x)·v(y) >= cos(x, y)`, with equality for x = y: to find rows that are almost alike it is enough
//! to look at pairs whose short vectors are.

/// Maps rows, given by their coordinates along the components of a principal component analysis, to the
/// short vectors.
#[derive(Clone, Debug)]
pub struct CosineBound {
    /// The coordinates of the mean along the components, W mean.
    mean: Vec<f64>,
    /// The length of what the components leave out of the mean.
    rest_of_mean: f64,
}

impl CosineBound {
    /// For a model of d features: `components`, k x d row-major and orthonormal, and the `mean` of the
    /// rows. Of the components the first `most` at most are used: fewer are faster and bound less well.
    ///
    /// # Panics
    /// If `components` is not at least one row of as many numbers as the mean has.
    pub fn new(components: &[f64], mean: &[f64], most: usize) -> Self {
        assert!(
            !components.is_empty() && components.len().is_multiple_of(mean.len()),
            "{} numbers are not components of {} features",
            components.len(),
            mean.len()
        );
        let along = components
            .chunks(mean.len())
            .take(most.max(1))
            .map(|component| dot(component, mean))
            .collect::<Vec<_>>();
        let squared = dot(mean, mean);
        let rest = squared - dot(&along, &along);
        // A residual of zero has only rounding errors, which are no direction.
        let negligible = 1e-12 * squared;
        Self {
            rest_of_mean: if rest > negligible { rest.sqrt() } else { 0.0 },
            mean: along,
        }
    }

    /// Length of a short vector.
    pub fn dimension(&self) -> usize {
        self.mean.len() + 2
    }

    /// Writes the short vector of a row to `out`: from its centred coordinates along the model's
    /// components, its product with the mean and its squared length. A row of zeros becomes zeros.
    ///
    /// # Panics
    /// If there are fewer coordinates than components, or `out` is not
    /// [`dimension`](Self::dimension) long.
    pub fn apply(&self, centred: &[f32], along_mean: f64, squared_length: f64, out: &mut [f32]) {
        assert_eq!(out.len(), self.dimension(), "the length of a short vector");
        if squared_length.is_nan() || squared_length <= 0.0 {
            out.fill(0.0);
            return;
        }
        let scale = 1.0 / squared_length.sqrt();
        let k = self.mean.len();
        let (mut known, mut mean_along_components) = (0.0, 0.0);
        for ((out, &centred), mean) in out.iter_mut().zip(&centred[..k]).zip(&self.mean) {
            let coordinate = f64::from(centred) + mean;
            known += coordinate * coordinate;
            mean_along_components += coordinate * mean;
            *out = (coordinate * scale) as f32;
        }
        let along_rest = if self.rest_of_mean > 0.0 {
            (along_mean - mean_along_components) / self.rest_of_mean
        } else {
            0.0
        };
        known += along_rest * along_rest;
        out[k] = (along_rest * scale) as f32;
        out[k + 1] = ((squared_length - known).max(0.0).sqrt() * scale) as f32;
    }
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use pomona_pca::{Components, Moments};

    /// Rows of 12 features around a mean that is far from zero.
    fn rows() -> Vec<Vec<f32>> {
        let mut state = 7_u64;
        let mut next = || {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            (state >> 40) as f32 / (1 << 24) as f32
        };
        let mut rows: Vec<Vec<f32>> = (0..40)
            .map(|_| {
                (0..12)
                    .map(|column| next() * (12 - column) as f32 + 1.0)
                    .collect()
            })
            .collect();
        let mut twin = rows[3].clone();
        twin[0] += 0.01;
        rows.push(twin);
        rows
    }

    #[test]
    fn products_are_never_below_cosines_and_meet_them_for_twins() {
        let rows = rows();
        let mut moments = Moments::new(12);
        moments.update(&rows.concat()).unwrap();
        let model = moments.solve(Components::Count(4)).unwrap();
        for most in [2, 4, 9] {
            let bound = CosineBound::new(model.components(), model.mean(), most);
            let projection = model.projection(true);
            let short: Vec<Vec<f32>> = rows
                .iter()
                .map(|row| {
                    let mut centred = vec![0.0; model.k()];
                    projection.apply(row, &mut centred);
                    let row: Vec<f64> = row.iter().map(|&x| f64::from(x)).collect();
                    let mut out = vec![0.0; bound.dimension()];
                    bound.apply(&centred, dot(&row, model.mean()), dot(&row, &row), &mut out);
                    out
                })
                .collect();
            for (a, x) in rows.iter().zip(&short) {
                for (b, y) in rows.iter().zip(&short) {
                    let product: f64 = x.iter().zip(y).map(|(x, y)| f64::from(x * y)).sum();
                    let cosine = cosine(a, b);
                    assert!(product >= cosine - 1e-6, "{product} below {cosine}");
                    if a == b {
                        assert!((product - 1.0).abs() < 1e-6, "{product}");
                    }
                }
            }
            let twins: f64 = short[3]
                .iter()
                .zip(&short[40])
                .map(|(x, y)| f64::from(x * y))
                .sum();
            assert!(twins - cosine(&rows[3], &rows[40]) < 1e-6, "{twins}");
        }
    }

    fn cosine(a: &[f32], b: &[f32]) -> f64 {
        let wide = |x: &[f32]| x.iter().map(|&x| f64::from(x)).collect::<Vec<_>>();
        let (a, b) = (wide(a), wide(b));
        dot(&a, &b) / (dot(&a, &a) * dot(&b, &b)).sqrt()
    }

    #[test]
    fn a_row_of_zeros_is_like_none() {
        let mut moments = Moments::new(2);
        moments.update(&[1.0_f32, 2.0, 3.0, 5.0]).unwrap();
        let model = moments.solve(Components::Count(1)).unwrap();
        let bound = CosineBound::new(model.components(), model.mean(), 64);
        let mut out = [1.0; 3];
        bound.apply(&[0.5], 0.0, 0.0, &mut out);
        assert_eq!(out, [0.0; 3]);
    }
}
