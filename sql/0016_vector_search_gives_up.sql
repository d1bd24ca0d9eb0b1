-- As before, but for when the index is given up.
--
-- The statements inside name the model as a constant: the indexes are partial, one for each model.
--
-- Wanted products, if not NULL, are those that pass a filter. Few of them are compared one by one; for
-- many the index is read on until enough are found. Where those that pass lie far from the query it
-- gives up after hnsw.max_scan_tuples, and they are compared one by one after all: reading on to the
-- end took 2 s of 100,000 vectors, comparing the 20,000 wanted ones a tenth of that.
CREATE OR REPLACE FUNCTION retail.search_products_by_description(
    query_embedding vector, similarity_threshold double precision, max_results integer,
    query_model text DEFAULT NULL, wanted uuid[] DEFAULT NULL
)
RETURNS TABLE (product_id uuid, similarity double precision)
LANGUAGE plpgsql STABLE
SET hnsw.ef_search = 200
SET hnsw.iterative_scan = 'relaxed_order'
SET hnsw.max_scan_tuples = 5000
SET hnsw.scan_mem_multiplier = 16
AS $$
DECLARE
    serves zava.embedding_models;
    one_by_one CONSTANT bigint := 10000;
    ids uuid[];
    distances double precision[];
BEGIN
    SELECT m.* INTO serves FROM zava.embedding_models AS m WHERE m.serving;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    IF query_model <> serves.model OR vector_dims(query_embedding) <> serves.dimensions THEN
        RAISE EXCEPTION USING
            ERRCODE = 'ZV001',
            MESSAGE = format(
                'The catalogue''s vectors are of %s (%s dimensions), the search''s is of %s (%s).',
                serves.model, serves.dimensions,
                coalesce(query_model, 'another model'), vector_dims(query_embedding)
            );
    END IF;

    IF serves.approximate AND (wanted IS NULL OR cardinality(wanted) > one_by_one) THEN
        EXECUTE format(
            $sql$
                SELECT array_agg(near.product_id), array_agg(near.distance)
                FROM (
                    SELECT e.product_id, e.description_embedding <=> $1 AS distance
                    FROM retail.product_description_embeddings AS e
                    WHERE e.model = %1$L AND e.dimensions = %2$s
                        AND ($3 IS NULL OR e.product_id = ANY ($3))
                    ORDER BY e.description_embedding::%3$s(%2$s) <=> $1::%3$s(%2$s)
                    LIMIT $2
                ) AS near
            $sql$,
            serves.model, serves.dimensions,
            CASE WHEN serves.dimensions < 1024 THEN 'vector' ELSE 'halfvec' END
        )
        INTO ids, distances
        USING query_embedding, max_results, wanted;
    END IF;
    IF cardinality(ids) >= least(max_results, cardinality(wanted)) THEN
        RETURN QUERY
            SELECT near.id, 1 - near.distance
            FROM unnest(ids, distances) AS near (id, distance)
            WHERE 1 - near.distance >= similarity_threshold
            ORDER BY near.distance;
        RETURN;
    END IF;

    RETURN QUERY EXECUTE format(
        $sql$
            SELECT near.product_id, 1 - near.distance
            FROM (
                SELECT e.product_id, e.description_embedding <=> $1 AS distance
                FROM retail.product_description_embeddings AS e
                WHERE e.model = %1$L AND e.dimensions = %2$s %3$s
                ORDER BY distance
                LIMIT $2
            ) AS near
            WHERE 1 - near.distance >= $4
            ORDER BY near.distance
        $sql$,
        serves.model, serves.dimensions,
        CASE WHEN wanted IS NOT NULL THEN 'AND e.product_id = ANY ($3)' END
    )
    USING query_embedding, max_results, wanted, similarity_threshold;
END
$$;
