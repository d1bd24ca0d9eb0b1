-- Words of the catalogue: what lexical search reads, and what misspelt words are compared with.
-- They follow the catalogue by triggers, so that products can be found the moment they are there,
-- before any of them has a vector.

-- Trusted: whoever may create objects in the database may have it. A server without its files does
-- without; similar words are then looked for among those with the same first letter.
DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_available_extensions WHERE name = 'pg_trgm') THEN
        CREATE EXTENSION IF NOT EXISTS pg_trgm;
    END IF;
EXCEPTION WHEN insufficient_privilege THEN
    RAISE NOTICE 'pg_trgm may not be created: %', SQLERRM;
END
$$;

CREATE TABLE zava.product_words (
    product_id uuid PRIMARY KEY REFERENCES retail.products ON DELETE CASCADE,
    words tsvector NOT NULL
);
COMMENT ON TABLE zava.product_words IS 'The words by which products are found.';
COMMENT ON COLUMN zava.product_words.product_id IS 'The product.';
COMMENT ON COLUMN zava.product_words.words IS 'Stems: of its name (A), type and category (B), description (D).';

CREATE TABLE zava.catalogue_words (
    word text COLLATE "C" PRIMARY KEY
);
COMMENT ON TABLE zava.catalogue_words IS 'Every word of the catalogue as it is written, in lower case.';
COMMENT ON COLUMN zava.catalogue_words.word IS 'The word. It stays when its last product goes, which harms nobody.';

GRANT USAGE ON SCHEMA zava TO store_managers, regional_managers, head_office, viewers;
GRANT SELECT ON zava.product_words, zava.catalogue_words
    TO store_managers, regional_managers, head_office, viewers;

CREATE FUNCTION zava.collect_words(products uuid[]) RETURNS void
LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$
    INSERT INTO zava.product_words AS w (product_id, words)
    SELECT p.product_id,
        setweight(to_tsvector('english', p.name), 'A')
            || setweight(to_tsvector('english', t.name || ' ' || c.name), 'B')
            || to_tsvector('english', p.description)
    FROM retail.products AS p
    JOIN retail.product_types AS t USING (type_id)
    JOIN retail.categories AS c ON c.category_id = p.category_id
    WHERE p.product_id = ANY (products)
    ON CONFLICT (product_id) DO UPDATE SET words = excluded.words
    WHERE w.words <> excluded.words;

    INSERT INTO zava.catalogue_words (word)
    SELECT DISTINCT word.word
    FROM retail.products AS p
    JOIN retail.product_types AS t USING (type_id)
    JOIN retail.categories AS c ON c.category_id = p.category_id
    CROSS JOIN LATERAL unnest(tsvector_to_array(to_tsvector(
        'simple', concat_ws(' ', p.name, t.name, c.name, p.description)
    ))) AS word (word)
    WHERE p.product_id = ANY (products) AND word.word ~ '^[[:alpha:]]{3,}$'
    -- In one order, so that two writers do not wait for each other.
    ORDER BY word.word
    ON CONFLICT DO NOTHING;
$$;
COMMENT ON FUNCTION zava.collect_words(uuid[]) IS 'Writes the words of these products anew.';
REVOKE ALL ON FUNCTION zava.collect_words(uuid[]) FROM PUBLIC;

CREATE FUNCTION zava.words_follow_products() RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        PERFORM zava.collect_words(array(SELECT product_id FROM new_rows));
    ELSE
        -- A new price is no new word.
        PERFORM zava.collect_words(array(
            SELECT n.product_id
            FROM new_rows AS n LEFT JOIN old_rows AS o USING (product_id)
            WHERE (n.name, n.description, n.type_id, n.category_id)
                IS DISTINCT FROM (o.name, o.description, o.type_id, o.category_id)
        ));
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER words_after_insert AFTER INSERT ON retail.products
    REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION zava.words_follow_products();
CREATE TRIGGER words_after_update AFTER UPDATE ON retail.products
    REFERENCING NEW TABLE AS new_rows OLD TABLE AS old_rows
    FOR EACH STATEMENT EXECUTE FUNCTION zava.words_follow_products();

