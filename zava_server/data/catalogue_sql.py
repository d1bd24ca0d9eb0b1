"""The searches of the catalogue, as SQL.

They share their first six parameters: what may be found ($1 category or type, $2 and $3 price from
and to, $4 in stock, $5 store) and the caller's stores ($6).
"""

from __future__ import annotations

from dataclasses import dataclass

FIRST = 300
"""So many of the nearest are tried before the products that pass a filter are listed."""

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

_CARRIED = """
    i.store_id = ANY ($6::uuid[]) AND ($5::uuid IS NULL OR i.store_id = $5)
    AND (NOT $4::boolean OR i.stock_level > 0)
"""
_IN_STORES = f"""
    EXISTS (SELECT FROM retail.inventory AS i WHERE i.product_id = p.product_id AND {_CARRIED})
"""
_ANYWHERE = "NOT $4::boolean AND $5::uuid IS NULL AND $6::uuid[] IS NOT NULL"

# Categories and types are looked up first, so that products can be found by their index.
_PASSES = """
    ($1::text IS NULL OR p.category_id = ANY (array(
        SELECT t.category_id
        FROM retail.product_types AS t JOIN retail.categories AS c USING (category_id)
        WHERE lower($1) IN (lower(c.name), lower(t.name))
    )) AND p.type_id = ANY (array(
        SELECT t.type_id
        FROM retail.product_types AS t JOIN retail.categories AS c USING (category_id)
        WHERE lower($1) IN (lower(c.name), lower(t.name))
    )))
    AND ($2::float8 IS NULL OR p.base_price >= $2::float8::numeric)
    AND ($3::float8 IS NULL OR p.base_price <= $3::float8::numeric)
"""
_LISTED = "SELECT p.product_id FROM retail.products AS p WHERE {passes} AND {anywhere}"
# From the stores' side, so that products need not be read unless something else is asked of them:
# PostgreSQL then leaves out the outer join.
_LISTED_IN_STORES = """
    SELECT DISTINCT i.product_id
    FROM retail.inventory AS i LEFT JOIN retail.products AS p USING (product_id)
    WHERE {carried} AND {passes}
"""
_ALL_PASS = f"""
    $1::text IS NULL AND $2::float8 IS NULL AND $3::float8 IS NULL AND {_ANYWHERE}
"""

# The nearest, with words in common with the query counted in, and the best of them.
_AGREEING = """
agreeing AS MATERIALIZED (
    SELECT n.product_id, n.similarity
        + $12::float8 / greatest(cardinality($11::text[]), 1)
        * coalesce(length(w.words) - length(ts_delete(w.words, $11::text[])), 0) AS similarity
    FROM nearest AS n LEFT JOIN zava.product_words AS w USING (product_id)
),
best AS MATERIALIZED (
    SELECT a.product_id, least(a.similarity, 1) AS similarity
    FROM agreeing AS a
    WHERE a.similarity >= $9
    ORDER BY a.similarity DESC, a.product_id
    LIMIT $10::integer
)
SELECT {columns}, best.similarity, {stock} AS stock, ARRAY[]::text[] AS by
FROM best JOIN {products} USING (product_id)
ORDER BY best.similarity DESC, p.sku
"""


@dataclass(frozen=True, slots=True)
class Search:
    """A search as SQL: for callers who have stores, for those who filter by what stores carry, and
    for those who have none and may not even name the inventory.
    """

    with_stores: str
    carried: str
    without: str


def _search(sql: str) -> Search:
    return Search(
        with_stores=_written_out(sql, _STOCK, _ANYWHERE, _LISTED),
        carried=_written_out(sql, _STOCK, _IN_STORES, _LISTED_IN_STORES),
        without=_written_out(sql, _NO_STOCK, _ANYWHERE, _LISTED),
    )


