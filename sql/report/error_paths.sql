-- The first images without features for a reason.
SELECT path FROM features WHERE error = '${reason}' ORDER BY path LIMIT ${paths};
