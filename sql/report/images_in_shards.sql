-- The files of the images to be shown, as images.sql has them, where some of them are in shards: where
-- in its shard an image lies is in the e_tag of its features.
SELECT path, label, length, modification_time, e_tag
FROM (
    SELECT m.*, f.e_tag, w.number,
           sum(m.length) OVER (ORDER BY w.number ROWS UNBOUNDED PRECEDING) AS bytes_so_far
    FROM report_wanted w
    JOIN metadata m ON m.path = w.path
    JOIN (SELECT path, e_tag FROM features) f ON f.path = w.path
    WHERE m.length <= ${largest}
)
WHERE bytes_so_far <= ${bytes} ORDER BY number LIMIT ${images};
