"""The searches of the catalogue, as SQL.

They share their first six parameters: what may be found ($1 category or type, $2 and $3 price from
and to, $4 in stock, $5 store) and the caller's stores ($6).
"""

from __future__ import annotations

from dataclasses import dataclass

_PRODUCTS = """
retail.products AS p
    JOIN retail.categories AS c USING (category_id)
    JOIN retail.product_types AS t USING (type_id)
"""
_COLUMNS = "p.sku, p.name, c.name AS category, t.name AS product_type, p.base_price AS price"

# The caller's stores are named although row security knows them: the index starts with the store.
_STOCK = """(
    SELECT sum(i.stock_level) FROM retail.inventory AS i
    WHERE i.product_id = p.product_id AND i.store_id = ANY ($6::uuid[])
        AND ($5::uuid IS NULL OR i.store_id = $5)
)"""
_NO_STOCK = "NULL::bigint"

_STOCKED = """(
    NOT $4::boolean AND $5::uuid IS NULL
    OR p.product_id IN (
        SELECT i.product_id FROM retail.inventory AS i
        WHERE i.store_id = ANY ($6::uuid[]) AND ($5 IS NULL OR i.store_id = $5)
            AND (NOT $4 OR i.stock_level > 0)
    )
)"""
_NOT_STOCKED = "(NOT $4::boolean AND $5::uuid IS NULL AND $6::uuid[] IS NOT NULL)"

_PASSES = """
    ($1::text IS NULL OR lower($1) IN (lower(c.name), lower(t.name)))
    AND ($2::float8 IS NULL OR p.base_price >= $2::float8::numeric)
    AND ($3::float8 IS NULL OR p.base_price <= $3::float8::numeric)
    AND {stocked}
"""
# No array at all where everything passes: the vectors' index need not be filtered then.
_WANTED = """
CASE WHEN $1::text IS NULL AND $2::float8 IS NULL AND $3::float8 IS NULL
        AND NOT $4::boolean AND $5::uuid IS NULL THEN NULL
    ELSE array(SELECT p.product_id FROM {products} WHERE {passes})
END
"""


@dataclass(frozen=True, slots=True)
class Search:
    """A search for callers who have stores, and for those who have none.

    The latter may not even name the inventory.
    """

    with_stores: str
    without: str


def _search(sql: str) -> Search:
    return Search(_written_out(sql, _STOCK, _STOCKED), _written_out(sql, _NO_STOCK, _NOT_STOCKED))


def _written_out(sql: str, stock: str, stocked: str) -> str:
    passes = _PASSES.format(stocked=stocked)
    return sql.format(
        columns=_COLUMNS,
        products=_PRODUCTS,
        stock=stock,
        passes=passes,
        wanted=_WANTED.format(products=_PRODUCTS, passes=passes),
    )


EXACT = _search("""
SELECT {columns}, 1.0::float8 AS similarity, {stock} AS stock, ARRAY[found.by] AS by
FROM {products}
CROSS JOIN LATERAL (
    SELECT CASE
        WHEN zava.sku_key(p.sku) = ANY ($8::text[]) THEN 'sku'
        WHEN zava.name_key(p.name) = zava.name_key($7) THEN 'name'
        ELSE 'start' END AS by
) AS found
WHERE (
    zava.sku_key(p.sku) = ANY ($8::text[])
    OR md5(zava.name_key(p.name)) = md5(zava.name_key($7))
    OR zava.sku_key(p.sku) ~>=~ $9::text AND zava.sku_key(p.sku) ~<~ ($9::text || '~')
) AND {passes}
ORDER BY array_position(ARRAY['sku', 'name', 'start'], found.by), p.sku
LIMIT 100
""")
"""$7 the name, $8 keys of SKUs, $9 the start of one or NULL."""

