-- Which queue an alert waits in: 0 is urgent (break-glass, trust, a blinded audit), 1 is the rest.
ALTER TABLE notifications ADD COLUMN lane INTEGER NOT NULL DEFAULT 1;
ALTER TABLE deliveries ADD COLUMN lane INTEGER NOT NULL DEFAULT 1;

-- What cannot be read stays where it is, in the lane of the rest.
UPDATE notifications SET lane = 0
WHERE CASE WHEN json_valid(body) THEN
    json_extract(body, '$.case.category') IN ('BREAK_GLASS', 'TRUST_CHAIN', 'AUDIT_BLINDED')
    OR EXISTS (SELECT 1 FROM json_each(body, '$.case.findings')
        WHERE json_extract(value, '$.category') IN ('BREAK_GLASS', 'TRUST_CHAIN', 'AUDIT_BLINDED'))
    ELSE 0 END;
UPDATE deliveries SET lane = 0
WHERE notification_id IN (SELECT id FROM notifications WHERE lane = 0);

DROP INDEX notifications_to_route;
CREATE INDEX notifications_to_route ON notifications (lane, at, id) WHERE routed = 0;
DROP INDEX deliveries_due;
CREATE INDEX deliveries_due ON deliveries (output, lane, due_at, notification_id) WHERE state = 'PENDING';
-- What was given up is counted and listed without a look at all that was delivered.
CREATE INDEX deliveries_dead ON deliveries (output) WHERE state = 'DEAD';
