-- The images that the principal components describe worst.
--
-- An image's features x are the mean, what the components explain (z, its projection) and a rest;
-- ||x - mean||^2 - ||z||^2 is the squared length of that rest. z_score measures it in the
-- spread of all images: by the median and the median absolute deviation, which the outliers
-- themselves do not move (Iglewicz and Hoaglin 1993); 3.5 and more is far.
CREATE EXTERNAL TABLE IF NOT EXISTS features STORED AS RESULTS LOCATION '${output}/features/';
CREATE EXTERNAL TABLE IF NOT EXISTS pca_model STORED AS RESULTS LOCATION '${output}/model/';

CREATE TABLE reconstruction AS
SELECT path, label, total, greatest(total - inner_product(z, z), 0) AS error
FROM (
    SELECT path, label,
           power(array_distance(features, (SELECT model['mean'] FROM pca_model)), 2) AS total,
           pca_transform(features, (SELECT model FROM pca_model)) AS z
    FROM features WHERE features IS NOT NULL
);

CREATE TABLE usual AS
SELECT center, median(abs(error - center)) AS deviation
FROM reconstruction CROSS JOIN (SELECT median(error) AS center FROM reconstruction)
GROUP BY center;

SELECT path, label, error, error / nullif(total, 0) AS unexplained,
       (error - center) / nullif(1.4826 * deviation, 0) AS z_score
FROM reconstruction CROSS JOIN usual
ORDER BY error DESC, path
LIMIT ${count};
