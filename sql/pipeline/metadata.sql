-- What is known of each image without the network. Needs images.sql.
COPY (
    SELECT path, label, length, modification_time,
           info['width'] AS width, info['height'] AS height, info['format'] AS format
    FROM (SELECT *, image_info(content) AS info FROM selected_images)
) TO '${output}/metadata/parquet/' STORED AS PARQUET;