def _written_out(sql: str, stock: str, in_stores: str, listed: str) -> str:
    shown = {"columns": _COLUMNS, "products": _PRODUCTS, "stock": stock}
    return sql.format(
        **shown,
        first=FIRST,
        all_pass=_ALL_PASS,
        passes=f"{_PASSES} AND {in_stores}",
        listed=listed.format(passes=_PASSES, carried=_CARRIED, anywhere=_ANYWHERE),
        agreeing=_AGREEING.format(**shown),
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
WITH nearest AS MATERIALIZED (
    SELECT f.product_id, f.similarity
    FROM retail.search_products_by_description(
        $7, $9::float8 - $12::float8, $13::integer, $8
    ) AS f
    WHERE {all_pass}
),
{agreeing}
""")
"""$7 the vector, $8 its model, $9 the lowest similarity, $10 how many, $11 stems, $12 what having
all of these adds, $13 how many of the nearest are looked at. Everything passes."""

NEAREST_OF_SOME = _search("""
WITH first AS MATERIALIZED (
    SELECT f.product_id, f.similarity
    FROM retail.search_products_by_description(
        $7, $9::float8 - $12::float8, {first}, $8
    ) AS f
),
passing AS MATERIALIZED (
    SELECT f.product_id, f.similarity
    FROM first AS f CROSS JOIN LATERAL (
        -- OFFSET 0: product by product. The planner would list all that pass.
        SELECT FROM retail.products AS p WHERE p.product_id = f.product_id AND {passes} OFFSET 0
    ) AS passes
    ORDER BY f.similarity DESC
    LIMIT $13::integer
),
enough AS MATERIALIZED (
    SELECT (SELECT count(*) FROM passing) >= $13
        OR (SELECT count(*) FROM first) < {first} AS so
),
nearest AS MATERIALIZED (
    SELECT product_id, similarity FROM passing WHERE (SELECT so FROM enough)
    UNION ALL
    SELECT f.product_id, f.similarity
    FROM retail.search_products_by_description(
        $7, $9::float8 - $12::float8, $13, $8,
        array({listed})
    ) AS f
    WHERE NOT (SELECT so FROM enough)
),
{agreeing}
""")
"""The same where a filter is given. The products that pass it are listed, which takes long where
they are many, only if there are too few among the first."""

BY_WORDS = _search("""
WITH word AS MATERIALIZED (
    SELECT stem AS text, quote_literal(stem)::tsquery AS query,
        (quote_literal(stem) || ':AB')::tsquery AS titled
    FROM unnest($7::text[]) AS stem
    UNION ALL
    SELECT $8, string_agg(quote_literal(c.stem), ' | ')::tsquery,
        string_agg(quote_literal(c.stem) || ':AB', ' | ')::tsquery
    FROM (
        SELECT DISTINCT stem
        FROM (
            SELECT word FROM zava.catalogue_words
            WHERE starts_with(word, $8) ORDER BY length(word), word LIMIT 20
        ) AS complete
        CROSS JOIN unnest(tsvector_to_array(to_tsvector('english', complete.word))) AS stem
    ) AS c
    WHERE $8::text IS NOT NULL
    HAVING $8::text IS NOT NULL
),
found AS MATERIALIZED (
    SELECT word.text, w.product_id,
        CASE WHEN w.words @@ word.titled THEN 1 ELSE 0.6 END::float8 AS share
    FROM word JOIN zava.product_words AS w ON w.words @@ word.query
),
term AS MATERIALIZED (
    SELECT word.text, ln(
        1 + (SELECT count(*) FROM retail.products) / (0.5 + count(found.product_id))
    )::float8 AS weight
    FROM word LEFT JOIN found USING (text)
    GROUP BY word.text
),
matching AS MATERIALIZED (
    SELECT found.product_id,
        sum(term.weight * found.share) / (SELECT sum(weight) FROM term) AS similarity
    FROM found JOIN term USING (text)
    GROUP BY found.product_id
),
best AS MATERIALIZED (
    SELECT p.product_id, m.similarity
    FROM matching AS m JOIN {products} USING (product_id)
    WHERE m.similarity >= $9::float8 AND {passes}
    ORDER BY m.similarity DESC, p.sku
    LIMIT $10::integer
),
reason AS MATERIALIZED (
    SELECT found.product_id, array_agg(found.text) AS by
    FROM best JOIN found USING (product_id)
    GROUP BY found.product_id
)
SELECT {columns}, best.similarity, {stock} AS stock, reason.by
FROM best JOIN reason USING (product_id) JOIN {products} USING (product_id)
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
SELECT
    (SELECT count(*) FROM retail.product_description_embeddings WHERE model = $1) AS embedded,
    (SELECT count(*) FROM retail.products) AS products,
    serving.model, serving.dimensions
FROM (VALUES (1)) AS one LEFT JOIN zava.embedding_models AS serving ON serving.serving
"""