CREATE FUNCTION zava.words_follow_names() RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF TG_TABLE_NAME = 'categories' THEN
        PERFORM zava.collect_words(array(
            SELECT p.product_id
            FROM retail.products AS p
            JOIN new_rows AS n USING (category_id) JOIN old_rows AS o USING (category_id)
            WHERE n.name <> o.name
        ));
    ELSE
        PERFORM zava.collect_words(array(
            SELECT p.product_id
            FROM retail.products AS p
            JOIN new_rows AS n USING (type_id) JOIN old_rows AS o USING (type_id)
            WHERE n.name <> o.name
        ));
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER words_after_rename AFTER UPDATE ON retail.product_types
    REFERENCING NEW TABLE AS new_rows OLD TABLE AS old_rows
    FOR EACH STATEMENT EXECUTE FUNCTION zava.words_follow_names();
CREATE TRIGGER words_after_rename AFTER UPDATE ON retail.categories
    REFERENCING NEW TABLE AS new_rows OLD TABLE AS old_rows
    FOR EACH STATEMENT EXECUTE FUNCTION zava.words_follow_names();
REVOKE ALL ON FUNCTION zava.words_follow_products(), zava.words_follow_names() FROM PUBLIC;

SELECT zava.collect_words(array(SELECT product_id FROM retail.products));
CREATE INDEX product_words_by_word ON zava.product_words USING gin (words);

-- Codes and names as people type them: any case, any punctuation.
CREATE FUNCTION zava.sku_key(sku text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN upper(regexp_replace(sku, '[^[:alnum:]]+', '', 'g'));
COMMENT ON FUNCTION zava.sku_key(text) IS 'Letters and digits of a SKU, in capitals.';
CREATE FUNCTION zava.name_key(name text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN lower(btrim(regexp_replace(name, '[^[:alnum:]]+', ' ', 'g')));
COMMENT ON FUNCTION zava.name_key(text) IS 'Letters and digits of a name, in small letters, one space between words.';
CREATE INDEX products_by_sku_key ON retail.products (zava.sku_key(sku) text_pattern_ops);
-- A name may be longer than an index entry.
CREATE INDEX products_by_name_key ON retail.products (md5(zava.name_key(name)));

-- Words of the catalogue that look like one that is not among them.
DO $$
DECLARE
    trigrams text;
BEGIN
    SELECT n.nspname INTO trigrams
    FROM pg_extension AS e JOIN pg_namespace AS n ON n.oid = e.extnamespace
    WHERE e.extname = 'pg_trgm';
    IF trigrams IS NOT NULL THEN
        EXECUTE format(
            'CREATE INDEX catalogue_words_by_trigram ON zava.catalogue_words'
            ' USING gin (word %I.gin_trgm_ops)', trigrams
        );
        EXECUTE format(
            $sql$
                CREATE FUNCTION zava.similar_words(misspelt text, most integer)
                RETURNS SETOF text LANGUAGE sql STABLE
                AS $body$
                    SELECT w.word FROM zava.catalogue_words AS w
                    WHERE w.word OPERATOR(%1$I.%%) misspelt
                    ORDER BY %1$I.similarity(w.word, misspelt) DESC, w.word
                    LIMIT most
                $body$
            $sql$, trigrams
        );
    ELSE
        CREATE INDEX catalogue_words_by_start ON zava.catalogue_words (left(word, 1), length(word));
        CREATE FUNCTION zava.similar_words(misspelt text, most integer)
        RETURNS SETOF text LANGUAGE sql STABLE
        AS $body$
            -- As many as there are: the caller chooses by edit distance.
            SELECT w.word FROM zava.catalogue_words AS w
            WHERE left(w.word, 1) = left(misspelt, 1)
                AND length(w.word) BETWEEN length(misspelt) - 2 AND length(misspelt) + 2
        $body$;
    END IF;
    COMMENT ON FUNCTION zava.similar_words(text, integer)
        IS 'Words of the catalogue that look like a misspelt one, the likest first.';
    REVOKE ALL ON FUNCTION zava.similar_words(text, integer) FROM PUBLIC;
    GRANT EXECUTE ON FUNCTION zava.similar_words(text, integer)
        TO store_managers, regional_managers, head_office, viewers;
END
$$;
