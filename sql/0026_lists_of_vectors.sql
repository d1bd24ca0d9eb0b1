-- An IVFFlat index in place of HNSW. A catalogue of variants (a maker, a finish, a size of one thing)
-- stands in tight groups with little between them. There HNSW's graph falls into islands: of 515 groups
-- of 194 products each, it found 36 of 100 nearest, and no setting of a search mends that. Lists of
-- neighbours do not care, are built in a tenth of the time and are smaller. How many of them a search
-- reads is measured when the index is built (`zava_server/data/vector_index.py`), on the vectors
-- themselves.
ALTER TABLE zava.embedding_models
    ADD COLUMN probes integer NOT NULL DEFAULT 20 CHECK (probes > 0);
COMMENT ON COLUMN zava.embedding_models.probes
    IS 'How many lists of the index a search reads for nearly the same answer as the exact one.';
COMMENT ON COLUMN zava.embedding_models.approximate
    IS 'Whether searches use its IVFFlat index; else they compare every vector.';

UPDATE zava.embedding_models SET approximate = false;
DO $$
DECLARE
    target regclass;
BEGIN
    -- Loads the extension, whose settings are named below.
    PERFORM '[1]'::vector;
    FOR target IN
        SELECT c.oid FROM pg_class AS c
        WHERE c.relnamespace = 'retail'::regnamespace AND c.relname LIKE 'embeddings\_near\_%'
    LOOP
        EXECUTE format('DROP INDEX %s', target);
    END LOOP;
END
$$;

-- As before, by the other index. It is read on, list by list, until enough pass a filter.
CREATE OR REPLACE FUNCTION retail.search_products_by_description(
    query_embedding vector, similarity_threshold double precision, max_results integer,
    query_model text DEFAULT NULL, wanted uuid[] DEFAULT NULL
)
RETURNS TABLE (product_id uuid, similarity double precision)
LANGUAGE plpgsql STABLE
SET ivfflat.probes = 20
SET ivfflat.iterative_scan = 'relaxed_order'
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
