-- What the role of a function may do, and nothing else: `:role` is its name. The journal and the ledger are
-- added to, and never changed; nothing is deleted but what leaves the revocation list or the trust chain.
DO $$ BEGIN EXECUTE format('GRANT USAGE ON SCHEMA %I TO :role', current_schema()); END $$;

REVOKE ALL ON _sqlx_migrations,
    entries, personal, deployments, denials, break_glass_uses, signings, revocations, seen_events, quarantine, cases,
    findings, correlations, justifications, drills, notifications, deliveries, occurrences, resources, facts,
    expectations, heard, parts, reconciled, tree, looked, tree_nodes, checkpoints
    FROM :role;

GRANT SELECT ON _sqlx_migrations TO :role;

GRANT SELECT, INSERT ON
    entries, personal, tree_nodes, checkpoints,
    deployments, denials, break_glass_uses, signings, seen_events, quarantine, findings, correlations,
    justifications, drills, facts
    TO :role;

GRANT SELECT, UPDATE ON tree, looked TO :role;

GRANT SELECT, INSERT, UPDATE ON
    cases, notifications, deliveries, expectations, heard, parts, reconciled
    TO :role;

GRANT SELECT, INSERT, DELETE ON revocations TO :role;
GRANT SELECT, INSERT, UPDATE, DELETE ON resources, occurrences TO :role;
