-- Vectors of any length, of the model that serves and of the one that will. A switch of models builds
-- the new vectors beside the old ones and then moves one flag: a search sees either all of the old
-- ones or all of the new ones, and waits for nothing.
CREATE TABLE zava.embedding_models (
    model text NOT NULL,
    dimensions integer NOT NULL CHECK (dimensions BETWEEN 1 AND 16000),
    serving boolean NOT NULL DEFAULT false,
    approximate boolean NOT NULL DEFAULT false,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (model, dimensions)
);
CREATE UNIQUE INDEX one_model_serves ON zava.embedding_models (serving) WHERE serving;
COMMENT ON TABLE zava.embedding_models IS 'Models of which the catalogue has vectors, or will have.';
COMMENT ON COLUMN zava.embedding_models.model IS 'The embedder''s name for it; vectors of two are never compared.';
COMMENT ON COLUMN zava.embedding_models.dimensions IS 'The vectors'' length.';
COMMENT ON COLUMN zava.embedding_models.serving IS 'Whether searches use it; one at most.';
COMMENT ON COLUMN zava.embedding_models.approximate IS 'Whether searches use its HNSW index; else they compare every vector.';
COMMENT ON COLUMN zava.embedding_models.created_at IS 'When its first vectors were asked for.';

ALTER TABLE retail.product_description_embeddings
    ALTER COLUMN description_embedding TYPE vector,
    -- Sampling long vectors would tell the planner nothing.
    ALTER COLUMN description_embedding SET STATISTICS 0,
    ADD COLUMN dimensions integer NOT NULL
        GENERATED ALWAYS AS (vector_dims(description_embedding)) STORED,
    DROP CONSTRAINT product_description_embeddings_pkey,
    ADD PRIMARY KEY (product_id, model, dimensions),
    -- 1,536 dimensions are 6 kB: in the row, or every comparison would fetch them from elsewhere.
    SET (toast_tuple_target = 8160);
COMMENT ON COLUMN retail.product_description_embeddings.dimensions IS 'The vector''s length.';

INSERT INTO zava.embedding_models (model, dimensions, serving)
SELECT e.model, e.dimensions, row_number() OVER (ORDER BY count(*) DESC, e.model) = 1
FROM retail.product_description_embeddings AS e
GROUP BY e.model, e.dimensions;

-- Callers see the vectors that serve. Their own SQL joins them by product alone.
GRANT USAGE ON SCHEMA zava TO store_managers, regional_managers, head_office, viewers;
GRANT SELECT ON zava.embedding_models
    TO zava_app, store_managers, regional_managers, head_office, viewers;
ALTER TABLE retail.product_description_embeddings ENABLE ROW LEVEL SECURITY;
CREATE POLICY readers_see_what_serves ON retail.product_description_embeddings FOR SELECT
    TO store_managers, regional_managers, head_office, viewers
    USING ((model, dimensions) = (
        SELECT m.model, m.dimensions FROM zava.embedding_models AS m WHERE m.serving
    ));

DROP FUNCTION retail.search_products_by_description(vector, double precision, integer);

-- The statements inside name the model as a constant: the indexes are partial, one for each model.
--
-- Wanted products, if not NULL, are those that pass a filter. Few of them are compared one by one;
-- for many the index is read on until enough are found, and should it give up (it stops at
-- hnsw.scan_mem_multiplier times work_mem), they are compared one by one after all.
CREATE FUNCTION retail.search_products_by_description(
    query_embedding vector, similarity_threshold double precision, max_results integer,
    query_model text DEFAULT NULL, wanted uuid[] DEFAULT NULL
)
RETURNS TABLE (product_id uuid, similarity double precision)
LANGUAGE plpgsql STABLE
SET hnsw.ef_search = 100
SET hnsw.iterative_scan = 'relaxed_order'
SET hnsw.max_scan_tuples = 2147483647
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
    IF cardinality(ids) >= least(max_results, coalesce(cardinality(wanted), 1)) THEN
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
COMMENT ON FUNCTION retail.search_products_by_description(
    vector, double precision, integer, text, uuid[]
) IS 'Products nearest in meaning to a query vector, best first; similarity 0 to 1.';
REVOKE ALL ON FUNCTION retail.search_products_by_description(
    vector, double precision, integer, text, uuid[]
) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION retail.search_products_by_description(
    vector, double precision, integer, text, uuid[]
) TO store_managers, regional_managers, head_office, viewers;
