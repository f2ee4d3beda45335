-- The features of every picture; a picture that cannot be decoded has NULL and the reason.
-- Needs images.sql.
COPY (
    SELECT path, label, e_tag,
           try_mobilenet_v2(content) AS features,
           CASE WHEN content IS NULL THEN 'the object vanished or may not be read'
                ELSE image_error(content) END AS error
    FROM pictures
) TO '${output}/features/' STORED AS PARQUET;
