-- The features of every image; an image that cannot be decoded has NULL and the reason.
-- Needs images.sql.
COPY (
    SELECT path, label, e_tag,
           try_mobilenet_v2(content) AS features,
           coalesce(read_error, image_error(content)) AS error
    FROM selected_images
) TO '${output}/features/' STORED AS PARQUET;