NEAREST = _search("""
WITH near AS MATERIALIZED (
    SELECT f.product_id, f.similarity
        + $12::float8 / greatest(cardinality($11::text[]), 1)
        * coalesce(length(w.words) - length(ts_delete(w.words, $11::text[])), 0) AS similarity
    FROM retail.search_products_by_description(
        $7, $9::float8 - $12::float8, $13::integer, $8, {wanted}
    ) AS f
    LEFT JOIN zava.product_words AS w USING (product_id)
),
best AS MATERIALIZED (
    SELECT n.product_id, least(n.similarity, 1) AS similarity
    FROM near AS n
    WHERE n.similarity >= $9
    ORDER BY n.similarity DESC, n.product_id
    LIMIT $10::integer
)
SELECT {columns}, best.similarity, {stock} AS stock, ARRAY[]::text[] AS by
FROM best JOIN {products} USING (product_id)
ORDER BY best.similarity DESC, p.sku
""")
"""$7 the vector, $8 its model, $9 the lowest similarity, $10 how many, $11 stems, $12 what having
all of these adds, $13 how many of the nearest are looked at."""

BY_WORDS = _search("""
WITH term AS MATERIALIZED (
    SELECT word.text, word.query,
        ln(1 + (SELECT count(*) FROM zava.product_words) / (0.5 + (
            SELECT count(*) FROM zava.product_words AS w WHERE w.words @@ word.query
        ))) AS weight
    FROM (
        SELECT stem AS text, quote_literal(stem)::tsquery AS query
        FROM unnest($7::text[]) AS stem
        UNION ALL
        SELECT $8, coalesce((
            SELECT string_agg(DISTINCT quote_literal(stem), ' | ')::tsquery
            FROM (
                SELECT word FROM zava.catalogue_words
                WHERE starts_with(word, $8) ORDER BY length(word), word LIMIT 20
            ) AS complete
            CROSS JOIN unnest(tsvector_to_array(to_tsvector('english', complete.word))) AS stem
        ), '')
        WHERE $8::text IS NOT NULL
    ) AS word
),
matching AS MATERIALIZED (
    SELECT w.product_id, array_agg(term.text) AS by,
        sum(term.weight * CASE
            WHEN ts_filter(w.words, '{{a,b}}') @@ term.query THEN 1 ELSE 0.6 END
        ) / (SELECT sum(weight) FROM term) AS similarity
    FROM term JOIN zava.product_words AS w ON w.words @@ term.query
    GROUP BY w.product_id
),
best AS MATERIALIZED (
    SELECT p.product_id, m.similarity::float8, m.by
    FROM matching AS m JOIN {products} USING (product_id)
    WHERE m.similarity >= $9::float8 AND {passes}
    ORDER BY m.similarity DESC, p.sku
    LIMIT $10::integer
)
SELECT {columns}, best.similarity, {stock} AS stock, best.by
FROM best JOIN {products} USING (product_id)
ORDER BY best.similarity DESC, p.sku
""")
"""$7 stems, $8 the start of a word or NULL, $9 the lowest similarity, $10 how many.

A stem weighs the more the fewer products have it (Spärck Jones, 1972), and a word of the
description six tenths of one of the name, type or category."""

WORDS = """
SELECT w.word, tsvector_to_array(to_tsvector('english', w.word)) AS stems,
    EXISTS (SELECT FROM zava.catalogue_words AS c WHERE c.word = w.word) AS in_catalogue
FROM unnest($1::text[]) WITH ORDINALITY AS w (word, place)
ORDER BY w.place
"""

SIMILAR_WORDS = """
SELECT w.word, array(SELECT zava.similar_words(w.word, $2::integer)) AS others
FROM unnest($1::text[]) AS w (word)
"""

VECTOR_OF = """
SELECT p.sku, e.description_embedding AS vector, e.model
FROM retail.products AS p
LEFT JOIN retail.product_description_embeddings AS e USING (product_id)
WHERE zava.sku_key(p.sku) = $1
LIMIT 1
"""

CATEGORY_NAMES = "SELECT name FROM retail.categories ORDER BY name"

HAS_CATEGORY = """
SELECT EXISTS (SELECT FROM retail.categories WHERE lower(name) = lower($1))
    OR EXISTS (SELECT FROM retail.product_types WHERE lower(name) = lower($1))
"""

COVERAGE = """
SELECT count(e.product_id) FILTER (WHERE e.model = $1) AS embedded, count(*) AS products
FROM retail.products AS p
LEFT JOIN retail.product_description_embeddings AS e USING (product_id)
"""
