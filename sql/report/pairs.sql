-- The cosine of each candidate pair, of the features themselves.
SELECT c.number,
       inner_product(a.features, b.features)
       / sqrt(inner_product(a.features, a.features) * inner_product(b.features, b.features)) AS cosine
FROM report_candidates c
JOIN features a ON a.path = c.first
JOIN features b ON b.path = c.second
ORDER BY c.number;
