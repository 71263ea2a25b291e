-- The ledger's tables as version 1 made them.
CREATE TABLE schema_version (
    version INTEGER NOT NULL,
    PRIMARY KEY (version)
);
CREATE TRIGGER schema_version_no_update BEFORE UPDATE ON schema_version BEGIN SELECT RAISE(ABORT, 'schema_version is append-only'); END;
CREATE TRIGGER schema_version_no_delete BEFORE DELETE ON schema_version BEGIN SELECT RAISE(ABORT, 'schema_version is append-only'); END;
CREATE TABLE usage_events (
    sequence INTEGER NOT NULL,
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
CREATE TRIGGER usage_events_no_update BEFORE UPDATE ON usage_events BEGIN SELECT RAISE(ABORT, 'usage_events is append-only'); END;
CREATE TRIGGER usage_events_no_delete BEFORE DELETE ON usage_events BEGIN SELECT RAISE(ABORT, 'usage_events is append-only'); END;
CREATE TABLE usage_conflicts (
    sequence INTEGER NOT NULL,
    source VARCHAR(200) NOT NULL,
    id VARCHAR(200) NOT NULL,
    event TEXT NOT NULL,
    PRIMARY KEY (sequence),
    UNIQUE (source, id, event)
);
CREATE TRIGGER usage_conflicts_no_update BEFORE UPDATE ON usage_conflicts BEGIN SELECT RAISE(ABORT, 'usage_conflicts is append-only'); END;
CREATE TRIGGER usage_conflicts_no_delete BEFORE DELETE ON usage_conflicts BEGIN SELECT RAISE(ABORT, 'usage_conflicts is append-only'); END;
CREATE TABLE privacy_entries (
    sequence INTEGER NOT NULL,
    dataset VARCHAR(2048) NOT NULL,
    job_uid VARCHAR(200) NOT NULL,
    job_ref TEXT NOT NULL,
    entry VARCHAR(16) NOT NULL,
    sampling_rate DOUBLE NOT NULL,
    noise_multiplier DOUBLE NOT NULL,
    steps BIGINT NOT NULL,
    budget_epsilon DOUBLE NOT NULL,
    budget_delta DOUBLE NOT NULL,
    recorded_us BIGINT NOT NULL,
    PRIMARY KEY (sequence)
);
CREATE INDEX privacy_entries_by_job ON privacy_entries (job_uid, sequence);
CREATE INDEX privacy_entries_by_dataset ON privacy_entries (dataset, sequence);
CREATE TRIGGER privacy_entries_no_update BEFORE UPDATE ON privacy_entries BEGIN SELECT RAISE(ABORT, 'privacy_entries is append-only'); END;
CREATE TRIGGER privacy_entries_no_delete BEFORE DELETE ON privacy_entries BEGIN SELECT RAISE(ABORT, 'privacy_entries is append-only'); END;
INSERT INTO schema_version VALUES (1);
