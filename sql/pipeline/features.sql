-- The features of every picture; a picture that cannot be decoded has NULL and the reason.
-- Needs images.sql.
COPY (
    SELECT path, label, e_tag,
           try_mobilenet_v2(content) AS features,
           coalesce(read_error, image_error(content)) AS error
    FROM pictures
) TO '${output}/features/' STORED AS PARQUET;
