-- Search by meaning. The vectors' dimensions and model are the embedder's and are recorded,
-- so that vectors of two models are never compared.
CREATE TABLE retail.product_description_embeddings (
    product_id uuid PRIMARY KEY REFERENCES retail.products ON DELETE CASCADE,
    description_embedding vector(384) NOT NULL,
    model text NOT NULL,
    content_hash bytea NOT NULL,
    last_updated timestamptz NOT NULL DEFAULT now(),
    created_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE retail.product_description_embeddings IS 'Unit vectors of what products are for.';
COMMENT ON COLUMN retail.product_description_embeddings.product_id IS 'The product.';
COMMENT ON COLUMN retail.product_description_embeddings.description_embedding IS 'Unit length; cosine distance compares.';
COMMENT ON COLUMN retail.product_description_embeddings.model IS 'The embedding model that made the vector.';
COMMENT ON COLUMN retail.product_description_embeddings.content_hash IS 'SHA-256 of the text that was embedded.';
COMMENT ON COLUMN retail.product_description_embeddings.last_updated IS 'When the vector was made.';
COMMENT ON COLUMN retail.product_description_embeddings.created_at IS 'When the row was made.';

GRANT SELECT ON retail.product_description_embeddings
    TO store_managers, regional_managers, head_office, viewers;

CREATE FUNCTION retail.search_products_by_description(
    query_embedding vector, similarity_threshold double precision, max_results integer
)
RETURNS TABLE (product_id uuid, similarity double precision)
LANGUAGE sql STABLE
AS $$
    SELECT e.product_id, 1 - (e.description_embedding <=> query_embedding)
    FROM retail.product_description_embeddings AS e
    WHERE 1 - (e.description_embedding <=> query_embedding) >= similarity_threshold
    ORDER BY e.description_embedding <=> query_embedding
    LIMIT max_results
$$;
COMMENT ON FUNCTION retail.search_products_by_description(vector, double precision, integer)
    IS 'Products nearest in meaning to a query vector, best first; similarity 0 to 1.';
REVOKE ALL ON FUNCTION
    retail.search_products_by_description(vector, double precision, integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION
    retail.search_products_by_description(vector, double precision, integer)
    TO store_managers, regional_managers, head_office, viewers;
