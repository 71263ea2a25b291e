-- The ledger's tables as version 1 made them.
CREATE TABLE schema_version (
    version SERIAL NOT NULL,
    PRIMARY KEY (version)
);
CREATE FUNCTION schema_version_append_only() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'schema_version is append-only'; END $$; CREATE TRIGGER schema_version_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON schema_version EXECUTE FUNCTION schema_version_append_only();
CREATE TABLE usage_events (
    sequence BIGSERIAL NOT NULL,
    source VARCHAR(200) NOT NULL,
    id VARCHAR(200) NOT NULL,
    tenant VARCHAR(63) NOT NULL,
    kind VARCHAR(63) NOT NULL,
    namespace TEXT NOT NULL,
    name TEXT NOT NULL,
    uid TEXT NOT NULL,
    time_us BIGINT NOT NULL,
    code INTEGER,
    quantities TEXT NOT NULL,
    PRIMARY KEY (sequence),
    UNIQUE (source, id)
);
CREATE INDEX usage_events_by_tenant ON usage_events (tenant, time_us);
CREATE FUNCTION usage_events_append_only() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'usage_events is append-only'; END $$; CREATE TRIGGER usage_events_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON usage_events EXECUTE FUNCTION usage_events_append_only();
CREATE TABLE usage_conflicts (
    sequence BIGSERIAL NOT NULL,
    source VARCHAR(200) NOT NULL,
    id VARCHAR(200) NOT NULL,
    event TEXT NOT NULL,
    PRIMARY KEY (sequence),
    UNIQUE (source, id, event)
);
CREATE FUNCTION usage_conflicts_append_only() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'usage_conflicts is append-only'; END $$; CREATE TRIGGER usage_conflicts_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON usage_conflicts EXECUTE FUNCTION usage_conflicts_append_only();
CREATE TABLE privacy_entries (
    sequence BIGSERIAL NOT NULL,
    dataset VARCHAR(2048) NOT NULL,
    job_uid VARCHAR(200) NOT NULL,
    job_ref TEXT NOT NULL,
    entry VARCHAR(16) NOT NULL,
    sampling_rate DOUBLE PRECISION NOT NULL,
    noise_multiplier DOUBLE PRECISION NOT NULL,
    steps BIGINT NOT NULL,
    budget_epsilon DOUBLE PRECISION NOT NULL,
    budget_delta DOUBLE PRECISION NOT NULL,
    recorded_us BIGINT NOT NULL,
    PRIMARY KEY (sequence)
);
CREATE INDEX privacy_entries_by_job ON privacy_entries (job_uid, sequence);
CREATE INDEX privacy_entries_by_dataset ON privacy_entries (dataset, sequence);
CREATE FUNCTION privacy_entries_append_only() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'privacy_entries is append-only'; END $$; CREATE TRIGGER privacy_entries_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON privacy_entries EXECUTE FUNCTION privacy_entries_append_only();
INSERT INTO schema_version VALUES (1);
