-- One row an image: what the listing and the header say of it, and its features, or the reason why
-- it has none. Each object is read once, and decoded again only for the reason; decoding has a limit
-- of time, so that it may succeed then. Needs images.sql.
COPY (
    SELECT path, label, length, modification_time, e_tag,
           info['width'] AS width, info['height'] AS height, info['format'] AS format,
           info['color'] AS color, features,
           CASE WHEN features IS NULL
                THEN coalesce(read_error, reason, 'it was not decoded in time: the next run tries again')
           END AS error
    FROM (
        SELECT *, CASE WHEN features IS NULL THEN image_error(content) END AS reason
        FROM (
            SELECT *, image_info(content) AS info, try_mobilenet_v2(content) AS features
            FROM selected_images
        )
    )
) TO '${output}/features/' STORED AS PARQUET
-- A dictionary of numbers that hardly repeat costs time, and a tenth of the bytes.
OPTIONS ('format.dictionary_enabled::features.list.item' 'false');
