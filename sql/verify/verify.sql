-- The verdicts. Needs verify_sides.sql and verify_features.sql, verify_pca.sql or both.
SELECT * FROM (
${verdicts}
) ORDER BY "column";
