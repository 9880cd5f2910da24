-- The log for Grafana's PostgreSQL data source. Run the view once, as the owner of the table (its name stands in FROM),
-- and GRANT SELECT ON permission_decisions to Grafana's role. Each query after it is that of one panel.

-- view: one row for each decision. weight is more than 1 where a SampleLogger kept only some of the events.
CREATE OR REPLACE VIEW permission_decisions AS
SELECT created_at AS "time", action, manager, coalesce(nullif(user_id, ''), user_repr) AS "user", granted, bypassed,
	attributes, permissions, metadata ->> 'request_id' AS request_id, metadata ->> 'deployment' AS deployment,
	CASE WHEN jsonb_typeof(metadata -> 'sample_rate') = 'number' AND (metadata ->> 'sample_rate')::numeric > 0 AND (metadata ->> 'sample_rate')::numeric <= 1
		THEN 1 / (metadata ->> 'sample_rate')::numeric ELSE 1 END AS weight
FROM permission_audit_log
WHERE action <> 'gap';

-- panel: denied per minute, by manager (time series)
SELECT date_trunc('minute', "time") AS "time", coalesce(manager, '(none)') AS metric, sum(weight) AS denied
FROM permission_decisions
WHERE NOT granted AND $__timeFilter("time")
GROUP BY 1, 2
ORDER BY 1, 2;

-- panel: share of denied decisions, by hour (time series, unit percent 0.0-1.0)
SELECT date_trunc('hour', "time") AS "time", coalesce(sum(weight) FILTER (WHERE NOT granted), 0) / sum(weight) AS denied
FROM permission_decisions
WHERE $__timeFilter("time")
GROUP BY 1
ORDER BY 1;

-- panel: what is denied most (table)
SELECT coalesce(d.manager, '(none)') AS manager, a.attribute, sum(d.weight) AS denied, count(DISTINCT d."user") AS users, min(d."time") AS first, max(d."time") AS last
FROM permission_decisions AS d LEFT JOIN LATERAL jsonb_array_elements_text(d.attributes) AS a(attribute) ON true
WHERE NOT d.granted AND $__timeFilter(d."time")
GROUP BY 1, 2
ORDER BY users DESC, denied DESC
LIMIT 20;

-- panel: who bypasses the rules (table)
SELECT coalesce("user", '(nobody)') AS "user", coalesce(manager, '(none)') AS manager, sum(weight) AS bypassed, max("time") AS last
FROM permission_decisions
WHERE bypassed AND $__timeFilter("time")
GROUP BY 1, 2
ORDER BY bypassed DESC, last DESC
LIMIT 20;

-- panel: events that the log lacks (stat; more than 0 deserves an alert)
SELECT coalesce(sum((metadata ->> 'dropped')::numeric), 0) AS dropped
FROM permission_audit_log
WHERE action = 'gap' AND $__timeFilter(created_at);
