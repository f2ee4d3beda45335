-- One row an image with features: its projection, and how much of it the components leave out. The
-- reconstruction error of x is |x - m|^2 - |W (x - m)|^2, with the mean m and the components W, because
-- the rows of W are orthonormal; |x - m|^2 is |x|^2 - 2 x.m + |m|^2.
CREATE OR REPLACE VIEW report_rows AS
SELECT *, CASE WHEN distance > 0 THEN error / distance ELSE 0 END AS share
FROM (
    SELECT *, greatest(distance - inner_product(pca, pca), 0) AS error
    FROM (
        SELECT *, greatest(squared_length - 2 * along_mean + squared_mean, 0) AS distance
        FROM (
            SELECT path, label,
                   pca_transform(features, (SELECT model FROM pca_model)) AS pca,
                   inner_product(features, (SELECT model['mean'] FROM pca_model)) AS along_mean,
                   inner_product(features, features) AS squared_length,
                   (SELECT inner_product(model['mean'], model['mean']) FROM pca_model) AS squared_mean
            FROM features WHERE features IS NOT NULL
        )
    )
);

-- Those that are shown or compared are kept: the sample of images whose md5 sorts before ${sampled}, and
-- the points of the map that are not in it.
CREATE OR REPLACE TABLE report_sample AS
SELECT path, label, pca, along_mean, squared_length, error, share, md5(path) < '${sampled}' AS is_sampled
FROM report_rows WHERE md5(path) < '${sampled}' OR path IN (${not_sampled});
