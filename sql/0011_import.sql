-- A retailer who brings their own data has no use for the demo's: no row here, and an empty database
-- is filled with the demo data when it is made ready.
CREATE TABLE zava.own_data (
    declared_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE zava.own_data IS 'Has a row where the data are the retailer''s own, so that no demo data are loaded.';
COMMENT ON COLUMN zava.own_data.declared_at IS 'When that was said.';
