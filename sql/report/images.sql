-- The files of the images to be shown, in the order of their importance, as long as they are not
-- too many to be read again: ${images} files, of ${bytes} in all and ${largest} each.
SELECT path, label, length, modification_time, CAST(NULL AS VARCHAR) AS e_tag
FROM (
    SELECT m.*, w.number,
           sum(m.length) OVER (ORDER BY w.number ROWS UNBOUNDED PRECEDING) AS bytes_so_far
    FROM report_wanted w JOIN metadata m ON m.path = w.path
    WHERE m.length <= ${largest}
)
WHERE bytes_so_far <= ${bytes} ORDER BY number LIMIT ${images};
